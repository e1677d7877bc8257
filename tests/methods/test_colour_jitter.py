from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional

from bench.base.randomness import Draws
from methods.colour_jitter import draw_jitter, jitter

OPERATIONS = ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue")


def test_operations_and_their_order_are_torchvisions() -> None:
    images = torch.rand(3, 3, 6, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    drawn = draw_jitter(Draws(0).at(0), "jitter", 3, (0.5, 0.5, 0.5, 0.3))
    found = jitter(images, drawn["jitter.factors"], drawn["jitter.order"])
    assert len({tuple(order) for order in drawn["jitter.order"].tolist()}) > 1
    for image, factors, order, made in zip(
        images, drawn["jitter.factors"].tolist(), drawn["jitter.order"].tolist(), found, strict=True
    ):
        expected = (image + 1) / 2
        for operation in order:
            expected = getattr(functional, OPERATIONS[operation])(expected, factors[operation])
        torch.testing.assert_close(made, expected * 2 - 1, rtol=0, atol=2e-3)  # torchvision's grey has four digits


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_grey_has_no_hue_to_turn(value: float) -> None:
    images = torch.full((1, 3, 2, 2), value)
    factors = torch.tensor([[1.0, 1.0, 1.0, 0.3]], dtype=torch.float64)
    torch.testing.assert_close(jitter(images, factors, torch.arange(4)[None]), images)


def test_factors_lie_within_their_strengths() -> None:
    drawn = draw_jitter(Draws(0).at(0), "jitter", 200, (0.5, 0.4, 0.3, 0.2))["jitter.factors"]
    for column, centre, strength in zip(drawn.unbind(1), (1, 1, 1, 0), (0.5, 0.4, 0.3, 0.2), strict=True):
        assert centre - strength <= column.min() < centre - 0.8 * strength
        assert centre + 0.8 * strength < column.max() <= centre + strength
