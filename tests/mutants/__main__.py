"""`python -m tests.mutants [--seed 0] [--count 400]`: would the tests notice if the code were wrong?

A seeded sample of mutants, each against the tests of its module. Results go to a file line by line: the same command again
goes on, and tries again what survived tests that have changed since. It takes about 40 minutes on two idle cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.mutants.judges import judges_of
from tests.mutants.mutation import PACKAGES, Mutant, sample
from tests.mutants.trial import Trial, copy_tree, preload, try_out

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("explained.yaml")
SLOW = ("executors/", "test_confusions", "test_execute", "test_other_ranks", "test_retention", "test_train")
BROKEN = "not judged, a test fails without it too"  # it is tried again by the next command
BASELINE_FACTOR = 3.0  # a machine that is busy must not pass for a test that noticed


@dataclass(frozen=True)
class Found:
    """A line of the result file: a mutant, what became of it, and of which code and tests that is true."""

    name: str
    outcome: str
    seconds: float
    by: str
    line: int
    code: str
    tests: str


class Worker:
    """A process with a copy of the tree; one at work on one mutant at a time."""

    tree: Path
    unmutated: dict[tuple[str, ...], Trial]  # by what was run
    passed: dict[str, float]  # seconds of tests that passed in any trial: they do not fail by themselves
    usual: dict[str, float]  # those of earlier commands too: which test is quick
    seconds: Path

    @classmethod
    def start(cls, folder: str, seconds: Path) -> None:
        """Called once in each process."""
        cls.tree = Path(folder) / f"tree-{os.getpid()}"
        cls.tree.mkdir()
        copy_tree(ROOT, cls.tree)
        cls.unmutated, cls.passed, cls.seconds = {}, {}, seconds
        cls.usual = json.loads(seconds.read_text()) if seconds.is_file() else {}

    @classmethod
    def work(cls, mutant: Mutant, limit: float) -> Found:
        """Try a mutant; the test that fails has to pass without it."""
        trial = cls.trial(mutant.module, mutant.code, limit)
        digests = digests_of(mutant.module, cls.tree)
        return Found(mutant.name, trial.outcome, round(trial.seconds, 1), trial.by, mutant.line, *digests)

    @classmethod
    def trial(cls, module: str, code: str, limit: float) -> Trial:
        """Its tests with it, and what matters of them without it."""
        tests = judges_of(module, cls.tree)
        if not tests:
            return Trial("survived", 0.0, "no tests")
        trial = cls.tried(module, code, tests, limit)
        if trial.outcome == "timed out":
            usual = cls.without(tests, 10 * limit)
            if usual.outcome == "survived" and BASELINE_FACTOR * usual.seconds > limit:
                trial = cls.tried(module, code, tests, BASELINE_FACTOR * usual.seconds)
        if trial.outcome == "killed" and trial.by not in cls.passed:
            is_test, is_file = "::" in trial.by, trial.by in tests  # a file that could not be imported
            asked = [trial.by] if is_test else [trial.by, "--collect-only"] if is_file else tests
            if cls.without(asked, 10 * limit).outcome != "survived":
                return Trial(BROKEN, trial.seconds, trial.by)
        return trial

    @classmethod
    def tried(cls, module: str | None, code: str, tests: list[str], limit: float) -> Trial:
        """`try_out` in this process's tree."""
        trial = try_out(cls.tree, module, code, tests, limit, cls.usual)
        cls.passed |= trial.passed
        cls.usual |= trial.passed
        beside = cls.seconds.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(cls.usual, indent=0))
        beside.replace(cls.seconds)
        return trial

    @classmethod
    def without(cls, asked: list[str], limit: float) -> Trial:
        """What tests say without a mutant, asked once."""
        if (key := tuple(asked)) not in cls.unmutated:
            cls.unmutated[key] = cls.tried(None, "", asked, limit)
        return cls.unmutated[key]


def main() -> None:
    """Try what is left of the sample, and say what came of the whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="for one mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants at once")
    parser.add_argument("--only", default="", metavar="TEXT", help="of the sample those whose name has this in it")
    parser.add_argument("--results", type=Path, metavar="FILE", help="default: build/mutants-SEED.jsonl")
    parser.add_argument("--fresh", action="store_true", help="try everything again")
    parser.add_argument("--report", action="store_true", help="say what is known and try nothing")
    arguments = parser.parse_args()
    file: Path = arguments.results or ROOT / "build" / f"mutants-{arguments.seed}.jsonl"
    mutants = [m for m in sample(ROOT, arguments.seed, arguments.count) if arguments.only in m.name]
    known = {} if arguments.fresh else read(file)
    left = [mutant for mutant in mutants if not is_known(known.get(mutant.name), mutant)]
    print(f"{len(mutants)} mutants, {len(mutants) - len(left)} known from {file}", flush=True)
    if left and not arguments.report:
        file.parent.mkdir(parents=True, exist_ok=True)
        if arguments.fresh:
            file.unlink(missing_ok=True)
        left.sort(key=lambda mutant: slowness(mutant.module))
        try_all(left, file, arguments.limit, arguments.jobs)
    sys.exit(report(mutants, read(file)))


def try_all(mutants: list[Mutant], file: Path, limit: float, jobs: int) -> None:
    """Try mutants, in the order of the sample, and append what is found."""
    preload()
    context = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ProcessPoolExecutor(jobs, context, Worker.start, (folder, file.with_name("mutants-seconds.json"))) as pool,
        file.open("a") as results,
    ):
        waiting: set[Future[Found]] = set()
        done = 0
        for mutant in [*mutants, None]:
            if mutant is not None:
                waiting.add(pool.submit(Worker.work, mutant, limit))
            while len(waiting) > (jobs if mutant is not None else 0):
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    waiting.remove(future)
                    found = future.result()
                    if found.outcome != BROKEN:
                        results.write(json.dumps(asdict(found)) + "\n")
                        results.flush()
                    done += 1
                    by = f" ({found.by})" if found.outcome == BROKEN else ""
                    print(
                        f"[{done}/{len(mutants)}] {found.outcome}{by} in {found.seconds:.0f} s: {found.name}",
                        flush=True,
                    )


def slowness(module: str) -> int:
    """What is judged in a second comes first, what trains or starts processes last: a cut has most of it."""
    return sum(slow in file for file in judges_of(module, ROOT) for slow in SLOW)


def digests_of(module: str, root: Path) -> tuple[str, str]:
    """Of a module, and of the tests that judge it."""
    return _digest(root, [module]), _digest(root, judges_of(module, root))


def _digest(root: Path, files: list[str]) -> str:
    return hashlib.sha256(b"\0".join((root / file).read_bytes() for file in files)).hexdigest()[:16]


def read(file: Path) -> dict[str, Found]:
    """Results by the names of mutants, the latest of each; a line that a kill cut short is none."""
    found: dict[str, Found] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            row: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        found[row["name"]] = Found(**row)
    return found


def is_known(found: Found | None, mutant: Mutant) -> bool:
    """Whether a result still says what became of a mutant: a killed one stays so when tests are added."""
    if found is None:
        return False
    code, tests = digests_of(mutant.module, ROOT)
    return found.code == code and (found.outcome == "killed" or found.tests == tests)


def explanations() -> dict[str, str]:
    """Why some mutants need not be noticed, by their names."""
    groups = yaml.safe_load(EXPLAINED.read_text()) or []
    return {name: group["why"] for group in groups for name in group["mutants"]}


def report(mutants: list[Mutant], found: dict[str, Found]) -> int:
    """Print the shares, and each survivor; the exit status is 0 if all are killed or explained."""
    why = explanations()
    rows: dict[str, Counter[str]] = {package: Counter() for package in (*PACKAGES, "all")}
    unexplained = []
    for mutant in mutants:
        result = found.get(mutant.name)
        outcome = "not tried" if result is None else result.outcome
        if outcome == "survived":
            outcome = "explained" if mutant.name in why else "survived"
        if outcome in ("survived", "timed out"):
            unexplained.append((outcome, mutant))
        for row in ("all", next(package for package in PACKAGES if mutant.module.startswith(package))):
            rows[row] |= Counter()
            rows[row][outcome] += 1
    columns = ("killed", "timed out", "explained", "survived", "not tried")
    print(f"\n{'':16}{'mutants':>10}" + "".join(f"{column:>11}" for column in columns) + f"{'share':>11}")
    for name, row in rows.items():
        tried = row.total() - row["not tried"]
        share = f"{row['killed'] / tried:.1%}" if tried else ""  # slow is not killed
        print(f"{name:16}{row.total():>10}" + "".join(f"{row[column]:>11}" for column in columns) + f"{share:>11}")
    for outcome, mutant in unexplained:
        print(f"\n{outcome}: {mutant.module}:{mutant.line} {mutant.function}\n    {mutant.change}")
    return int(any(outcome == "survived" for outcome, _ in unexplained))


if __name__ == "__main__":
    main()
