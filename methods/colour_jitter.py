"""Colour jitter whose choices are drawn beforehand: brightness, contrast, saturation and hue, in a drawn order.

The operations of torchvision's ColorJitter on images of floats; on its 8-bit images every operation rounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.base.randomness import Draws

OPERATIONS = 4
GREY = (0.299, 0.587, 0.114)


def draw_jitter(draw: Draws, name: str, count: int, strengths: tuple[float, float, float, float]) -> dict[str, Tensor]:
    """What happens to each of some images.

    Args:
        draw: random draws of the step.
        name: purpose of the draws.
        count: images.
        strengths: s of brightness, contrast and saturation, whose factors are uniform in [1 - s, 1 + s], and of hue,
            whose turn is uniform in [-s, s].

    Returns:
        NAME.factors, float64 (images, 4), and NAME.order, int64 (images, 4): which operation comes when.
    """
    centres = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    uniform = [[draw.uniform(f"{name}.factor") * 2 - 1 for _ in strengths] for _ in range(count)]
    factors = centres + torch.tensor(uniform, dtype=torch.float64) * torch.tensor(strengths, dtype=torch.float64)
    order = torch.stack([draw.permutation(f"{name}.order", OPERATIONS) for _ in range(count)])
    return {f"{name}.factors": factors, f"{name}.order": order}


def jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Change the colours of images.

    All operations are made at every place of the order and one of them is chosen, so that nothing waits for the device.

    Args:
        images: (batch, 3, H, W) in [-1, 1].
        factors: (batch, 4), see `draw_jitter`.
        order: (batch, 4), see `draw_jitter`.

    Returns:
        (batch, 3, H, W) in [-1, 1].
    """
    x = (images + 1) / 2
    by_operation = [factor.to(x.dtype)[:, None, None, None] for factor in factors.unbind(1)]
    for operation in order.unbind(1):
        brightness, contrast, saturation, hue = by_operation
        grey = _grey(x)
        changed = torch.stack(
            [
                (x * brightness).clamp(0, 1),
                torch.lerp(grey.mean(dim=(1, 2, 3), keepdim=True).expand_as(x), x, contrast).clamp(0, 1),
                torch.lerp(grey.expand_as(x), x, saturation).clamp(0, 1),
                _turn_hue(x, hue),
            ]
        )
        x = changed.gather(0, operation.view(1, -1, 1, 1, 1).expand(1, *x.shape)).squeeze(0)
    return x * 2 - 1


def _grey(x: Tensor) -> Tensor:
    red, green, blue = x.unbind(1)
    return (GREY[0] * red + GREY[1] * green + GREY[2] * blue).unsqueeze(1)


def _turn_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of (batch, 3, H, W) in [0, 1] by a share of the circle, saturation and value kept."""
    red, green, blue = x.unbind(1)
    value, chroma = x.amax(1), x.amax(1) - x.amin(1)
    divisor = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    sixth = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixth = sixth + 6 * turn[:, 0]
    colours = []
    for corner in (5, 3, 1):  # where on the circle red, green and blue are least
        k = (corner + sixth) % 6
        colours.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(colours, dim=1)
