"""The base class of every method, and the moment at which a step happens.

A method owns its networks and its update step. The harness owns everything else: the loop, the device, checkpoints,
sampling, scoring and logging. Methods never read files, MLflow or the command line.

A step is drawn on the host, then made on the device; docs/draw-and-step.md says why and shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.base.weight_files import WeightFile
from bench.plugin.capabilities import VERBS
from bench.plugin.config import MethodConfig

Task = str  # the name of a task (bench/tasks)


@dataclass(frozen=True)
class StepContext:
    """The moment a training step happens: all that `Method.draw` may depend on.

    Attributes:
        step: optimisation step, 0-based.
        epoch: 1-based.
        total_steps, total_epochs: of the whole run.
        draw: the step's random draws.
        shapes: of each stream of the step's batch.
    """

    step: int
    epoch: int
    total_steps: int
    total_epochs: int
    draw: Draws
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def with_shapes(self, batch: Mapping[str, Tensor]) -> StepContext:
        """The same moment, with the shapes of its batch."""
        return replace(self, shapes={stream: tuple(tensor.shape) for stream, tensor in batch.items()})


def on_device(drawn: Mapping[str, Tensor], device: torch.device | str) -> Mapping[str, Tensor]:
    """What was drawn, on a device and read-only: the recording of a step, which the step may not change.

    Raises:
        BenchError: if something that was drawn is no tensor.
    """
    for name, value in drawn.items():
        if not isinstance(value, Tensor):
            raise BenchError(
                f"draw returns '{name}' as {type(value).__name__}; make it a tensor (docs/draw-and-step.md)"
            )
    if torch.device(device).type == "cuda":  # the host does not wait for copies from pinned memory
        drawn = {name: tensor.pin_memory() for name, tensor in drawn.items()}
    return MappingProxyType({name: tensor.to(device, non_blocking=True) for name, tensor in drawn.items()})


@dataclass(frozen=True)
class RequiredRun:
    """A run that another run needs: a method with overrides, on the same data, seed, precision and threads."""

    method: str
    overrides: dict[str, Any]


class Method(nn.Module):
    """One way to train a GAN.

    Networks are attributes named as in the originals (`netG`, `netD`, `netF`, ...). Everything that must survive a
    restart is in `state_dict` (parameters, buffers), in `optimizers()` or in `schedulers()`. A subclass fills
    `_optimizers` and `_schedulers` when it is built, and `_visuals` in each step if it has images to show.

    Attributes:
        name, task, citation: literals, read without importing torch.
        hosts_losses: a literal: whether losses are checked and compared in this method unless another is named.
        revision: a literal, raised whenever a change can move a number; part of the train key.
        Config: the method's configuration model; its defaults are the officially published command.
        recipes: overrides of those defaults per recipe that a protocol names, as officially published; `"*"` where one
            command serves every data set. Under a protocol whose recipe is not among them the defaults are a deviation.
        streams: the batch entries `step` reads; its task says which there are.
        optional_streams: batch entries that records of the original hold and `step` makes itself where it is not given
            them, from what `draw` then draws (augmented images).
        recorded_streams: batch entry -> its name in the original's records (`stepS/input_NAME`), where they differ.
        eager_phases: phases within which shapes change, so that no graph of their steps can be kept.
        across_ranks: whether a step may be made by several processes, each with a part of the batch
            (docs/several-devices.md): everything it computes over its batch then goes through bench.base.collective.
        kept_networks: attributes that making images needs, all that is kept of a scored checkpoint; None: everything.
        official_names: whether the tensors of its netG (netG_A, netG_AB) are called as in the official program's
            checkpoints, so that `export` can write such a file.
        source: repository and commit that decide where paper and code differ.
    """

    name: ClassVar[str] = ""
    task: ClassVar[Task]
    citation: ClassVar[str] = ""
    revision: ClassVar[int] = 1
    source: ClassVar[str] = ""
    hosts_losses: ClassVar[bool] = False
    Config: ClassVar[type[MethodConfig]] = MethodConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {}
    streams: ClassVar[tuple[str, ...]] = ("A", "B")
    optional_streams: ClassVar[tuple[str, ...]] = ()
    recorded_streams: ClassVar[dict[str, str]] = {}
    eager_phases: ClassVar[frozenset[str]] = frozenset()
    across_ranks: ClassVar[bool] = False
    kept_networks: ClassVar[tuple[str, ...] | None] = None
    official_names: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a method written for the old contract, in which a step drew while it ran."""
        super().__init_subclass__(**options)
        if "check_available" in vars(cls):
            raise BenchError(
                f"{cls.__name__} defines check_available, which nothing calls any more; name the files in weight_files "
                "(bench/plugin/method.py)"
            )
        if "training_step" in vars(cls):
            raise BenchError(
                f"{cls.__name__} defines training_step, as methods did before steps were drawn first; "
                "docs/draw-and-step.md shows how to move it to draw and step"
            )

    def __init__(self, config: MethodConfig, draws: Draws) -> None:
        """Build networks and optimizers.

        Args:
            config: resolved configuration, an instance of `Config`.
            draws: streams for the initial weights (purposes `init.netG`, ...).
        """
        super().__init__()
        self.config = config
        self._optimizers: dict[str, Optimizer] = {}
        self._schedulers: dict[str, LRScheduler] = {}
        self._visuals: dict[str, Tensor] = {}

    @classmethod
    def networks_to_keep(cls) -> tuple[str, ...] | None:
        """`kept_networks`, unless a class below the one that says them makes images in its own way; None: everything."""
        for place in cls.__mro__:
            if "kept_networks" in vars(place):
                return cls.kept_networks
            if VERBS & vars(place).keys():
                return None
        return None

    def networks(self) -> dict[str, nn.Module]:
        """Every network by its name in the originals' records: `G` for netG, `D_A` for netD_A, ..."""
        return {name.removeprefix("net"): child for name, child in self.named_children() if name.startswith("net")}

    @classmethod
    def required_runs(cls, config: MethodConfig) -> dict[str, RequiredRun]:
        """Runs this one needs (a teacher, a supernet), by role; each is trained once, before this one."""
        return {}

    def receive(self, role: str, trained: Method) -> None:
        """Take a needed run, trained and restored at its last checkpoint, before the first step."""
        raise NotImplementedError(f"{type(self).__name__} asks for the run '{role}' but does not receive it")

    @classmethod
    def weight_files(cls, config: MethodConfig) -> list[WeightFile]:
        """The official weight files that training starts from; a cell whose file is not here says how to get it.

        Args:
            config: resolved.
        """
        return []

    def load_pretrained(self, weights: Path) -> None:
        """Load official weights into networks; called when training starts at its first step, not when it goes on.

        Checkpoints hold those networks too, so that a run that has begun never needs the files again.
        """

    def measure(self, batches: Iterator[dict[str, Tensor]]) -> None:
        """Look at training batches before the first step of a run, for what a loss must know of the data set.

        Whatever is found belongs into buffers: a run that goes on from a checkpoint does not look again.

        Args:
            batches: those of the first epoch, on the method's device, made as they are asked for.
        """

    @property
    def depends_on_epoch(self) -> bool:
        """Whether `draw` or `phase` reads `context.epoch` (a curriculum); a replay then has to be given it."""
        return False

    def optimizers(self) -> dict[str, Optimizer]:
        """Optimizers by name; their state is checkpointed."""
        return dict(self._optimizers)

    def schedulers(self) -> dict[str, LRScheduler]:
        """Learning-rate schedulers by name; stepped by `end_epoch`, checkpointed."""
        return dict(self._schedulers)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Everything of a step that is random or depends on its moment, on the CPU.

        It depends on the context alone, not on weights or buffers, so that it can be called ahead of its step.

        Returns:
            By name: ids, noise, flips (0-dim bool), scalars such as a schedule's value (0-dim float64), ...
        """
        return {}

    def own_draws(self, drawn: Mapping[str, Tensor], own: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """What of a step's draws one rank of several needs: everything, unless it is drawn for each item of the batch.

        Args:
            drawn: what `draw` returned for the whole batch, on every rank the same.
            own: takes this rank's part of a tensor with an entry for each item.
        """
        return dict(drawn)

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """Which program the step is; decided on the host.

        All steps of a phase do the same operations on tensors of the same shapes, unless it is one of `eager_phases`.

        Args:
            context: the moment.
            drawn: what `draw` returned for it, on the CPU.
        """
        return "step"

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Make one whole update, on the device: nothing is drawn here and nothing waits for the device.

        Args:
            batch: for each of `streams` a float tensor (batch, 3, H, W) in [-1, 1]; a condition as PairedConfig says;
                domains int64 (batch,).
            drawn: what `draw` returned, on the batch's device; read-only.
            phase: what `phase` returned.

        Returns:
            Detached scalar losses by name, still on the device.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step(batch, drawn, phase)")

    @final
    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """Draw a step and make it; see `draw` and `step`.

        Args:
            batch: as of `step`.
            context: the moment; its shapes are taken from the batch.
        """
        context = context.with_shapes(batch)
        drawn = self.draw(context)
        phase = self.phase(context, drawn)
        device = next(iter(batch.values())).device
        return self.step(batch, on_device(drawn, device), phase)

    def end_epoch(self) -> None:
        """Called after the last step of each epoch: step the schedulers."""
        for scheduler in self.schedulers().values():
            scheduler.step()

    def visuals(self) -> dict[str, Tensor]:
        """Detached images of the last step by their names in the originals (`fake_B`, `idt_B`, ...); may be empty."""
        return self._visuals

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses of a step under the names and with the meanings that the original's records give them.

        Override where the original logs something else than it optimises; `step` returns what is optimised.
        """
        return losses

    def record_images(self, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Images, and what else the original's records hold of a step; by default what there is to show.

        Override where the original computes something after the step; nobody asks for it in training.

        Args:
            batch: of the step.
            drawn: for the step.
        """
        return self.visuals()

    def update_gradients(self) -> dict[str, dict[nn.Parameter, Tensor]]:
        """Gradients of the last step's updates by the updates' names, for records (`grad_stepS_NAME/...`).

        Of a method that updates networks several times in a step.
        """
        return {}

    def later_gradients(self) -> dict[str, dict[nn.Parameter, Tensor]]:
        """Gradients of updates that the last step made after the one whose gradients are in `.grad`, by their names.

        Of a method that updates some parameters more than once in a step, for records (`grad_NAME_stepS/...`).
        """
        return {}

    def named_gradients(self) -> Iterator[tuple[str, Tensor]]:
        """The gradient of every parameter that the last step updated, as `NETWORK.parameter` (for diagnosis)."""
        for network, module in self.networks().items():
            for name, parameter in module.named_parameters():
                if parameter.grad is not None:
                    yield f"{network}.{name}", parameter.grad
