"""Checkpoints: atomic, sealed, never pickled; one that is not what was written is reported and the one before it used.

The JSON half and its seal are in bench/ledger/checkpoint_files.py; here are the tensors, and how a method takes them back:
everything is checked before anything is loaded, so that a checkpoint that does not fit changes nothing.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.storage import write_atomically
from bench.ledger.checkpoint_files import (
    KEPT_STATES,
    STATE,
    OlderState,
    Progress,
    StateRecord,
    WeightsRecord,
    json_of,
    read_state,
    read_weights,
    state_name,
    tensors_of,
    weights_name,
    write_record,
)
from bench.plugin.method import Method
from bench.run.optimizer_state import pack, unpack

_METHOD = "method/"  # what a method's own tensors are called in a state


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: the run's `checkpoints/`.
        report: called with one line when a checkpoint is passed over.
        run: its train key, which every checkpoint names.
        whole: whether the weights of an epoch are kept whole; else what making images needs.
    """

    def __init__(
        self,
        folder: Path,
        report: Callable[[str], None],
        run: str,
        whole: Callable[[int], bool] = lambda epoch: False,
    ) -> None:
        self.folder, self.report, self.run, self.whole = folder, report, run, whole

    def save_state(self, method: Method, step: int, progress: Progress) -> None:
        """Save everything needed to go on from `step`; older states than the newest two are removed."""
        tensors, optimizers = pack(method.optimizers())
        tensors |= {f"{_METHOD}{name}": tensor for name, tensor in method.state_dict().items()}
        schedulers = {name: _plain(scheduler.state_dict()) for name, scheduler in method.schedulers().items()}
        record = StateRecord(
            run=self.run,
            sha256=_save(tensors_of(self.folder, state_name(step)), tensors),
            tensors=sorted(tensors),
            non_finite=_non_finite(tensors),
            step=step,
            progress=progress,
            optimizers=optimizers,
            schedulers=schedulers,
        )
        write_record(self.folder, record)
        for old in self._steps()[:-KEPT_STATES]:
            self._delete(state_name(old))

    def restore_state(self, method: Method) -> tuple[int, Progress] | None:
        """Load the newest good state into `method`.

        Returns:
            (step, progress) or None if there is no good state: then `method` is as it was, and training starts at step 0.

        Raises:
            OlderState: an earlier version saved the newest one, in a format that is not gone on from.
        """
        for step in reversed(self._steps()):
            try:
                record = read_state(self.folder, step, self.run)
                self._take_state(method, record)
            except OlderState:
                raise
            except BenchError as error:
                self.report(f"{error}; using the one before it")
                self._delete(state_name(step))
                continue
            return step, record.progress
        return None

    def take_state(self, method: Method, step: int) -> None:
        """Load the state of one step: that from which the first rank of the run goes on.

        Raises:
            BenchError: it is missing, damaged, or of another network.
        """
        self._take_state(method, read_state(self.folder, step, self.run))

    def _take_state(self, method: Method, record: StateRecord) -> None:
        path, tensors = self._tensors(record)
        own = {k.removeprefix(_METHOD): v for k, v in tensors.items() if k.startswith(_METHOD)}
        _require_fit(path, own, method, method.state_dict())
        if method.schedulers().keys() != record.schedulers.keys():
            raise BenchError(f"{path}: has the schedulers {', '.join(record.schedulers)}, which are not the method's")
        others = {k: v for k, v in tensors.items() if not k.startswith(_METHOD)}
        try:
            optimizers = unpack(method.optimizers(), others, record.optimizers)
            if strange := next((name for name in others if not name.startswith("optimizer/")), None):
                raise BenchError(f"tensor {strange} belongs to nothing")
            for name, scheduler in method.schedulers().items():
                _require_schedule(name, _plain(scheduler.state_dict()), record.schedulers[name])
        except BenchError as error:
            raise BenchError(f"{path}: {error}") from error
        before = copy.deepcopy(_parts(method))
        try:
            _load(method, {"method": own, "optimizers": optimizers, "schedulers": record.schedulers})
        except Exception as error:  # whatever a method's or an optimizer's own loading refuses
            _load(method, before)
            raise BenchError(f"{path}: {_one_line(error)}") from error

    def save_weights(self, method: Method, epoch: int, progress: Progress | None = None) -> None:
        """Keep what making images after `epoch` needs, or the whole of it."""
        kept = None if self.whole(epoch) else method.networks_to_keep()
        networks = None if kept is None else list(kept)
        tensors = _of_networks(method, networks)
        record = WeightsRecord(
            run=self.run,
            sha256=_save(tensors_of(self.folder, weights_name(epoch)), tensors),
            tensors=sorted(tensors),
            non_finite=_non_finite(tensors),
            epoch=epoch,
            networks=networks,
            progress=progress or Progress(),
        )
        write_record(self.folder, record)

    def load_weights(self, method: Method, epoch: int, whole: bool = False) -> None:
        """Load what was kept after `epoch`; the method's other tensors stay as they are.

        Args:
            method: of the run's configuration.
            epoch: 1-based.
            whole: refuse weights that lack what making images does without.

        Raises:
            BenchError: they are missing, gone, damaged, of another network, or not whole.
        """
        record = read_weights(self.folder, epoch, self.run)
        path, tensors = self._tensors(record)
        if whole and record.networks is not None:
            raise BenchError(
                f"{path}: holds {', '.join(record.networks)} alone, which is what making images needs, and another run "
                f"needs all of run {self.run}; delete that run's folder and run the command again, or use another --home"
            )
        _require_fit(path, tensors, method, _of_networks(method, record.networks))
        try:
            method.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            raise BenchError(f"{path}: {_one_line(error)}") from error

    def has_weights(self, epoch: int) -> bool:
        """Whether an epoch was kept: its good weights are there, or they went when all was measured.

        Weights that are not as they were written are reported and removed.
        """
        if not json_of(self.folder, weights_name(epoch)).is_file():
            return False
        try:
            record = read_weights(self.folder, epoch, self.run)
            if not record.dropped:
                self._verified(record)
        except BenchError as error:
            self.report(f"{error}; it will be made again")
            self._delete(weights_name(epoch))
            return False
        return True

    def is_gone(self, epoch: int) -> bool:
        """Whether the weights of a kept epoch went when all was measured."""
        return bool(read_weights(self.folder, epoch, self.run).dropped)

    def progress(self, epoch: int) -> Progress:
        """How far training was when an epoch was kept; empty where an earlier version did not say."""
        return read_weights(self.folder, epoch, self.run).progress or Progress()

    def forget_states_after(self, step: int) -> None:
        """Remove states newer than `step`: training has to go over that stretch again."""
        for newer in self._steps():
            if newer > step:
                self._delete(state_name(newer))

    def _steps(self) -> list[int]:
        names = [path.stem.removeprefix(STATE) for path in self.folder.glob(f"{STATE}*.json")]
        return sorted(int(name) for name in names if re.fullmatch(r"\d{9,}", name, re.ASCII))

    def _delete(self, name: str) -> None:
        json_of(self.folder, name).unlink(missing_ok=True)
        tensors_of(self.folder, name).unlink(missing_ok=True)

    def _verified(self, record: StateRecord | WeightsRecord) -> Path:
        """The file of tensors, once it is certain that it is what was written."""
        path = tensors_of(self.folder, record.name)
        if isinstance(record, WeightsRecord) and record.dropped:
            raise BenchError(f"{path}: is gone ({record.dropped})")
        if not path.is_file():
            raise BenchError(f"{path}: checkpoint is incomplete")
        if file_sha256(path) != record.sha256:
            raise BenchError(f"{path}: checkpoint is damaged (its checksum differs)")
        return path

    def _tensors(self, record: StateRecord | WeightsRecord) -> tuple[Path, dict[str, Tensor]]:
        """The tensors of a checkpoint, and the file for messages."""
        path = self._verified(record)
        try:
            tensors = load_file(path)
        except (SafetensorError, ValueError, TypeError, KeyError, OSError) as error:
            raise BenchError(f"{path}: holds no tensors: {_one_line(error)}") from error
        if record.tensors is not None and (differing := sorted(tensors.keys() ^ set(record.tensors))):
            verb = "lacks" if differing[0] in record.tensors else "holds"
            raise BenchError(f"{path}: {verb} tensor {differing[0]}, which its JSON half says otherwise")
        if strange := sorted(set(_non_finite(tensors)) - set(record.non_finite)):
            raise BenchError(f"{path}: tensor {strange[0]} is not finite")
        return path, tensors


def _save(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors; the sha256 of their file."""
    # safetensors refuses tensors that share memory; contiguous clones are what a checkpoint means anyway
    own = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
    checksum = ""

    def write(temporary: Path) -> None:
        nonlocal checksum
        try:
            save_file(own, temporary)
        except SafetensorError as error:  # how it passes the operating system's refusals on
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        checksum = file_sha256(temporary)

    write_atomically(path, write)
    return checksum


def _of_networks(method: Method, networks: list[str] | None) -> dict[str, Tensor]:
    """A method's tensors, or those of some of its networks and buffers.

    Raises:
        BenchError: the method has no such network.
    """
    state: dict[str, Tensor] = dict(method.state_dict())
    if networks is None:
        return state
    for network in networks:
        if not any(name.partition(".")[0] == network for name in state):
            raise BenchError(f"{type(method).__name__}: kept_networks names {network}, of which it has no tensors")
    return {name: tensor for name, tensor in state.items() if name.partition(".")[0] in networks}


def _require_fit(path: Path, tensors: Mapping[str, Tensor], method: Method, expected: Mapping[str, Tensor]) -> None:
    """The tensors are those that are expected: their names and types, and the shapes of the parameters.

    A buffer may grow while it is trained (the images a discriminator is shown), so its shape is for its module to judge.
    """
    if differing := sorted(tensors.keys() ^ expected.keys()):
        what = "lacks" if differing[0] in expected else "has, and the method has not,"
        raise BenchError(f"{path}: {what} tensor {differing[0]} ({len(differing)} differ): it is of another network")
    parameters = dict(method.named_parameters())
    for name, own in expected.items():
        stored = tensors[name]
        if stored.dtype != own.dtype:
            raise BenchError(f"{path}: tensor {name} is {stored.dtype}, and the method's is {own.dtype}")
        if name not in parameters:
            continue
        if stored.shape != own.shape:
            shapes = f"{tuple(stored.shape)}, and the method's has {tuple(own.shape)}"
            raise BenchError(f"{path}: tensor {name} has the shape {shapes}: it is of another network")
        if not bool(torch.isfinite(stored).all()):
            raise BenchError(f"{path}: tensor {name} is not finite")


def _non_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return sorted(name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all()))


def _require_schedule(name: str, own: dict[str, Any], stored: Mapping[str, Any]) -> None:
    for key in sorted(own.keys() | stored.keys()):
        if (
            key not in own
            or key not in stored
            or isinstance(own[key], (str, list)) != isinstance(stored[key], (str, list))
        ):
            raise BenchError(f"scheduler {name}: {key} is {stored.get(key, 'missing')!r}, which is not the method's")


def _parts(method: Method) -> dict[str, Any]:
    """Everything that a state brings back, as it is now."""
    return {
        "method": dict(method.state_dict()),
        "optimizers": {name: optimizer.state_dict() for name, optimizer in method.optimizers().items()},
        "schedulers": {name: scheduler.state_dict() for name, scheduler in method.schedulers().items()},
    }


def _load(method: Method, parts: Mapping[str, Any]) -> None:
    method.load_state_dict(parts["method"])
    for name, optimizer in method.optimizers().items():
        optimizer.load_state_dict(parts["optimizers"][name])
    for name, scheduler in method.schedulers().items():
        scheduler.load_state_dict(parts["schedulers"][name])


def _one_line(error: BaseException) -> str:
    """The line of an error that says most: torch's first only says that there was one, its second names the tensor."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else (lines or [type(error).__name__])[0]


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A scheduler's state without what JSON cannot hold (LambdaLR's functions, which torch leaves out as None)."""
    return {k: v for k, v in state.items() if isinstance(v, (int, float, str, bool, list, type(None)))}
