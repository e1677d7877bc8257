"""Commands about homes of very many finished runs: seconds and memory by verb and number of runs.

    python -m tests.benchmarks.many_runs [--runs N]... [--home FOLDER]

makes homes of made-up runs (`tests.benchmarks.made_up_runs`), and times each verb twice as a process of its own: what a
first command draws, counts and remembers is a row of its own. Seconds are those of the wall and, since the work is shared by
all cores, of the processors; memory is that of the command and of the processes that it forks, together.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.made_up_runs import SCALE, tables_for

RUNS = (100, 1000)
PROGRAM = (sys.executable, "-P", "-c", "from bench.cli.main import main; main()")
LOOK = 0.05  # seconds between looks at the memory of a command and the processes that it forked

Row = dict[str, str | int | float]


def run(runs: Iterable[int] = RUNS, home: Path | None = None) -> list[Row]:
    """One row per number of runs and verb.

    Args:
        runs: how many each home holds, at least.
        home: where the homes are made; they are removed at the end. None: among the temporary files.
    """
    rows: list[Row] = []
    for count in runs:
        place = Path(tempfile.mkdtemp(prefix=f"runs-{count}-", dir=home))
        try:
            made = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.made_up_runs", place, str(count)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            rows += measure(place, count, seeds=int(made.stdout.split()[0]))
        finally:
            shutil.rmtree(place)
    return rows


def measure(home: Path, count: int, seeds: int) -> list[Row]:
    """Time the verbs on one home."""
    tables = [*tables_for(count), "--scale", SCALE, "--seeds", str(seeds), "--home", str(home)]
    commands = {
        "status": ["status", "--home", str(home)],
        "plan": ["plan", *tables],
        "reproduce": ["reproduce", *tables, "--no-mlflow"],
        "report": ["report", "--home", str(home)],
    }
    rows: list[Row] = []
    for verb, command in commands.items():
        for which in ("first", "again"):
            row: Row = {"runs": count, "verb": verb, "which": which} | timed(command)
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def timed(command: list[str]) -> Row:
    """Run a command; its seconds, and the most memory that it and its children had together, shared pages divided."""
    started = time.monotonic()
    process = subprocess.Popen(
        [*PROGRAM, *command], stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            peak[0] = max(peak[0], sum(map(_memory, _family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    over.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    processor = used.ru_utime + used.ru_stime
    return {"seconds": time.monotonic() - started, "processor": processor, "MiB": peak[0] >> 10}


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
    arguments = parser.parse_args()
    run(arguments.runs or RUNS, arguments.home)


if __name__ == "__main__":
    main()
