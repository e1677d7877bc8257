"""The base class of every method, its training configuration and the capabilities a protocol may ask for.

A method owns its networks and its update step. The harness owns everything else: the loop, the device, checkpoints,
sampling, scoring and logging. Methods never read files, MLflow or the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.base.randomness import Draws

Task = Literal[
    "unpaired_translation", "paired_synthesis", "multi_domain_translation", "unconditional_generation", "segmentation"
]

UNKNOWN = 255  # the class of pixels without a label, in every label map


class MethodConfig(BaseModel):
    """The part of a recipe that every method has: length, batch, and how training images are cut.

    Subclasses add their own fields and override these defaults; a comment at each value says where it comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # fields that name another plugin (field -> kind): that plugin's revision and file hash join the train key
    plugin_fields: ClassVar[dict[str, str]] = {}

    n_epochs: int = Field(ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(ge=0, description="epochs over which the learning rate then falls linearly")
    images_per_epoch: int | None = Field(None, ge=1, description="None: max(|A|, |B|), as the originals count")
    batch_size: int = Field(1, ge=1)
    load_size: int = Field(286, ge=4, description="side to which training images are resized before cropping")
    crop_size: int = Field(256, ge=4, description="side of training crops and of test images")
    flip: bool = Field(True, description="mirror training images with probability one half")
    jitter_off_in_decay: bool = Field(
        False, description="CUT code base: resize to crop_size, so no crop jitter, once epoch > n_epochs (spec 1.5)"
    )

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run."""
        return self.n_epochs + self.n_epochs_decay


class PairedConfig(MethodConfig):
    """What a method that turns label maps into images, or images into label maps, adds: how both look.

    Such a method's stream A is the label map, float (batch, 1 or 2, H, W) of whole numbers: classes, and instance
    numbers unless `no_instance`. It is aligned with B and shares B's crop and flip.
    """

    aspect_ratio: float = Field(1.0, gt=0, description="width over height; load_size and crop_size are widths")
    label_nc: int = Field(ge=1, description="classes 0..label_nc-1")
    contain_dontcare_label: bool = Field(False, description="one class more, for pixels labelled 255")
    no_instance: bool = Field(False, description="the condition has no channel of instance numbers")

    @property
    def classes(self) -> int:
        """Every class, the one of unlabelled pixels included."""
        return self.label_nc + self.contain_dontcare_label

    def size(self, width: int) -> tuple[int, int]:
        """(width, height) in pixels of images of that width."""
        return width, round(width / self.aspect_ratio)


@dataclass(frozen=True)
class StepContext:
    """The moment a training step happens.

    Attributes:
        step: optimisation step, 0-based.
        epoch: 1-based.
        total_steps, total_epochs: of the whole run.
        draw: the step's random draws.
    """

    step: int
    epoch: int
    total_steps: int
    total_epochs: int
    draw: Draws


@dataclass(frozen=True)
class RequiredRun:
    """A run that another run needs: a method with overrides, on the same data, seed, precision and threads."""

    method: str
    overrides: dict[str, Any]


class Method(nn.Module):
    """One way to train a GAN.

    Networks are attributes named as in the originals (`netG`, `netD`, `netF`, ...). Everything that must survive a
    restart is in `state_dict` (parameters, buffers), in `optimizers()` or in `schedulers()`.

    Attributes:
        name, task, citation: literals, read without importing torch.
        hosts_losses: a literal: whether losses are checked and compared in this method unless another is named.
        revision: a literal, raised whenever a change can move a number; part of the train key.
        Config: the method's configuration model; its defaults are the officially published command.
        recipes: overrides of those defaults per protocol name, as officially published.
        streams: the batch entries `training_step` reads.
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

    def __init__(self, config: MethodConfig, draws: Draws) -> None:
        """Build networks and optimizers.

        Args:
            config: resolved configuration, an instance of `Config`.
            draws: streams for the initial weights (purposes `init.netG`, ...).
        """
        super().__init__()
        self.config = config

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
    def check_available(cls, config: MethodConfig, weights: Path) -> None:
        """Refuse a configuration that needs an official weight file which is not here, before a run is planned.

        Args:
            config: resolved.
            weights: folder in which weight files are looked for first.

        Raises:
            NotAvailable: saying which file is missing and how to get it; the cell shows that.
        """

    def load_pretrained(self, weights: Path) -> None:
        """Load official weights into networks; called once for a fresh run, before its first step.

        Checkpoints hold those networks too, so that a trained method never needs the files again.
        """

    @property
    def depends_on_epoch(self) -> bool:
        """Whether a training step reads `context.epoch` (a curriculum); a replay then has to be given it."""
        return False

    def optimizers(self) -> dict[str, Optimizer]:
        """Optimizers by name; their state is checkpointed."""
        raise NotImplementedError

    def schedulers(self) -> dict[str, LRScheduler]:
        """Learning-rate schedulers by name; stepped by `end_epoch`, checkpointed."""
        return {}

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """Make one whole update.

        Args:
            batch: for each of `streams` a float tensor (batch, 3, H, W) in [-1, 1]; a condition as PairedConfig says.
            context: step, epoch, totals and draws.

        Returns:
            Detached scalar losses by name, still on the device (no host synchronisation here).
        """
        raise NotImplementedError

    def end_epoch(self) -> None:
        """Called after the last step of each epoch: step the schedulers."""
        for scheduler in self.schedulers().values():
            scheduler.step()

    def visuals(self) -> dict[str, Tensor]:
        """Detached images of the last step by their names in the originals (`fake_B`, `idt_B`, ...); may be empty."""
        return {}

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The losses of a step under the names and with the meanings that the original's records give them.

        Override where the original logs something else than it optimises; `training_step` returns what is optimised.
        """
        return losses

    def named_gradients(self) -> Iterator[tuple[str, Tensor]]:
        """The gradient of every parameter that the last step updated, as `NETWORK.parameter` (for diagnosis)."""
        for network, module in self.networks().items():
            for name, parameter in module.named_parameters():
                if parameter.grad is not None:
                    yield f"{network}.{name}", parameter.grad


@runtime_checkable
class Translator(Protocol):
    """Capability: turn images of domain A into images of domain B."""

    def translate(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] to the same shape and range; no gradient."""
        ...


@runtime_checkable
class MultiDomainTranslator(Protocol):
    """Capability: turn images into images of any of several domains."""

    def translate(self, images: Tensor, domain: Tensor, style: Tensor | None) -> Tensor:
        """Map (batch, 3, H, W), domains (batch,) and style codes to (batch, 3, H, W); no gradient."""
        ...


@runtime_checkable
class Synthesizer(Protocol):
    """Capability: make an image for a condition (a label map)."""

    def synthesize(self, condition: Tensor) -> Tensor:
        """Map (batch, 1 or 2, H, W) conditions (see PairedConfig) to (batch, 3, H, W) in [-1, 1]; no gradient."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Capability: make images from noise."""

    def generate(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw n images (n, 3, H, W) in [-1, 1]; no gradient."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Capability: say what is seen at each pixel of an image; what translated images are scored by."""

    labels_of_classes: Tensor  # (classes,): each scored class's number in the label maps

    def segment(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] to scored classes, int64 (batch, H, W); no gradient."""
        ...

    def classes(self, labels: Tensor) -> Tensor:
        """Map numbers in label maps to scored classes, 255 where a pixel counts nowhere; int64, any shape."""
        ...


CAPABILITY_OF_TASK: dict[str, tuple[type, str]] = {
    "unpaired_translation": (Translator, "translate"),
    "paired_synthesis": (Synthesizer, "synthesize"),
    "multi_domain_translation": (MultiDomainTranslator, "translate"),
    "unconditional_generation": (Generator, "generate"),
    "segmentation": (Segmenter, "segment"),
}
