"""Optimizers as a checkpoint holds them: tensors apart from plain values, and both checked before they are put back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Adafactor, Adam, Optimizer

from bench.base.errors import BenchError
from bench.ledger.checkpoint_files import OptimizerRecord

PREFIX = "optimizer/"
# entries of torch's optimizers that have the shape of their parameter
LIKE_PARAMETER = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "sum"}
OF_ADAM = {"step", "exp_avg", "exp_avg_sq"}


def pack(optimizers: Mapping[str, Optimizer]) -> tuple[dict[str, Tensor], dict[str, OptimizerRecord]]:
    """Split every optimizer's state into tensors, `optimizer/NAME/PARAMETER/ENTRY`, and plain values."""
    tensors: dict[str, Tensor] = {}
    records = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        plain: dict[str, dict[str, Any]] = {}
        for index, entries in state["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"{PREFIX}{name}/{index}/{key}"] = value
                else:
                    plain.setdefault(str(index), {})[key] = value
        groups = [
            {k: list(v) if isinstance(v, tuple) else v for k, v in group.items()} for group in state["param_groups"]
        ]
        records[name] = OptimizerRecord(plain=plain, param_groups=groups)
    return tensors, records


def unpack(
    optimizers: Mapping[str, Optimizer], tensors: Mapping[str, Tensor], records: Mapping[str, OptimizerRecord]
) -> dict[str, dict[str, Any]]:
    """The state of every optimizer as torch loads it; nothing is loaded yet.

    Args:
        optimizers: of the method that goes on, by name.
        tensors: the checkpoint's, by name; others than optimizers' are left alone.
        records: its plain values, by optimizer.

    Raises:
        BenchError: in one line what does not fit these optimizers, a tensor by its name.
    """
    if optimizers.keys() != records.keys():
        raise BenchError(f"optimizers {_names(records)}, and the method has {_names(optimizers)}")
    entries: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in optimizers}
    for name, record in records.items():
        for index, plain in record.plain.items():
            entries[name].setdefault(_index(f"{PREFIX}{name}/{index}", index), {}).update(plain)
    for key, tensor in tensors.items():
        if key.startswith(PREFIX):
            name, _, rest = key.removeprefix(PREFIX).partition("/")
            index, _, entry = rest.partition("/")
            if name not in entries or not entry:
                raise BenchError(f"tensor {key} belongs to no optimizer")
            entries[name].setdefault(_index(f"tensor {key}", index), {})[entry] = tensor
    states = {}
    for name, optimizer in optimizers.items():
        _require_groups(name, optimizer, records[name])
        _require_entries(name, optimizer, entries[name])
        groups = [
            {k: tuple(v) if isinstance(own[k], tuple) else v for k, v in group.items()}  # type: ignore[arg-type]
            for group, own in zip(records[name].param_groups, optimizer.param_groups, strict=True)
        ]
        states[name] = {"state": entries[name], "param_groups": groups}
    return states


def _names(things: Mapping[str, object]) -> str:
    return ", ".join(sorted(things)) or "none"


def _index(what: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BenchError(f"{what} belongs to no parameter")
    return int(text)


def _require_groups(name: str, optimizer: Optimizer, record: OptimizerRecord) -> None:
    """The groups have the settings, each of its kind, and the parameters of the optimizer that goes on."""
    own_groups = optimizer.state_dict()["param_groups"]
    if len(own_groups) != len(record.param_groups):
        raise BenchError(f"optimizer {name}: {len(record.param_groups)} groups, and the method has {len(own_groups)}")
    for number, (group, own) in enumerate(zip(record.param_groups, own_groups, strict=True)):
        where = f"optimizer {name}, group {number}"
        if group.keys() != own.keys():
            raise BenchError(f"{where}: settings {_names(group)}, and the method has {_names(own)}")
        if group["params"] != own["params"]:
            raise BenchError(f"{where}: other parameters than the method's")
        for key, value in own.items():
            if _kind(group[key]) != _kind(value) or (_is_finite(value) and not _is_finite(group[key])):
                raise BenchError(f"{where}: {key} is {group[key]!r}, and the method has {value!r}")


def _kind(value: object) -> object:
    """What a setting is: a switch, a number, nothing, a text, or a list of such."""
    if isinstance(value, (list, tuple)):
        return [_kind(one) for one in value]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value)


def _is_finite(value: object) -> bool:
    numbers = value if isinstance(value, (list, tuple)) else [value]
    return all(math.isfinite(number) for number in numbers if isinstance(number, (int, float)))


def _require_entries(name: str, optimizer: Optimizer, entries: Mapping[int, Mapping[str, Any]]) -> None:
    """Every parameter's state has the entries of the others like it in its group, in shapes that fit the parameter."""
    is_torchs = type(optimizer).__module__.startswith("torch.optim")  # what others keep, nobody knows but they
    index = 0
    for group in optimizer.param_groups:
        expected: dict[int, set[str]] = {}
        for parameter in group["params"]:
            state = entries.get(index)
            where = f"{PREFIX}{name}/{index}"
            index += 1
            if state is None or not is_torchs:
                continue
            # Adafactor keeps something else of matrices than of vectors
            like = parameter.ndim if isinstance(optimizer, Adafactor) else 0
            first = expected.setdefault(like, set(state) | OF_ADAM if isinstance(optimizer, Adam) else set(state))
            if differing := sorted(first ^ set(state)):
                raise BenchError(f"tensor {where}/{differing[0]} is missing, or is one too many")
            for key, value in state.items():
                shape = tuple(value.shape) if isinstance(value, Tensor) else None
                wanted = tuple(parameter.shape) if key in LIKE_PARAMETER else () if key == "step" else shape
                if shape is not None and shape != wanted:
                    raise BenchError(f"tensor {where}/{key} has the shape {shape}, and the method's has {wanted}")
    if beyond := sorted(set(entries) - set(range(index))):
        raise BenchError(f"tensor {PREFIX}{name}/{beyond[0]} belongs to no parameter")
