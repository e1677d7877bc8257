"""`run`: one planned run by its key, which is what a scheduler's job does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.base.device import chosen_device, require
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.hashing import file_sha256
from bench.base.home import Home, RunFolder
from bench.base.terminal import Terminal
from bench.data.opening import open_dataset
from bench.ledger.difference import find_run
from bench.ledger.folders import is_owned, run_state
from bench.plugin.discovery import find_plugin
from bench.run.executors.executor import Interrupted
from bench.run.executors.local import LocalExecutor
from bench.schema.run_spec import RunSpec, read_spec, write_spec
from bench.show.live import RunView


class NotNow(BenchError):
    """Nothing is wrong with the run, but it cannot be done here and now."""

    exit_status = 3


def run(home: Home, text: str, files: dict[str, str], device: str | None, debug: bool) -> bool:
    """Do what is left of one run whose `spec.json` is in the home.

    Args:
        home: the results root.
        text: the run's key, or a beginning of it.
        files: `loss`, `method` -> FILE.py:Class, where the user's file of the run is on this machine.
        device: cpu, cuda or auto; it must be what the run was planned for. None: as planned.
        debug: show the traceback of a failure.

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
    places = [_place(spec, kind, reference) for kind, reference in files.items()]
    for sha256, path in places:
        spec = spec.with_file(sha256, path)
    _require_files(spec)
    _require_possible(home, folder, spec)
    for sha256, path in places:
        for one in (folder, *map(home.run, spec.needs.values())):
            write_spec(one.spec, read_spec(one.spec).with_file(sha256, path))
    name = f"{spec.label} on {spec.data.name}, seed {spec.seed}"
    try:
        with _term_is_ctrl_c(), RunView(Terminal(), home, {key: spec}, {key: name}, 1) as view:
            outcome = LocalExecutor(home, slots=1, debug=debug).run({key: spec}, view)[key]
    except Interrupted as stop:
        raise NotNow(str(stop)) from None
    if outcome.state == "stopped":
        raise NotNow(f"run {key}: {outcome.reason}")
    return outcome.state == "done"


def _place(spec: RunSpec, kind: str, reference: str) -> tuple[str, Path]:
    """The sha256 of one of the user's files that a run was planned with, and where it is on this machine."""
    planned = spec.method if kind == "method" else str(spec.config.get(kind))
    key = spec.train_key
    if planned not in spec.plugins:
        raise UsageError(f"--{kind} {reference}: the {kind} of run {key} is {planned}, no file; leave the option out")
    path, sha256 = find_plugin(kind, reference).path, spec.plugins[planned]
    if (found := file_sha256(path)) != sha256:
        raise UsageError(
            f"--{kind} {reference}: its sha256 is {found[:16]}..., and run {key} was planned with {planned}, "
            f"{sha256[:16]}...; give that file, or plan again with this one"
        )
    if reference.rpartition(":")[2] != planned.rpartition(":")[2]:
        raise UsageError(f"--{kind} {reference}: run {key} was planned with {planned}; name that class")
    return sha256, path


def _require_files(spec: RunSpec) -> None:
    for reference, sha256 in spec.plugins.items():
        path = Path(reference.rpartition(":")[0])
        if not path.is_file() or file_sha256(path) != sha256:
            option = "--method" if reference == spec.method else "--loss"
            raise UsageError(
                f"{path}: is not here, or not the file of sha256 {sha256[:16]}... that run {spec.train_key} was planned "
                f"with; say where that is with {option} FILE:NAME"
            )


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
