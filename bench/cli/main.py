"""The command line: a file for each verb. Heavy imports happen inside the verbs, so `list` starts at once."""

from __future__ import annotations

import sys
import traceback

import typer

from bench.base.device import OUT_OF_MEMORY, is_out_of_memory
from bench.base.errors import BenchError
from bench.cli import (
    compare,
    data,
    diff,
    doctor,
    info,
    plan,
    report,
    reproduce,
    rerun,
    run,
    score,
    status,
    sync,
    ui,
)
from bench.cli import (
    list as list_,
)
from bench.cli.options import debug

app = typer.Typer(
    name="contrastbench",
    help="Reproduce and compare contrastive-learning methods for GANs under fixed, versioned protocols.",
    epilog="Add --debug to any command to see the traceback of an error. To resume anything, run the same command again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


# in the order of the help
for verb in (list_, info, plan, reproduce, run, status, ui, sync, doctor, compare, score, diff, rerun, report):
    app.add_typer(verb.app)
app.add_typer(data.app, name="data")

CTRL_C = 130  # the status that typer ends with


def main() -> None:
    """Run the command line; errors are one line, with status 1 (failed) or 2 (used wrongly)."""
    arguments = sys.argv[1:]
    try:
        app([argument for argument in arguments if argument != "--debug"], standalone_mode=True)
    except BenchError as error:
        if debug():
            raise
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except SystemExit as end:
        if end.code != CTRL_C:
            raise
        print("stopped; run the same command to go on", file=sys.stderr)
        raise SystemExit(1) from None
    except MemoryError:
        print("error: out of memory; use fewer slots (--slots 1) or a smaller scale", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if debug():
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}; add --debug for details", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        if debug():
            raise
        if is_out_of_memory(error):
            print(f"error: the device's memory is full; use {OUT_OF_MEMORY}", file=sys.stderr)
            raise SystemExit(1) from None
        print(f"error: {_unexpected(error)}", file=sys.stderr)
        raise SystemExit(1) from None


def _unexpected(error: Exception) -> str:
    """One line for a mistake in a plugin or in contrastbench itself: what it is and in which file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    first = (str(error).strip() or "no message").splitlines()[0]
    return (
        f"{type(error).__name__}: {first}{where}; a mistake in that file or in contrastbench: add --debug for the "
        "traceback; what is finished is kept"
    )
