"""`python -m bench.checks.conformance REF`: one line per check; status 0 if all pass, 1 if one fails, 2 if used wrongly.

Of a loss with parameters it also says which are trained with G and F, which by the adversary, and which are frozen.
"""

from __future__ import annotations

import sys
from collections import Counter

from bench.base.errors import BenchError, UsageError
from bench.checks.conformance import checks_for, kinds_of, problem, trained_by


def main(arguments: list[str]) -> int:
    """Check one plugin; returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m bench.checks.conformance NAME|FILE.py:Class", file=sys.stderr)
        return UsageError.exit_status
    try:
        checks = checks_for(arguments[0])
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    failed = False
    for name, check in checks.items():
        fault = problem(check, arguments[0])
        failed = failed or bool(fault)
        print(f"FAIL  {name}: {fault}" if fault else f"pass  {name}", flush=True)
    if "loss" in kinds_of(arguments[0]):
        for line in parameter_lines(arguments[0]):
            print(line)
    return BenchError.exit_status if failed else 0


def parameter_lines(reference: str) -> list[str]:
    """Who trains the parameters of a loss: a line each, with the number of tensors in each sub-network."""
    try:
        names_by_trainer = trained_by(reference)
    except Exception:  # a loss that cannot be built has failed the checks
        return []
    lines = []
    for trainer, names in names_by_trainer.items():
        parts = Counter(name.partition(".")[0] for name in names)
        lines += [f"{trainer}: " + ", ".join(f"{part} ({count})" for part, count in parts.items())] if parts else []
    return lines


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
