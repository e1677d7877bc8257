"""Where the program starts. Everything else is imported inside, so that Ctrl-C is one line from the first instant on."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 used wrongly, 3 nothing was possible (docs/exit-status.md)."""
    try:
        from bench.cli.app import command_line

        status = command_line(sys.argv[1:])
    except KeyboardInterrupt:
        print("stopped; run the same command to go on", file=sys.stderr)
        status = 1
    raise SystemExit(status)
