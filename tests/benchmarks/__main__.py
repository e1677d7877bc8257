"""`python -m tests.benchmarks [--quick] [--only NAME]`: tables on the terminal and build/benchmarks.json.

Run it on an idle machine. In full it takes about ten minutes on two cores, with --quick about two.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.base.words import say

Result = dict[str, Any] | list[dict[str, Any]]


def benchmarks(quick: bool) -> dict[str, tuple[str, Callable[[], Result]]]:
    """Name -> (title, what to run); imports happen when one runs."""
    from tests.benchmarks import (
        convolutions,
        frechet,
        harness_overhead,
        instance_norm,
        key_features,
        many_runs,
        start_up,
        training_step,
    )

    if quick:
        return {
            "start_up": ("Command line, seconds to start", lambda: start_up.run(3)),
            "instance_norm": ("Instance norm, forward and backward", lambda: instance_norm.run(repeats=5)),
            "frechet": ("Frechet distance", lambda: frechet.run(((120, 140),), 512)),
            "key_features": ("CUT, key features tapped or from a second pass", lambda: key_features.run(steps=2)),
            "harness_overhead": ("Share of the harness in training", lambda: harness_overhead.run(steps=6)),
            "convolutions": ("Convolutions of a step", lambda: convolutions.run((64,), 1)),
            "training_step": ("Training steps", lambda: training_step.run((64,), (1,), 2)),
            "many_runs": ("Commands about many finished runs", lambda: many_runs.run((100,))),
        }
    return {
        "start_up": ("Command line, seconds to start", start_up.run),
        "instance_norm": ("Instance norm, forward and backward", instance_norm.run),
        "frechet": ("Frechet distance", frechet.run),
        "key_features": ("CUT, key features tapped or from a second pass", key_features.run),
        "harness_overhead": ("Share of the harness in training", harness_overhead.run),
        "convolutions": ("Convolutions of a step", convolutions.run),
        "training_step": ("Training steps", training_step.run),
        "many_runs": ("Commands about many finished runs", many_runs.run),
    }


def show(console: Console, title: str, result: Result) -> None:
    """Print rows as a table."""
    rows = result if isinstance(result, list) else [result]
    measured = [row for row in rows if "problem" not in row]
    names = list(dict.fromkeys(name for row in measured for name in row))
    console.print(title, style="bold")
    table = Table(*names, box=None, pad_edge=False)
    for row in measured:
        table.add_row(*(f"{v:.4g}" if isinstance(v := row[name], float) else str(v) for name in names))
    console.print(table)
    for row in rows:
        if "problem" in row:
            told = ", ".join(f"{name} {value}" for name, value in row.items() if name != "problem")
            say(console, f"not measured: {told}: {row['problem']}")
    console.print()


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repetitions, 64 pixels and one thread only")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this one; may be repeated")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks.json"))
    arguments = parser.parse_args()
    chosen = benchmarks(arguments.quick)
    if unknown := set(arguments.only or ()) - set(chosen):
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(chosen)}")

    import torch

    console = Console(width=140)
    found: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "quick": arguments.quick,
    }
    show(console, "Machine", found.copy())
    for name, (title, work) in chosen.items():
        if arguments.only and name not in arguments.only:
            continue
        started = time.monotonic()
        found[name] = work()
        show(console, f"{title} ({time.monotonic() - started:.0f} s)", found[name])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(found, indent=1) + "\n")
    console.print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
