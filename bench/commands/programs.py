"""A trained method as a program that runs without this package: TorchScript or ONNX, read back and compared."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.base.errors import BenchError, NotAvailable
from bench.plugin.method import Method
from bench.tasks.task import Task

SIZED = ("images", "condition")  # inputs that have a height and a width
HALF_A_LEVEL = 1 / 255  # of values in [-1, 1]: what another program's rounding may differ by
OPSET = 17


@torch.no_grad()
def write_torchscript(method: Method, task: Task, path: Path) -> str:
    """Write the method's way to make images as TorchScript.

    Returns:
        What was checked, in words.

    Raises:
        BenchError: it cannot be traced, or the program that is read back makes other bits.
    """
    function, inputs = task.as_function(method)
    with warnings.catch_warnings(), _explained("TorchScript"):
        # that tracing is old, and where it takes a shape for a constant, which is checked below
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(as_module(method, function), tuple(inputs.values()), check_trace=False)
        traced.save(str(path))
        again = torch.jit.load(str(path), map_location="cpu")  # written the line before: nobody else's code
    for given in (inputs, _other(inputs)):
        expected = function(*given.values())
        for _ in range(2):  # the first calls of a program are watched, later ones may be rearranged
            with _explained("TorchScript"):
                made = again(*given.values())
            if not torch.equal(made, expected):
                raise _differs("TorchScript", float((made.double() - expected.double()).abs().max()))
    size = "" if not _sized(inputs) else f"; {_other_size(again, function, inputs)}"
    return f"read back, it makes the same bits of two inputs{size}"


@torch.no_grad()
def write_onnx(method: Method, task: Task, path: Path) -> str:
    """Write the method's way to make images as ONNX.

    Returns:
        What was checked, in words.

    Raises:
        NotAvailable: the library is not installed.
        BenchError: it cannot be exported, or the program that is read back makes other images.
    """
    if find_spec("onnx") is None:
        raise NotAvailable(
            "--format onnx: needs the package onnx, which contrastbench does not: pip install onnx; or --format torchscript"
        )
    function, inputs = task.as_function(method)
    with _explained("ONNX"):
        _export_onnx(as_module(method, function), inputs, path)
        run = _onnx_program(path)
    largest = 0.0
    for given in (inputs, _other(inputs)):
        expected = function(*given.values()).double().numpy()
        with _explained("ONNX"):
            made = run({name: tensor.numpy() for name, tensor in given.items()})
        largest = max(largest, float(np.abs(made - expected).max()))
    if not largest < HALF_A_LEVEL:
        raise _differs("ONNX", largest)
    return f"read back, it makes the same images of two inputs but for {largest:.1g}, where half a grey level is 4e-3"


def _export_onnx(module: nn.Module, inputs: Mapping[str, Tensor], path: Path) -> None:
    """Write a network, which takes the inputs in their order, as ONNX; heights and widths are left open."""
    names = [*_sized(inputs), "made"] if _sized(inputs) else []
    axes = {name: {2: "height", 3: "width"} for name in names}
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=["made"],
            opset_version=OPSET, dynamo=False, dynamic_axes=axes,
        )  # fmt: skip


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing is printed, by libraries' native code either: an exporter shows whole graphs of what it refuses."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    try:
        with Path(os.devnull).open("w") as nothing:
            for stream in (1, 2):
                os.dup2(nothing.fileno(), stream)
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, stream)
            os.close(copy)


def as_module(method: Method, function: Callable[..., Tensor]) -> nn.Module:
    """A network that is a function of tensors alone, and holds what making images needs of a method."""
    kept = method.networks_to_keep()

    class Program(nn.Module):
        def forward(self, *inputs: Tensor) -> Tensor:
            return function(*inputs)

    program = Program()
    for name, network in method.named_children():
        if kept is None or name in kept:
            program.add_module(name, network)
    return program.train(method.training)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Whatever a tracer, an exporter or their programs refuse, in one line with the way out."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise BenchError(
            f"{what} cannot hold how this method makes images ({why}); --format safetensors keeps its weights"
        ) from error


def _differs(what: str, largest: float) -> BenchError:
    return BenchError(
        f"the {what} program makes other images than the method (by {largest:.2g} where most lie in [-1, 1]), so it is not "
        "written; --format safetensors keeps the weights"
    )


def _other(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Other inputs, of values that are as possible: what has places or numbers in a row is turned round."""
    return {name: tensor.flip((2, 3) if tensor.ndim == 4 else -1) for name, tensor in inputs.items()}


def _sized(inputs: Mapping[str, Tensor]) -> list[str]:
    return [name for name in inputs if name in SIZED]


def _other_size(program: Any, function: Callable[..., Tensor], inputs: Mapping[str, Tensor]) -> str:
    """Whether a program takes other sizes as the method does."""
    larger = {n: torch.cat([torch.cat([t, t], 2)] * 2, 3) if n in SIZED else t for n, t in inputs.items()}
    height, width = next(inputs[name].shape[2:] for name in _sized(inputs))
    try:
        same = torch.equal(program(*larger.values()), function(*larger.values()))
    except Exception:  # whatever a network or its program refuses of another size
        same = False
    return f"of {2 * width}x{2 * height} pixels, too" if same else f"it takes {width}x{height} pixels alone"


def _onnx_program(path: Path) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """A written ONNX file as a function; run by onnxruntime where it is installed, else by ONNX's own evaluator."""
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda given: np.asarray(session.run(None, given)[0])
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    evaluator = ReferenceEvaluator(model)
    return lambda given: np.asarray(evaluator.run(None, given)[0])
