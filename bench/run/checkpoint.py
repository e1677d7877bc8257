"""Checkpoints: atomic, checksummed, never pickled; a damaged one is reported and the one before it used.

A checkpoint is a pair: `NAME.safetensors` (all tensors) and `NAME.json` (everything else, and the sha256 of the first).
The JSON file is written last, so a pair is complete exactly when its JSON file is there and the checksum agrees.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.storage import read_json, write_atomically, write_json
from bench.plugin.method import Method

STATE = "state-"  # everything needed to go on training
WEIGHTS = "epoch-"  # the method's state_dict alone, kept for scoring
KEPT_STATES = 2


def _save(stem: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    # safetensors refuses tensors that share memory; contiguous clones are what a checkpoint means anyway
    own = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
    path = stem.with_name(stem.name + ".safetensors")
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
    write_json(stem.with_name(stem.name + ".json"), {"sha256": checksum, "state": state})


def _verified(stem: Path) -> tuple[Path, dict[str, Any]]:
    """The tensors' file and the JSON state of a complete, undamaged checkpoint; BenchError otherwise."""
    path = stem.with_name(stem.name + ".safetensors")
    record = read_json(stem.with_name(stem.name + ".json"))
    if not isinstance(record, dict) or not {"sha256", "state"} <= set(record) or not path.is_file():
        raise BenchError(f"{path}: checkpoint is incomplete")
    if file_sha256(path) != record["sha256"]:
        raise BenchError(f"{path}: checkpoint is damaged (its checksum differs)")
    return path, record["state"]


def _load(stem: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    path, state = _verified(stem)
    return load_file(path), state


def _delete(stem: Path) -> None:
    stem.with_name(stem.name + ".json").unlink(missing_ok=True)
    stem.with_name(stem.name + ".safetensors").unlink(missing_ok=True)


def _pack_optimizers(method: Method) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split every optimizer's state into tensors and JSON values."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for name, optimizer in method.optimizers().items():
        state = optimizer.state_dict()
        plain: dict[str, dict[str, Any]] = {}
        for index, entries in state["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{name}/{index}/{key}"] = value
                else:
                    plain.setdefault(str(index), {})[key] = value
        values[name] = {"plain": plain, "param_groups": state["param_groups"]}
    return tensors, values


def _unpack_optimizers(method: Method, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    for name, optimizer in method.optimizers().items():
        state: dict[int, dict[str, Any]] = {int(i): dict(v) for i, v in values[name]["plain"].items()}
        prefix = f"optimizer/{name}/"
        for key, tensor in tensors.items():
            if key.startswith(prefix):
                index, entry = key.removeprefix(prefix).split("/", 1)
                state.setdefault(int(index), {})[entry] = tensor
        groups = [
            {k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in values[name]["param_groups"]
        ]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: the run's `checkpoints/`.
        report: called with one line when a damaged checkpoint is passed over.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder = folder
        self.report = report

    def save_state(self, method: Method, step: int, progress: dict[str, Any]) -> None:
        """Save everything needed to go on from `step`; older states than the newest two are removed."""
        tensors, optimizers = _pack_optimizers(method)
        tensors |= {f"method/{name}": tensor for name, tensor in method.state_dict().items()}
        schedulers = {name: _plain(scheduler.state_dict()) for name, scheduler in method.schedulers().items()}
        state = {"step": step, "progress": progress, "optimizers": optimizers, "schedulers": schedulers}
        _save(self.folder / f"{STATE}{step:09d}", tensors, state)
        for old in self._steps()[:-KEPT_STATES]:
            _delete(self.folder / f"{STATE}{old:09d}")

    def restore_state(self, method: Method) -> tuple[int, dict[str, Any]] | None:
        """Load the newest good state into `method`.

        Returns:
            (step, progress) or None if there is no good state, in which case training starts at step 0.
        """
        for step in reversed(self._steps()):
            try:
                tensors, state = _load(self.folder / f"{STATE}{step:09d}")
            except BenchError as error:
                self.report(f"{error}; using the one before it")
                _delete(self.folder / f"{STATE}{step:09d}")
                continue
            weights = {k.removeprefix("method/"): v for k, v in tensors.items() if k.startswith("method/")}
            method.load_state_dict(weights)
            _unpack_optimizers(method, tensors, state["optimizers"])
            for name, scheduler in method.schedulers().items():
                scheduler.load_state_dict(state["schedulers"][name])
            return step, state["progress"]
        return None

    def save_weights(self, method: Method, epoch: int) -> None:
        """Keep the networks after `epoch` for scoring."""
        _save(self.folder / f"{WEIGHTS}{epoch:06d}", method.state_dict(), {"epoch": epoch})

    def load_weights(self, method: Method, epoch: int) -> None:
        """Load the networks kept after `epoch`; raises BenchError if they are missing or damaged."""
        tensors, _ = _load(self.folder / f"{WEIGHTS}{epoch:06d}")
        method.load_state_dict(tensors)

    def has_weights(self, epoch: int) -> bool:
        """Whether good weights of that epoch are there; damaged ones are reported and removed."""
        stem = self.folder / f"{WEIGHTS}{epoch:06d}"
        if not stem.with_name(stem.name + ".json").is_file():
            return False
        try:
            _verified(stem)
        except BenchError as error:
            self.report(f"{error}; it will be made again")
            _delete(stem)
            return False
        return True

    def seconds(self) -> float:
        """Seconds of training that the newest state has recorded."""
        steps = self._steps()
        record = read_json(self.folder / f"{STATE}{steps[-1]:09d}.json") if steps else None
        return float(record["state"]["progress"]["seconds"]) if record else math.nan

    def forget_states_after(self, step: int) -> None:
        """Remove states newer than `step`: training has to go over that stretch again."""
        for newer in self._steps():
            if newer > step:
                _delete(self.folder / f"{STATE}{newer:09d}")

    def _steps(self) -> list[int]:
        return sorted(int(path.stem.removeprefix(STATE)) for path in self.folder.glob(f"{STATE}*.json"))


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A scheduler's state without what JSON cannot hold (LambdaLR's functions, which torch leaves out as None)."""
    return {k: v for k, v in state.items() if isinstance(v, (int, float, str, bool, list, type(None)))}
