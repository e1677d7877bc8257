"""Reading a record of training steps and putting its weights into networks (format: bench/checks/replay/replay.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.checks.replay.stylegan2_recording import as_steps, is_trajectory, read_trajectory

Recording = Mapping[str, Tensor]


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
    found = {key: torch.as_tensor(value) for key, value in content.items()}
    return as_steps(found, networks) if is_trajectory(found) else found


def _read(path: Path) -> dict[str, Tensor]:
    if path.is_dir() or path.name.startswith("traj_"):
        return read_trajectory(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such record; give a .safetensors or .npz file, or the folder of a trajectory")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    if path.suffix == ".safetensors":
        return load_file(path)
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
        record: holds `prefix` + `NET.NNN.kind` for exactly the parameters of `networks`.
        prefix: `init/`.

    Raises:
        BenchError: if the record lacks a parameter, has one more, or one of another shape.
    """
    wanted = {f"{prefix}{place}": p for network, module in networks.items() for place, p in places(network, module)}
    held = {key for key in record if key.startswith(prefix)}
    for key in sorted(wanted.keys() ^ held):
        fault = "which the method does not have" if key in held else "is missing, which the method needs"
        raise BenchError(f"record: {key} {fault}; networks, their sizes or their order differ")
    for key, parameter in wanted.items():
        value = record[key]
        if value.shape != parameter.shape and not value.numel() == parameter.numel() == 1:
            raise BenchError(f"record: {key} has shape {tuple(value.shape)}, the method wants {tuple(parameter.shape)}")
        parameter.data.copy_(value.reshape(parameter.shape))


def load_buffers(networks: Mapping[str, nn.Module], record: Recording, prefix: str) -> None:
    """Copy the buffers that a record holds.

    Raises:
        BenchError: if one is no buffer of the networks, or of another shape.
    """
    own = {f"{prefix}{net}.buffer.{n}": b for net, module in networks.items() for n, b in module.named_buffers()}
    for key in sorted(key for key in record if key.startswith(prefix)):
        if key not in own or own[key].shape != record[key].shape:
            raise BenchError(f"record: {key} does not fit a buffer of the method; networks or their sizes differ")
        own[key].copy_(record[key])
