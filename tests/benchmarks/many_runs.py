"""Commands about homes of very many finished runs: seconds and memory by verb and number of runs.

    python -m tests.benchmarks.many_runs [--runs N]... [--verb VERB]... [--limit SECONDS] [--home FOLDER]

makes homes of made-up runs (`tests.benchmarks.made_up_runs`), and times each verb twice as a process of its own: what a
first command draws, counts and remembers is a row of its own. Seconds are those of the wall and, since the work is shared by
all cores, of the processors; memory is that of the command and of the processes that it forks, together. How the seconds
grow is said for each verb: a second command's, less any command's, for each run. `sync` is MLflow's own time and has to be
asked for. The user's cache of plans and figures is one of this measurement's own, so that each first command is one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.made_up_runs import SCALE, tables_for

RUNS = (100, 1000)
VERBS = ("--help", "status", "plan", "reproduce", "report")  # and sync
LIMIT = 900.0  # seconds of the wall that a command may take
PROGRAM = (sys.executable, "-P", "-c", "from bench.cli.main import main; main()")
LOOK = 0.1  # seconds between looks at the memory of a command and the processes that it forked

Row = dict[str, str | int | float]


def run(
    runs: Iterable[int] = RUNS, home: Path | None = None, verbs: Sequence[str] = VERBS, limit: float = LIMIT
) -> list[Row]:
    """Two rows per number of runs and verb.

    Args:
        runs: how many each home holds, at least.
        home: where the homes are made; they are removed at the end. None: among the temporary files.
        verbs: what is timed, in this order.
        limit: seconds of the wall that a command may take.
    """
    rows: list[Row] = []
    for count in runs:
        place = Path(tempfile.mkdtemp(prefix=f"runs-{count}-", dir=home))
        try:
            made = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.made_up_runs", place, str(count)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            rows += measure(place, count, int(made.stdout.split()[0]), verbs, limit)
        finally:
            shutil.rmtree(place)
            shutil.rmtree(_user_cache(place), ignore_errors=True)
    return rows


def measure(home: Path, count: int, seeds: int, verbs: Sequence[str] = VERBS, limit: float = LIMIT) -> list[Row]:
    """Time the verbs on one home; see `run`."""
    tables = [*tables_for(count), "--scale", SCALE, "--seeds", str(seeds), "--home", str(home)]
    commands = {
        "--help": ["--help"],
        "status": ["status", "--home", str(home)],
        "plan": ["plan", *tables],
        "reproduce": ["reproduce", *tables, "--no-mlflow"],
        "report": ["report", "--home", str(home)],
        "sync": ["sync", "--home", str(home)],
    }
    rows: list[Row] = []
    for verb in verbs:
        for which in ("first", "again"):
            row: Row = {"runs": count, "verb": verb, "which": which} | timed(commands[verb], home, limit)
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def growth(rows: Sequence[Row]) -> list[str]:
    """By verb, in words: milliseconds of the processors that each run costs a second command, from home to home."""
    lines = []
    for verb in dict.fromkeys(str(row["verb"]) for row in rows):
        again = [row for row in rows if row["verb"] == verb and row["which"] == "again" and "problem" not in row]
        steps = [
            f"{1000 * (float(more['processor']) - float(less['processor'])) / (int(more['runs']) - int(less['runs'])):.2f}"
            f" from {less['runs']} to {more['runs']}"
            for less, more in pairwise(sorted(again, key=lambda row: int(row["runs"])))
            if more["runs"] != less["runs"]
        ]
        if steps:
            lines.append(f"{verb}: milliseconds a run: {', '.join(steps)}")
    return lines


def timed(command: list[str], home: Path, limit: float) -> Row:
    """Run a command; its seconds, and the most memory that it and its children had together, shared pages divided.

    One that is not done in time is ended, which its row says.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [*PROGRAM, *command],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(_user_cache(home))},
        start_new_session=True,
    )
    peak, over, is_late = [0], threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            peak[0] = max(peak[0], sum(map(_memory, _family(process.pid))))
            if time.monotonic() - started > limit:
                is_late.set()
                os.killpg(process.pid, signal.SIGKILL)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    over.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not is_late.is_set():
        raise subprocess.CalledProcessError(process.returncode, command)
    processor = used.ru_utime + used.ru_stime
    row: Row = {"seconds": time.monotonic() - started, "processor": processor, "MiB": peak[0] >> 10}
    return row | ({"problem": f"was not done after {limit:g} s"} if is_late.is_set() else {})


def _user_cache(home: Path) -> Path:
    return home.with_name(f"{home.name}-user")


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *map(int, children)]


def _memory(pid: int) -> int:
    """KiB of a process, pages that several share divided among them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main() -> None:
    """Measure from the command line; one JSON object a line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_runs", description=__doc__)
    parser.add_argument("--runs", type=int, action="append", help=f"may be repeated; default: {RUNS}")
    parser.add_argument("--home", type=Path, help="where the homes are made; 100,000 runs take about 10 GB")
    parser.add_argument(
        "--verb", action="append", choices=[*VERBS, "sync"], help="may be repeated; default: all but sync"
    )
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of the wall that a command may take")
    arguments = parser.parse_args()
    for line in growth(run(arguments.runs or RUNS, arguments.home, arguments.verb or VERBS, arguments.limit)):
        print(line)


if __name__ == "__main__":
    main()
