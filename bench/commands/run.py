"""`run`: one planned run by its key, which is what a scheduler's job does."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.base.device import chosen_device, require
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.home import Home, RunFolder
from bench.base.terminal import Terminal
from bench.base.words import say
from bench.commands.recorded_files import placed, places, require_files
from bench.data.opening import open_dataset
from bench.ledger.difference import find_run
from bench.ledger.folders import examine, is_owned, run_state
from bench.run.executors.executor import Interrupted
from bench.run.executors.local import LocalExecutor
from bench.schema.run_spec import RunSpec, read_spec, write_spec
from bench.schema.upkeep import NOTHING_SAID, Upkeep, write_upkeep
from bench.show.live import RunView


class NotNow(BenchError):
    """Nothing is wrong with the run, but it cannot be done here and now."""

    exit_status = 3


def run(
    home: Home,
    text: str,
    files: dict[str, str],
    device: str | None,
    debug: bool,
    upkeep: Upkeep = NOTHING_SAID,
    metrics: Sequence[str] = (),
) -> bool:
    """Do what is left of one run whose `spec.json` is in the home.

    Args:
        home: the results root.
        text: the run's key, or a beginning of it.
        files: `loss`, `method` -> FILE.py:Class, where the user's file of the run is on this machine. Only what is
            named so is run, wherever the record says it is.
        device: cpu, cuda or auto; it must be what the run was planned for. None: as planned.
        debug: show the traceback of a failure.
        upkeep: what the command says of the run's files.
        metrics: FILE.py:Class of the user's metrics that score it.

    Returns:
        Whether it is done; if not it has failed, and why was shown.

    Raises:
        UsageError: there is no such run, a file is not the planned one, or the run was planned for another device.
        NotNow: this machine has no such device or not the data; a needed run is not done; another process does the run;
            or it was asked to stop, and has saved its state.
    """
    folder = find_run(home, text)
    home = Home(folder.path.parent, home.datasets)  # the folder itself may have been given
    key, spec = folder.key, read_spec(folder.spec)
    if device not in (None, "auto") and chosen_device(device) != spec.device:
        raise UsageError(
            f"--device {device}: run {key} was planned for {spec.device}; leave the option out, or plan anew"
        )
    users_files = places(spec, files, metrics)
    spec = placed(spec, users_files)
    require_files(spec)
    _require_possible(home, folder, spec)
    for one in (folder, *map(home.run, spec.needs.values())) if users_files else ():
        write_spec(one.spec, placed(read_spec(one.spec), users_files))
    write_upkeep(folder, upkeep)
    console = Terminal()
    for problem in examine(folder).problems:
        say(console, f"damaged: {problem}")
    try:
        with _term_is_ctrl_c(), RunView(console, home, {key: spec}, {key: spec.title}, 1) as view:
            outcome = LocalExecutor(home, slots=1, debug=debug).run({key: spec}, view)[key]
    except Interrupted as stop:
        raise NotNow(str(stop)) from None
    if outcome.state == "stopped":
        raise NotNow(f"run {key}: {outcome.reason}")
    return outcome.state == "done"


def _require_possible(home: Home, folder: RunFolder, spec: RunSpec) -> None:
    try:
        require(spec.device)
        open_dataset(spec.data, home.datasets, home.cache)
    except NotAvailable as error:
        raise NotNow(str(error)) from error
    if is_owned(folder):
        raise NotNow(f"another process does run {folder.key}; this one has nothing to do")
    for key in spec.comes_after:
        state, _ = run_state(home.run(key))
        # without the run that scores it, it lacks those scores alone
        if state != "done" and (key in spec.needs.values() or state != "failed"):
            raise NotNow(f"run {folder.key} comes after run {key}, which is {state}; first: contrastbench run {key}")


@contextmanager
def _term_is_ctrl_c() -> Iterator[None]:
    """Let a scheduler's SIGTERM end the run as Ctrl-C does: with its state saved."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
