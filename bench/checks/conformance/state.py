"""The whole state of a method, compared bit for bit, and the global state that no plugin may depend on."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.checks.conformance.subject import require
from bench.plugin.method import Method
from bench.run.checkpoint import Checkpoints


def snapshot(method: Method) -> dict[str, Any]:
    """Everything a checkpoint must hold, by where it is; tensors are copied, the rest is plain values."""
    contents: dict[str, Any] = {f"state_dict {name}": tensor for name, tensor in method.state_dict().items()}
    for name, optimizer in method.optimizers().items():
        state = optimizer.state_dict()
        for index, entries in state["state"].items():
            contents |= {f"optimizer {name}, parameter {index}, {key}": value for key, value in entries.items()}
        for index, group in enumerate(state["param_groups"]):
            contents |= {f"optimizer {name}, group {index}, {key}": value for key, value in group.items()}
    for name, scheduler in method.schedulers().items():
        contents |= {f"scheduler {name}, {key}": scheduler.state_dict()[key] for key in ("last_epoch", "_last_lr")}
    return {key: value.detach().clone() if isinstance(value, Tensor) else value for key, value in contents.items()}


def same(a: Any, b: Any) -> bool:
    """Whether two tensors agree in shape, type and every bit, or two plain values are equal."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and bool(torch.equal(_bits(a), _bits(b)))
    return bool(a == b)


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def require_same(expected: dict[str, Any], actual: dict[str, Any], problem: str) -> None:
    """Require equal entries; the message ends with the first that differs."""
    for key in sorted(expected.keys() | actual.keys()):
        require(key in expected and key in actual and same(expected[key], actual[key]), f"{problem}: {key} differs")


@contextmanager
def global_generators_at(seed: int) -> Iterator[None]:
    """Set the global random generators, which no plugin may use, to a place of our choice; put them back afterwards."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


@contextmanager
def temporary_checkpoints() -> Iterator[Checkpoints]:
    """Checkpoints in a folder that is removed at the end; a damaged one is an error."""

    def refuse(line: str) -> None:
        raise BenchError(line)

    with tempfile.TemporaryDirectory() as folder:
        yield Checkpoints(Path(folder), refuse, "conformance")
