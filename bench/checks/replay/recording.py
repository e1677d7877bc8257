"""Reading a record of training steps and putting its weights into networks (format: bench/checks/replay/replay.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.base.regular import is_regular
from bench.checks.replay.stylegan2_recording import as_steps, is_trajectory, read_trajectory
from bench.checks.replay.tensor_files import read_tensors
from bench.plugin.method import Method

Recording = Mapping[str, Tensor]
MEASURED = re.compile(r"statistics/[A-Za-z]+_\d+")  # a batch that the method looks at before the first step


def read_recording(record: str | Path | Mapping[str, Any], networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """A record in the common form, wherever it comes from.

    Args:
        record: a file, the folder or file of a trajectory, or the content: tensors or numpy arrays by key.
        networks: of the method that shall replay it, by their names in records; trajectories are named after them.

    Raises:
        UsageError: if there is no such file, or it is of another kind.
        BenchError: if a trajectory is of other networks.
    """
    content = record if isinstance(record, Mapping) else _read(Path(record))
    tensors = {key: torch.as_tensor(value) for key, value in content.items()}
    return as_steps(tensors, networks) if is_trajectory(tensors) else tensors


def _read(path: Path) -> dict[str, Tensor]:
    if path.is_dir() or path.name.startswith("traj_"):
        return read_trajectory(path)
    if not is_regular(path):
        raise UsageError(f"{path}: no such record; give a .safetensors or .npz file, or the folder of a trajectory")
    if path.suffix in (".npz", ".safetensors"):
        return read_tensors(path)
    raise UsageError(f"{path}: is neither .safetensors nor .npz; save the record as one of them")


def count_steps(record: Recording) -> int:
    """How many steps a record holds inputs of."""
    return len({key.split("/")[0] for key in record if re.match(r"step\d+/input_", key)})


def places(network: str, module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The record's name of every parameter: network, number in definition order, kind."""
    return [
        (f"{network}.{index:03d}.{name.rpartition('.')[2]}", parameter)
        for index, (name, parameter) in enumerate(module.named_parameters())
    ]


def load_weights(networks: Mapping[str, nn.Module], record: Recording, prefix: str) -> None:
    """Copy recorded weights into networks by definition order.

    Args:
        networks: by their names in the record.
        record: holds `prefix` + `NET.NNN.kind` for exactly the parameters of `networks`; those of a network are all there,
            or all missing, where others of the networks are there: then the recorded steps do not use it.
        prefix: `init/`.

    Raises:
        BenchError: if the record lacks a parameter, has one more, or one of another shape.
    """
    recorded = {key for key in record if key.startswith(prefix)}
    started = {key.removeprefix(prefix).partition(".")[0] for key in recorded}
    used = {name: module for name, module in networks.items() if name in started} or networks
    parameters = {f"{prefix}{place}": p for network, module in used.items() for place, p in places(network, module)}
    for key in sorted(parameters.keys() ^ recorded):
        fault = "which the method does not have" if key in recorded else "is missing, which the method needs"
        raise BenchError(f"record: {key} {fault}; networks, their sizes or their order differ")
    for key, parameter in parameters.items():
        value = record[key]
        if value.shape != parameter.shape and not value.numel() == parameter.numel() == 1:
            raise BenchError(f"record: {key} has shape {tuple(value.shape)}, the method wants {tuple(parameter.shape)}")
        parameter.data.copy_(value.reshape(parameter.shape))


def load_buffers(networks: Mapping[str, nn.Module], record: Recording, prefix: str) -> None:
    """Copy the buffers that a record holds.

    Raises:
        BenchError: if one is no buffer of the networks, or of another shape.
    """
    buffers = {f"{prefix}{net}.buffer.{n}": b for net, module in networks.items() for n, b in module.named_buffers()}
    for key in sorted(key for key in record if key.startswith(prefix)):
        if key not in buffers or buffers[key].shape != record[key].shape:
            raise BenchError(f"record: {key} does not fit a buffer of the method; networks or their sizes differ")
        buffers[key].copy_(record[key])


def state_outside(method: Method, networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The parameters and buffers that belong to none of the networks, as they are, by their names in `state_dict`."""
    inside = {id(t) for module in networks.values() for t in (*module.parameters(), *module.buffers())}
    return {name: tensor for name, tensor in method.state_dict(keep_vars=True).items() if id(tensor) not in inside}


def load_state(method: Method, networks: Mapping[str, nn.Module], record: Recording, prefix: str) -> None:
    """Copy recorded parameters and buffers that belong to none of the networks.

    Raises:
        BenchError: if one is none of the method's, or of another shape.
    """
    state = {f"{prefix}{name}": tensor for name, tensor in state_outside(method, networks).items()}
    for key in sorted(key for key in record if key.startswith(prefix)):
        if key not in state or state[key].shape != record[key].shape:
            raise BenchError(f"record: {key} does not fit the state of {method.name}; its configuration differs")
        state[key].data.copy_(record[key])


def measured(
    method: Method, networks: Mapping[str, nn.Module], record: Recording, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Let a method measure the batches that a record holds for it, or else copy what was measured into its buffers.

    Returns:
        Every `statistics/NAME` that the record holds, as the method has it now.

    Raises:
        BenchError: if something that was measured is no buffer of the method.
    """
    keys = sorted((key for key in record if MEASURED.fullmatch(key)), key=lambda key: (len(key), key))
    buffers = {f"statistics/{name}": tensor for name, tensor in state_outside(method, networks).items()}
    found = [key for key in record if key.startswith("statistics/") and key not in keys]
    for key in found:
        if key not in buffers or buffers[key].numel() != record[key].numel():
            raise BenchError(f"record: {key} is nothing that {method.name} measures")
        buffers[key].copy_(record[key].reshape(buffers[key].shape))
    if keys:
        numbers = dict.fromkeys(key.rpartition("_")[2] for key in keys)
        method.measure(
            {stream: record[f"statistics/{stream}_{number}"].to(dtype) for stream in method.streams}
            for number in numbers
        )
    return {key: buffers[key].detach().clone() for key in found}


def drawn_in(record: Recording, step: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """What a record says was drawn for a step; noise in the given precision, schedules' values in their own."""
    prefix = f"step{step}/drawn/"
    drawn = {key.removeprefix(prefix): tensor for key, tensor in record.items() if key.startswith(prefix)}
    return {name: t.to(dtype) if t.ndim and t.is_floating_point() else t for name, t in drawn.items()}


def require_drawn(recorded: Mapping[str, Tensor], expected: Mapping[str, Tensor], step: int) -> None:
    """Check that a record holds what a method draws for a step.

    Raises:
        BenchError: if something is missing, too much or of another shape; the message names the key.
    """
    for name in sorted(recorded.keys() | expected.keys()):
        key = f"step{step}/drawn/{name}"
        if name not in recorded or name not in expected:
            fault = "is missing, which the method draws" if name in expected else "is nothing that the method draws"
            raise BenchError(f"record: {key} {fault}; it was made by another method or configuration")
        if recorded[name].shape != expected[name].shape:
            raise BenchError(
                f"record: {key} has shape {tuple(recorded[name].shape)}, the method draws {tuple(expected[name].shape)}"
            )
