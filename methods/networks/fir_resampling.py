"""StyleGAN2's resampling: every image or feature map passes the filter [1, 3, 3, 1] x [1, 3, 3, 1] / 64, zero-padded.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, released code (upfirdn2d). Written as
sums of shifted slices: on a CPU about twice as fast as a depthwise convolution when differentiated twice, and without
kernels of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS, COLUMNS = -2, -1


def _filter(x: Tensor, axis: int, step: int = 1) -> Tensor:
    """[1, 3, 3, 1] / 8 along an axis, without padding, at every `step`-th place."""
    places = x.shape[axis] - 3
    taps = [x.narrow(axis, tap, places) for tap in range(4)]
    if step > 1:
        taps = [tap[..., ::step, :] if axis == ROWS else tap[..., ::step] for tap in taps]
    return (taps[0] + taps[3]) * 0.125 + (taps[1] + taps[2]) * 0.375


def blur(x: Tensor, padding: int) -> Tensor:
    """Zero-pad each side and filter: (B, C, H, W) to (B, C, H + 2 padding - 3, W + 2 padding - 3)."""
    return _filter(_filter(F.pad(x, [padding] * 4), ROWS), COLUMNS)


def downsample2(x: Tensor) -> Tensor:
    """Filter and keep every other pixel: (B, C, H, W) to (B, C, H/2, W/2), both sides even."""
    return _filter(_filter(F.pad(x, [1] * 4), ROWS, step=2), COLUMNS, step=2)


def upsample2(x: Tensor) -> Tensor:
    """Insert zeros and filter with gain 4: (B, C, H, W) to (B, C, 2H, 2W)."""
    for axis in (ROWS, COLUMNS):
        padded = F.pad(x, (0, 0, 1, 1) if axis == ROWS else (1, 1))
        before, after = (padded.narrow(axis, start, x.shape[axis]) for start in (0, 2))
        # between zeros only two taps meet pixels: [1, 3] / 4 at even places and [3, 1] / 4 at odd ones
        even, odd = x * 0.75 + before * 0.25, x * 0.75 + after * 0.25
        beside = x.ndim + axis + 1
        x = torch.stack((even, odd), beside).flatten(beside - 1, beside)
    return x


def conv_downsample2(x: Tensor, weight: Tensor) -> Tensor:
    """Halve with a k x k kernel (k = 1 or 3): filter first, then take every other place of the convolution.

    Args:
        x: (B, in, H, W), both sides even.
        weight: (out, in, k, k).

    Returns:
        (B, out, H/2, W/2).
    """
    if weight.shape[-1] == 1:
        return F.conv2d(downsample2(x), weight)
    return F.conv2d(blur(x, padding=2), weight, stride=2)


def conv_upsample2(x: Tensor, weight: Tensor) -> Tensor:
    """Double with a 3 x 3 kernel: insert zeros, convolve, filter with gain 4.

    The kernel is convolved, not correlated as everywhere else: it is flipped relative to the other layers.

    Args:
        x: (B, in, H, W).
        weight: (out, in, 3, 3).

    Returns:
        (B, out, 2H, 2W).
    """
    return blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1) * 4
