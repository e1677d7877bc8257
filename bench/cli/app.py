"""The command line: a file for each verb, imported when it is asked for. Heavy imports happen inside the verbs."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import typer

from bench.base.device import OUT_OF_MEMORY, is_out_of_memory
from bench.base.errors import BenchError
from bench.base.streams import mend_streams, one_line
from bench.cli.options import debug

# one file each below bench/cli, in the order of the help
VERBS = (
    "list", "info", "plan", "reproduce", "run", "status", "cancel", "ui", "sync", "doctor", "compare", "train", "score",
    "translate", "export", "diff", "rerun", "report", "data",
)  # fmt: skip

CTRL_C = 130  # the status that typer ends with
FAILED = 1


def app_of(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command line with these verbs; only their files are imported.

    Args:
        verbs: of `VERBS`.
    """
    app = typer.Typer(
        name="contrastbench",
        help="Reproduce and compare contrastive-learning methods for GANs under fixed, versioned protocols.",
        epilog="Add --debug to any command to see the traceback of an error. To resume anything, run the same command "
        "again. Exit status: 0 nothing is left to do; 1 something failed, or is missing though it was possible; 2 used "
        "wrongly; 3 nothing was possible, for lack of data or weights.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for verb in verbs:
        part = import_module(f"bench.cli.{verb}").app
        app.add_typer(part, name=verb if verb == "data" else None)
    return app


def command_line(arguments: Sequence[str]) -> int:
    """Run the command line; errors are one line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit status: 0 done, 1 failed, 2 used wrongly, 3 nothing was possible.
    """
    mend_streams()
    warnings.showwarning = _show_warning
    # pydantic looks through the metadata of all that is installed for plugins of its own, of which there are none here
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        given = [argument for argument in arguments if argument != "--debug"]
        # whoever names no verb is shown all of them
        app = app_of([verb for verb in VERBS if verb in given[:1]] or VERBS)
        status = app(given, prog_name="contrastbench", standalone_mode=False) or 0
    except BenchError as error:
        if debug():
            raise
        return _fail(str(error), error.exit_status)
    except typer.Abort:
        status = CTRL_C
    except MemoryError:
        return _fail("out of memory; use fewer slots (--slots 1) or a smaller scale")
    except OSError as error:
        if debug():
            raise
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}; add --debug for details")
    except Exception as error:
        if _is_usage(error):
            return _used_wrongly(error)
        if debug():
            raise
        if is_out_of_memory(error):
            return _fail(f"the device's memory is full; use {OUT_OF_MEMORY}")
        return _fail(_unexpected(error))
    if status == CTRL_C:
        print("stopped; run the same command to go on", file=sys.stderr)
        return FAILED
    return int(status)


def _fail(message: str, status: int = FAILED) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return status


def _is_usage(error: Exception) -> bool:
    """Whether typer refuses the arguments; which package its errors are of depends on its version."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _used_wrongly(error: Any) -> int:
    """One line for arguments that typer refuses, with the way to the help; the help itself where there are none."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return int(error.exit_code)  # typer has shown it
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "contrastbench"
    message = " ".join(str(error.format_message()).split()).rstrip(".")
    return _fail(f"{message}; see: {command} --help", int(error.exit_code))


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """A library's warning is one line."""
    print(f"warning: {one_line(' '.join(str(message).split()))} ({category.__name__})", file=sys.stderr)


def _unexpected(error: Exception) -> str:
    """One line for a mistake in a plugin or in contrastbench itself: what it is and in which file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    first = (str(error).strip() or "no message").splitlines()[0]
    return (
        f"{type(error).__name__}: {first}{where}; a mistake in that file or in contrastbench: add --debug for the "
        "traceback; what is finished is kept"
    )
