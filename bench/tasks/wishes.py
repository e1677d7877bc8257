"""What somebody asks of a trained method beside its data set's test images, and how their own images are put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.base.errors import UsageError
from bench.data.images import ImageSet

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Direction = Literal["AtoB", "BtoA"]
MULTIPLES = (4, 8, 16, 32, 64, 128, 256)  # of sides, that networks with so many halvings need
PROBED = 64  # pixels, about: small enough to be quick, large enough for every border


@dataclass(frozen=True)
class Wishes:
    """The choices that a task may leave to whoever asks; each is the option of that name.

    Attributes:
        count: how many images to make of noise.
        styles: how many of each image, in different styles; None: one.
        seed: of styles and noise; 0: those of a run's own samples.
        size: `test`: as test images are prepared; `keep`: every image at its own size; or the side of squares in pixels.
        direction: from which domain to which.
    """

    count: int | None = None
    styles: int | None = None
    seed: int = 0
    size: Literal["test", "keep"] | int = "test"
    direction: Direction = "AtoB"

    def require_only(self, who: str, *possible: str) -> None:
        """Refuse what is asked for and is not possible.

        Args:
            who: has not got it, in the user's words.
            possible: the names of what is.

        Raises:
            UsageError: naming the option.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in possible and value != field.default:
                raise UsageError(f"--{field.name} {value}: {who} has no such choice; leave the option out")


@dataclass(frozen=True)
class Sides:
    """How large inputs are, where that is not as test images are.

    Attributes:
        multiple: of the sides that the network takes.
        side: of squares that images are resized to; None: images keep their sizes, are continued to the next multiples by
            mirroring at the right and lower edge, and what is made there is cut off again.
    """

    multiple: int
    side: int | None = None

    @classmethod
    def wanted(cls, wishes: Wishes, translate: Callable[[Tensor], Tensor], device: torch.device) -> Sides | None:
        """The sides that are asked for; None: those of test images.

        Raises:
            UsageError: the network does not take them.
        """
        if wishes.size == "test":
            return None
        multiple = side_multiple(translate, device)
        if multiple is None:
            raise UsageError(
                f"--size {wishes.size}: this network takes images of no other size than the protocol's; leave the option out"
            )
        if wishes.size == "keep":
            return cls(multiple)
        if wishes.size % multiple:
            below, above = wishes.size - wishes.size % multiple, wishes.size + -wishes.size % multiple
            near = " or ".join(str(side) for side in (below, above) if side)
            raise UsageError(
                f"--size {wishes.size}: this network takes sides that are multiples of {multiple}; write {near}, or keep"
            )
        return cls(multiple, wishes.size)


def side_multiple(translate: Callable[[Tensor], Tensor], device: torch.device) -> int | None:
    """The least multiple that both sides must be of so that an image comes out as large as it went in.

    It is found by trying odd multiples, so that one halving too many shows.

    Args:
        translate: maps (1, 3, H, W) to an image.
        device: where the network is.

    Returns:
        One of `MULTIPLES`; None: the network takes no other size than its own.
    """
    import torch

    for multiple in MULTIPLES:
        side = multiple * max(3, PROBED // multiple | 1)
        try:
            made = translate(torch.zeros(1, 3, side, side, device=device))
        except (RuntimeError, ValueError):  # a network's own refusal, of whatever kind
            continue
        if tuple(made.shape[2:]) == (side, side):
            return multiple
    return None


def prepared_inputs(
    images: ImageSet, sides: Sides | None, crop_size: int, device: torch.device
) -> Iterator[tuple[range, Tensor, tuple[int, int]]]:
    """Images as a network takes them: together where they have one size, else each alone.

    Args:
        images: any.
        sides: None: as test images are prepared.
        crop_size: side of test images in pixels.
        device: where the network is.

    Yields:
        Which images; their float32 tensor (n, 3, H, W) in [-1, 1]; (height, width) of what is to be kept of the output.
    """
    import torch

    from bench.data.training_images import evaluation_images
    from bench.data.transforms import to_tensor

    if sides is None or sides.side is not None:
        side = crop_size if sides is None or sides.side is None else sides.side
        batch = torch.stack([image for _, image in evaluation_images(images, side)])
        yield range(len(images)), batch.to(device), (batch.shape[2], batch.shape[3])
        return
    for i in range(len(images)):
        pixels = images.pixels(i)
        height, width = pixels.shape[:2]
        margins = [(0, -height % sides.multiple), (0, -width % sides.multiple), (0, 0)]
        padded = np.pad(pixels, margins, mode="reflect")
        yield range(i, i + 1), to_tensor(padded)[None].to(device), (height, width)
