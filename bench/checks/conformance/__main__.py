"""`python -m bench.checks.conformance REF`: one line per check; status 0 if all pass, 1 if one fails, 2 if used wrongly."""

from __future__ import annotations

import sys

from bench.base.errors import BenchError, UsageError
from bench.checks.conformance import checks_for, problem


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
        found = problem(check, arguments[0])
        failed = failed or bool(found)
        print(f"FAIL  {name}: {found}" if found else f"pass  {name}", flush=True)
    return BenchError.exit_status if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
