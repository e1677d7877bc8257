"""The short address of the checks of plugins: `python -m bench.conformance NAME|FILE.py:Class`."""

from bench.checks.conformance import checks_for, loss_checks, method_checks, problem, trained_by
from bench.checks.conformance.__main__ import main

__all__ = ["checks_for", "loss_checks", "main", "method_checks", "problem", "trained_by"]

if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
