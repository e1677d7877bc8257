from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench.base.errors import UsageError
from bench.data.images import ArrayImages
from bench.data.transforms import test_transform
from bench.tasks.wishes import Sides, Wishes, prepared_inputs, side_multiple

CPU = torch.device("cpu")


class Hourglass(nn.Module):
    """Halves so many times, rounding up, and doubles as often."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        self.halvings = halvings

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for _ in range(self.halvings):
            images = nn.functional.avg_pool2d(images, 2, ceil_mode=True)
        return nn.functional.interpolate(images, scale_factor=2**self.halvings)


@pytest.mark.parametrize(("halvings", "multiple"), [(0, 4), (2, 4), (3, 8), (5, 32), (8, 256)])
def test_what_sides_have_to_be_multiples_of_is_found_by_trying(halvings: int, multiple: int) -> None:
    assert side_multiple(Hourglass(halvings), CPU) == multiple


def test_a_network_of_one_size_takes_no_other() -> None:
    def fixed(images: torch.Tensor) -> torch.Tensor:
        return images + torch.zeros(16, 16)

    assert side_multiple(fixed, CPU) is None
    with pytest.raises(UsageError, match="--size keep: this network takes images of no other size than the protocol's"):
        Sides.wanted(Wishes(size="keep"), fixed, CPU)
    assert Sides.wanted(Wishes(), fixed, CPU) is None


def test_sides_that_do_not_fit_are_refused_with_the_next_ones() -> None:
    assert Sides.wanted(Wishes(size=96), Hourglass(5), CPU) == Sides(32, 96)
    with pytest.raises(UsageError, match=r"multiples of 32; write 96 or 128, or keep"):
        Sides.wanted(Wishes(size=100), Hourglass(5), CPU)
    with pytest.raises(UsageError, match=r"multiples of 32; write 32, or keep"):
        Sides.wanted(Wishes(size=8), Hourglass(5), CPU)


IMAGES = ArrayImages(["a", "b"], np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8))


def test_images_of_their_own_size_are_continued_by_mirroring() -> None:
    parts = list(prepared_inputs(IMAGES, Sides(4), 16, CPU))
    assert [(list(part), tuple(tensor.shape), size) for part, tensor, size in parts] == [
        ([0], (1, 3, 8, 8), (5, 7)),
        ([1], (1, 3, 8, 8), (5, 7)),
    ]
    tensor = parts[0][1][0]
    assert torch.equal(tensor[:, 5], tensor[:, 3])
    assert torch.equal(tensor[:, :, 7], tensor[:, :, 5])


def test_images_of_one_size_go_in_together_as_test_images_do() -> None:
    for sides, side in ((None, 16), (Sides(4, 12), 12)):
        ((part, tensor, size),) = prepared_inputs(IMAGES, sides, 16, CPU)
        assert (list(part), size) == ([0, 1], (side, side))
        assert torch.equal(tensor[1], test_transform(IMAGES.image(1), side))


def test_choices_that_are_not_there_are_named() -> None:
    Wishes(styles=3).require_only("method x", "styles")
    with pytest.raises(UsageError, match="--styles 3: method x has no such choice; leave the option out"):
        Wishes(styles=3).require_only("method x", "seed")
    assert SimpleNamespace(**vars(Wishes())).size == "test"
