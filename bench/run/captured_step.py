"""Steps as CUDA graphs: a phase's step is recorded once and replayed, so that the host launches one program, not thousands.

At batch 1 a step's kernels are shorter than the time the host needs to launch them. The contract of a step
(docs/draw-and-step.md) is what makes the recording possible: it draws nothing, waits for nothing, and has the same shapes
within a phase. The mathematics is the eager step's, kernel by kernel.

The first steps of a phase are made eagerly; recording makes none itself. A phase that cannot be recorded (one of the
method's `eager_phases`, or one in which recording fails) is made eagerly, and its name and the reason are said once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate
from math import prod
from typing import Any, Protocol

import torch
from torch import Tensor

from bench.base.precision import Precision, arithmetic
from bench.plugin.method import Method, StepContext, on_device

WARM_UP = 3  # eager steps of a phase: they create the optimizers' state and the libraries' handles
_ALIGNMENT = 16  # bytes; more than any type of number needs


class Recorder(Protocol):
    """How steps are recorded: `CudaGraphs`, or what stands in for it where there is no card."""

    def stream(self) -> AbstractContextManager[object]:
        """Where everything of a step is launched."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record what `work` launches, which is not executed meanwhile, and return what executes it."""


class CudaGraphs:
    """Recorded as CUDA graphs, which share one pool of memory: they are replayed one after the other."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool: Any = torch.cuda.graph_pool_handle()

    def stream(self) -> AbstractContextManager[object]:
        """A stream of their own, since the default one cannot be recorded."""
        return _Aside(self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            work()
        replay: Callable[[], None] = graph.replay
        return replay


class _Aside:
    """Work on another stream: after all that was launched before it, and before all that is launched after it."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self.inner, self.outer = stream, torch.cuda.current_stream()
        self.context = torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self.inner.wait_stream(self.outer)
        self.context.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)
        self.outer.wait_stream(self.inner)


class Drawn:
    """What was drawn for a step, on the device, always at the same addresses; it arrives in one copy.

    Args:
        drawn: of a step like those to come, on the CPU.
        device: where it goes.
    """

    def __init__(self, drawn: Mapping[str, Tensor], device: torch.device) -> None:
        sizes = [_padded(tensor.numel() * tensor.element_size()) for tensor in drawn.values()]
        self._starts = [0, *accumulate(sizes)]
        self._pinned = device.type == "cuda"
        self._bytes = torch.empty(self._starts[-1], dtype=torch.uint8, device=device)
        self.tensors = self._views(self._bytes, drawn)

    def put(self, drawn: Mapping[str, Tensor]) -> None:
        """Take what was drawn for another step; of the same names, types and shapes."""
        # torch's allocator of pinned memory does not hand a block out again before its copy is done
        host = torch.empty(self._starts[-1], dtype=torch.uint8, pin_memory=self._pinned)
        for name, view in self._views(host, drawn).items():
            view.copy_(drawn[name])
        self._bytes.copy_(host, non_blocking=True)

    def _views(self, memory: Tensor, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: memory[start : start + prod(like.shape) * like.element_size()].view(like.dtype).view(like.shape)
            for (name, like), start in zip(drawn.items(), self._starts, strict=False)
        }


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


class _Program:
    """A recorded step: where its inputs are put, what executes it, and where its results are afterwards."""

    def __init__(self, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor], device: torch.device) -> None:
        self.batch = {name: tensor.clone() for name, tensor in batch.items()}
        self.drawn = Drawn(drawn, device)
        self.names: list[str] = []
        self.losses: Tensor | None = None
        self.visuals: dict[str, Tensor] = {}
        self.replay: Callable[[], None] | None = None


class CapturedStep:
    """Makes the steps of a method, recorded where they can be.

    Args:
        method: on the device.
        precision: of the steps.
        recorder: how they are recorded; None: as CUDA graphs on a card, not at all elsewhere.
        say: where a line goes for each phase that is made eagerly, and why.

    Attributes:
        eager: why phases are not recorded, by their names.
        recorded: the phases that are.
    """

    def __init__(
        self,
        method: Method,
        precision: Precision = "fp32",
        recorder: Recorder | None = None,
        say: Callable[[str], object] = print,
    ) -> None:
        self.method, self.precision, self.say = method, precision, say
        self.device = next(method.parameters()).device
        self.recorder = recorder or (CudaGraphs() if self.device.type == "cuda" else None)
        self.eager: dict[str, str] = {}
        self._programs: dict[str, tuple[object, _Program]] = {}
        self._made: dict[str, int] = {}

    @property
    def recorded(self) -> list[str]:
        """The phases of which there is a recording."""
        return sorted(self._programs)

    def __call__(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """Draw a step and make it.

        Args:
            batch: see `Method.step`.
            context: the moment.

        Returns:
            See `Method.step`.
        """
        context = context.with_shapes(batch)
        drawn = self.method.draw(context)
        phase = self.method.phase(context, drawn)
        with self._stream():
            program = self._program(batch, drawn, phase)
            if program is None:
                self._made[phase] = self._made.get(phase, 0) + 1
                return self._step(batch, on_device(drawn, self.device), phase)
            return self._replayed(program, batch, drawn)

    def _stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self.recorder is None else self.recorder.stream()

    def _step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        with arithmetic(self.precision, self.device.type):
            return self.method.step(batch, drawn, phase)

    def _program(self, batch: dict[str, Tensor], drawn: dict[str, Tensor], phase: str) -> _Program | None:
        """The recording of a phase that fits this step; made now if it is time."""
        if self.recorder is None or phase in self.eager:
            return None
        key = (_form(batch), _form(drawn), self._settings())
        known, program = self._programs.get(phase, (None, None))
        if program is not None and known == key:
            return program
        if phase in self.method.eager_phases:
            self._refuse(phase, "its shapes change from step to step")
            return None
        if self._made.get(phase, 0) < WARM_UP:
            return None
        del program
        self._programs.pop(phase, None)  # its memory is free for the new one
        try:
            made = self._recorded(self.recorder, batch, drawn, phase)
        except Exception as error:
            self._refuse(phase, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            return None
        self._programs[phase] = (key, made)
        return made

    def _refuse(self, phase: str, reason: str) -> None:
        self.eager[phase] = reason
        name = self.method.name or type(self.method).__name__
        self.say(f"steps of {name} in phase '{phase}' are not recorded as a graph: {reason}")

    def _settings(self) -> tuple[object, ...]:
        """What a recording has fixed in it besides shapes: learning rates and the like, which schedules change."""
        groups = (group for optimizer in self.method.optimizers().values() for group in optimizer.param_groups)
        return tuple(_plain(value) for group in groups for name, value in group.items() if name != "params")

    def _recorded(self, recorder: Recorder, batch: dict[str, Tensor], drawn: dict[str, Tensor], phase: str) -> _Program:
        program = _Program(batch, drawn, self.device)
        program.drawn.put(drawn)

        def work() -> None:
            losses = self._step(program.batch, program.drawn.tensors, phase)
            program.names = list(losses)
            program.losses = torch.stack([loss.reshape(()).double() for loss in losses.values()])
            program.visuals = dict(self.method.visuals())

        with _Capturable(self.method):
            program.replay = recorder.record(work)
        return program

    def _replayed(self, program: _Program, batch: dict[str, Tensor], drawn: dict[str, Tensor]) -> dict[str, Tensor]:
        for name, tensor in program.batch.items():
            tensor.copy_(batch[name], non_blocking=True)
        program.drawn.put(drawn)
        assert program.replay is not None
        program.replay()
        assert program.losses is not None
        self.method._visuals = program.visuals
        return dict(zip(program.names, program.losses.clone().unbind(), strict=True))  # the next step overwrites them


class _Capturable:
    """Lets Adam be recorded: torch asks for a switch, which changes nothing in its fused form."""

    def __init__(self, method: Method) -> None:
        groups = [group for optimizer in method.optimizers().values() for group in optimizer.param_groups]
        self.groups = [group for group in groups if group.get("capturable") is False]

    def __enter__(self) -> None:
        for group in self.groups:
            group["capturable"] = True

    def __exit__(self, *error: Any) -> None:
        for group in self.groups:
            group["capturable"] = False


def _form(tensors: Mapping[str, Tensor]) -> tuple[object, ...]:
    return tuple((name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items())


def _plain(value: object) -> object:
    """A setting to compare; a tensor's value is read when the recording is executed, so only which tensor it is counts."""
    return id(value) if isinstance(value, Tensor) else str(value)
