"""The capabilities that a task may ask of a method: what trained methods can do, with shapes and ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@runtime_checkable
class Translator(Protocol):
    """Capability: turn images of domain A into images of domain B."""

    def translate(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] to the same shape and range; no gradient."""
        ...


@runtime_checkable
class StyledTranslator(Protocol):
    """Capability beside Translator: turn one image into many, each in the style of a latent vector."""

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw n latent vectors (n, ...) from a stream on the CPU; they lie on the method's device."""
        ...

    def translate(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] and latent vectors to such images; None: one fixed style; no gradient."""
        ...


@runtime_checkable
class TwoWayTranslator(Protocol):
    """Capability beside Translator: turn images of domain B into images of domain A.

    Attributes:
        backward_networks: attributes that it needs; a checkpoint that kept fewer can only translate A to B.
    """

    backward_networks: tuple[str, ...]

    def translate_back(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1] to the same shape and range; no gradient.

        A `StyledTranslator` takes latent vectors as well, as its `translate` does.
        """
        ...


@runtime_checkable
class MultiDomainTranslator(Protocol):
    """Capability: turn images into images of any of several domains, in many styles."""

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw n latent vectors (n, ...) from a stream on the CPU; they lie on the method's device."""
        ...

    def styles(self, latents: Tensor, domain: Tensor) -> Tensor:
        """Map latent vectors and domains, int64 (batch,), to style codes (batch, ...); no gradient."""
        ...

    def translate(self, images: Tensor, domain: Tensor, style: Tensor) -> Tensor:
        """Map (batch, 3, H, W) in [-1, 1], target domains (batch,) and style codes to such images; no gradient."""
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
class LatentGenerator(Protocol):
    """Capability beside Generator: make images of given latent vectors, for metrics that go from one to another."""

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw n points (n, ...) of the space in which paths are measured (StyleGAN2: w), from a stream on the CPU."""
        ...

    def images(self, latents: Tensor, noise: torch.Generator) -> Tensor:
        """Map them to (n, 3, H, W) in [-1, 1]; all other noise comes from `noise`, on the CPU; no gradient."""
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


_ALL = (
    Translator, StyledTranslator, TwoWayTranslator, MultiDomainTranslator, Synthesizer, Generator, LatentGenerator,
    Segmenter,
)  # fmt: skip
# the functions that make images, whatever the task
VERBS = {name for one in _ALL for name, value in vars(one).items() if callable(value) and name[0] != "_"}
