"""Replay a method's training steps from a record of initial weights, inputs and draws.

A record is a flat dictionary of arrays (.safetensors or .npz). `NNN` counts the parameters of a network in definition
order, `kind` is the last part of the parameter's name (`weight`, `bias`), S counts steps and JJ draws from 0:

    init/NET.NNN.kind         every parameter before the first step
    stepS/input_STREAM        the batch
    stepS/patch_ids_JJ        results of `draw.permutation`, in the order of the calls
    stepS/noise_JJ            of `draw.normal`; a leading 1 stands for every image of a batch
    stepS/uniform_JJ, index_JJ, flipped   of `draw.uniform`, `draw.integer`, `draw.bernoulli`
    stepS/draw_PURPOSE        of `draw.normal` for that purpose, which takes the first rows; need not be used
    stepS/loss_NAME           losses (`Method.record_losses`); stepS/NAME: images (`Method.visuals`)
    grad_stepS/NET.NNN.kind   the gradient that the step's update used
    after_stepS/NET.NNN.kind  every parameter after the step
    init_buffers/NET.buffer.NAME, after_stepS/NET.buffer.NAME   buffers; as many as the record holds

Records of another format, trajectories (bench/trajectory.py), are brought into this one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import BenchError, UsageError
from bench.method import Method, MethodConfig, StepContext
from bench.plugins import load_method
from bench.randomness import Draws
from bench.trajectory import as_steps, is_trajectory, read_trajectory

Record = Mapping[str, Tensor]

_DRAWS = re.compile(r"(?:patch_ids|noise|uniform|index)_\d+|flipped")
_NAMED_DRAW = "draw_"


class RecordedDraws(Draws):
    """The draws of one recorded step, handed out in the order in which they were recorded, each exactly once.

    Args:
        record: the whole record.
        step: which step's draws.
        dtype: of normal numbers, whatever the caller asks for, so that a replay is of one precision.

    Raises:
        BenchError: from a draw that the record does not have or that has another size.
    """

    def __init__(self, record: Record, step: int, dtype: torch.dtype = torch.float64) -> None:
        super().__init__(seed=0)
        self.step = step
        self.dtype = dtype
        self._left: defaultdict[str, list[tuple[str, Tensor]]] = defaultdict(list)
        prefix = f"step{step}/"
        named = f"{prefix}{_NAMED_DRAW}"
        self._named = {key.removeprefix(named): key for key in record if key.startswith(named)}
        self._record = record
        own = [key for key in record if key.startswith(prefix) and _DRAWS.fullmatch(key.removeprefix(prefix))]
        for key in sorted(own, key=lambda key: (len(key), key)):  # ..._99 comes before ..._100
            self._left[re.sub(r"_\d+$", "", key.removeprefix(prefix))].append((key, record[key]))

    def _take(self, kind: str, name: str) -> tuple[str, Tensor]:
        if not self._left[kind]:
            raise BenchError(
                f"step {self.step}: the method draws '{name}', but the record has no step{self.step}/{kind} left; "
                "it was made by another method or configuration"
            )
        return self._left[kind].pop(0)

    def permutation(self, name: str, n: int, count: int | None = None) -> Tensor:
        """The next recorded ids, checked against what was asked for."""
        key, ids = self._take("patch_ids", name)
        size = n if count is None else min(count, n)
        if tuple(ids.shape) != (size,) or int(ids.min()) < 0 or int(ids.max()) >= n:
            raise BenchError(
                f"{key}: the method draws {size} of {n} positions, the record has {tuple(ids.shape)} "
                f"in {int(ids.min())}..{int(ids.max())}; check num_patches and the image size"
            )
        return ids.long()

    def normal(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """The noise recorded for this purpose, or else the next one, in the replay's precision."""
        if name in self._named:
            key = self._named[name]
            noise = self._record[key][: shape[0]].to(self.dtype)
        else:
            key, noise = self._take("noise", name)
            noise = noise.to(self.dtype)
        if noise.numel() == prod(shape):
            return noise.reshape(shape)
        if noise.ndim == len(shape) and noise.shape[0] == 1 and tuple(noise.shape[1:]) == tuple(shape[1:]):
            return noise.expand(shape).clone()
        raise BenchError(f"{key}: the method draws noise of shape {tuple(shape)}, the record has {tuple(noise.shape)}")

    def bernoulli(self, name: str, p: float = 0.5) -> bool:
        """The recorded flip."""
        return bool(self._take("flipped", name)[1].item())

    def uniform(self, name: str) -> float:
        """The next recorded uniform number."""
        return float(self._take("uniform", name)[1].item())

    def integer(self, name: str, high: int) -> int:
        """The next recorded index."""
        key, value = self._take("index", name)
        index = int(value.item())
        if not 0 <= index < high:
            raise BenchError(f"{key}: the method draws an index below {high}, the record has {index}")
        return index

    def stream(self, purpose: str) -> np.random.Generator:
        """No method may draw past the record.

        Raises:
            BenchError: always.
        """
        raise BenchError(f"step {self.step}: the method draws '{purpose}' in a way that records do not hold")

    def finish(self) -> None:
        """Check that the step used everything that was recorded for it.

        Raises:
            BenchError: if draws are left.
        """
        left = [key for draws in self._left.values() for key, _ in draws]
        if left:
            raise BenchError(f"the method never used {', '.join(left)}; it draws less than the recorded one")


@dataclass(frozen=True)
class Replay:
    """What a replay computed.

    Attributes:
        tensors: losses, images, gradients and weights under the keys of a record, on the CPU.
        method: the method as the last step left it.
    """

    tensors: dict[str, Tensor]
    method: Method

    @property
    def losses(self) -> dict[str, Tensor]:
        """`stepS/loss_NAME` of every step."""
        return {key: value for key, value in self.tensors.items() if "/loss_" in key}

    @property
    def gradients(self) -> dict[str, Tensor]:
        """`grad_stepS/NET.NNN.kind` of every step; zero where no update reached a parameter."""
        return {key: value for key, value in self.tensors.items() if key.startswith("grad_step")}

    @property
    def weights(self) -> dict[str, Tensor]:
        """`after_stepS/NET.NNN.kind` and `after_stepS/NET.buffer.NAME` of every step."""
        return {key: value for key, value in self.tensors.items() if key.startswith("after_step")}

    def compare(self, record: str | Path | Record, floor: float = 1e-5) -> dict[str, float]:
        """The error of everything that the record holds of the replayed steps: max |replay - record| / max |record|.

        Args:
            record: what to compare with.
            floor: smallest denominator. The gradients of biases in front of a normalisation are zero but for rounding,
                and no relative error means anything there.

        Returns:
            key -> error, for every loss, image, gradient and weight in the record; infinite where the replay has no
            such tensor, another shape or a number that is not finite.
        """
        steps = 1 + max(int(key[4:].split("/")[0]) for key in self.losses)
        errors = {}
        for key, expected in _load(record, self.method.networks()).items():
            part, _, name = key.partition("/")
            place = re.fullmatch(r"(?:grad_|after_)?step(\d+)", part)
            given = name.startswith(("input_", _NAMED_DRAW)) or _DRAWS.fullmatch(name)
            if place is None or int(place[1]) >= steps or given:
                continue
            errors[key] = _error(self.tensors.get(key), expected, floor)
        return errors


def _error(found: Tensor | None, expected: Tensor, floor: float) -> float:
    if found is None or found.shape != expected.shape:
        return float("inf")
    difference = (found.double() - expected.double()).abs().max()
    error = float(difference / expected.double().abs().max().clamp_min(floor))
    return error if error == error else float("inf")


def _load(record: str | Path | Record, networks: Mapping[str, nn.Module]) -> Record:
    found = record if isinstance(record, Mapping) else _read(Path(record))
    return as_steps(found, networks) if is_trajectory(found) else found


def _read(path: Path) -> Record:
    if path.is_dir() or path.name.startswith("traj_"):
        return read_trajectory(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such record; give a .safetensors or .npz file, or the folder of a trajectory")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    return load_file(path)


def _places(network: str, module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The record's name of every parameter: network, number in definition order, kind."""
    return [
        (f"{network}.{index:03d}.{name.rpartition('.')[2]}", parameter)
        for index, (name, parameter) in enumerate(module.named_parameters())
    ]


def load_weights(networks: Mapping[str, nn.Module], record: Record, prefix: str) -> None:
    """Copy recorded weights into networks by definition order.

    Args:
        networks: by their names in the record.
        record: holds `prefix` + `NET.NNN.kind` for exactly the parameters of `networks`.
        prefix: `init/`.

    Raises:
        BenchError: if the record lacks a parameter, has one more, or one of another shape.
    """
    wanted = {f"{prefix}{place}": p for network, module in networks.items() for place, p in _places(network, module)}
    held = {key for key in record if key.startswith(prefix)}
    for key in sorted(wanted.keys() ^ held):
        fault = "which the method does not have" if key in held else "is missing, which the method needs"
        raise BenchError(f"record: {key} {fault}; networks, their sizes or their order differ")
    for key, parameter in wanted.items():
        if record[key].shape != parameter.shape:
            raise BenchError(
                f"record: {key} has shape {tuple(record[key].shape)}, the method wants {tuple(parameter.shape)}"
            )
        parameter.data.copy_(record[key])


def _load_buffers(networks: Mapping[str, nn.Module], record: Record, prefix: str) -> None:
    """Copy the buffers that a record holds."""
    own = {f"{prefix}{net}.buffer.{n}": b for net, module in networks.items() for n, b in module.named_buffers()}
    for key in sorted(key for key in record if key.startswith(prefix)):
        if key not in own or own[key].shape != record[key].shape:
            raise BenchError(f"record: {key} does not fit a buffer of the method; networks or their sizes differ")
        own[key].copy_(record[key])


def replay(
    method: str | type[Method],
    config: MethodConfig | dict[str, Any],
    record: str | Path | Record,
    *,
    epoch: int = 1,
    steps: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Replay:
    """Run a method's training steps on a record's weights, inputs and draws.

    Args:
        method: name, `FILE.py:Class` or class.
        config: its configuration, or the values that differ from its defaults.
        record: a file, a folder (trajectories) or the content (formats: see the module).
        epoch: 1-based epoch in which the steps happen (for curricula; the total is the configuration's).
        steps: how many of the record's steps; all if None.
        dtype: precision of everything.

    Returns:
        What the steps computed.

    Raises:
        UsageError: if the record does not exist.
        BenchError: if weights, inputs or draws do not fit the method; the message names the key.
    """
    method_class = load_method(method) if isinstance(method, str) else method
    resolved = method_class.Config(**config) if isinstance(config, dict) else config
    trained = method_class(resolved, Draws(seed=0)).to(dtype)
    networks = trained.networks()
    recorded = _load(record, networks)
    load_weights(networks, recorded, "init/")
    _load_buffers(networks, recorded, "init_buffers/")

    count = len({key.split("/")[0] for key in recorded if re.match(r"step\d+/input_", key)})
    if steps is not None and steps > count:
        raise BenchError(f"record: holds {count} steps, {steps} were asked for")
    count = count if steps is None else steps
    tensors: dict[str, Tensor] = {}
    for step in range(count):
        draws = RecordedDraws(recorded, step, dtype)
        context = StepContext(step, epoch, count, resolved.total_epochs, draws)
        losses = trained.record_losses(trained.training_step(_batch(trained, recorded, step, dtype), context))
        draws.finish()
        tensors |= {f"step{step}/loss_{name}": loss.detach().reshape(1).clone() for name, loss in losses.items()}
        tensors |= {f"step{step}/{name}": image.detach().clone() for name, image in trained.visuals().items()}
        for network, module in networks.items():
            for place, parameter in _places(network, module):
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                tensors[f"grad_step{step}/{place}"] = gradient.detach().clone()
                tensors[f"after_step{step}/{place}"] = parameter.detach().clone()
            for name, buffer in module.named_buffers():
                tensors[f"after_step{step}/{network}.buffer.{name}"] = buffer.detach().clone()
    return Replay(tensors, trained)


def _batch(method: Method, record: Record, step: int, dtype: torch.dtype) -> dict[str, Tensor]:
    batch = {}
    for stream in method.streams:
        key = f"step{step}/input_{stream}"
        if key not in record:
            raise BenchError(f"record: {key} is missing, which {method.name} reads")
        batch[stream] = record[key].to(dtype)
    return batch
