"""How long the command line takes to start: processes from `exec` to exit."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = (("list",), ("--help",))


def run(repeats: int = 7) -> list[dict[str, object]]:
    """One row per command: the best and the median of `repeats` process starts in seconds (target 0.5)."""
    program = Path(sys.executable).with_name("contrastbench")
    rows: list[dict[str, object]] = []
    for command in COMMANDS:
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            subprocess.run([program, *command], stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - started)
        rows.append({"command": " ".join(command), "best": min(seconds), "median": statistics.median(seconds)})
    return rows
