"""Where the generator's self-attention looks: the size of the attention kernel of chosen positions, over the image.

As the paper's figures 6 to 9 show it: a kernel w of s x s places and several channels belongs to each position; what is
shown is the norm of w over its channels, at each place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.base.errors import BenchError
from methods.networks.san import SAN
from methods.networks.stylegan2_generator import Noise, StyleGAN2Generator

DOT = np.array([255, 40, 40], dtype=np.uint8)


@torch.no_grad()
def self_attention_maps(
    netG: StyleGAN2Generator, z: Tensor, positions: Sequence[tuple[int, int]], noise: Noise = None
) -> tuple[Tensor, Tensor]:
    """Images, and the attention kernel of each position.

    Args:
        netG: with self-attention.
        z: (B, z_dim).
        positions: (row, column) on the grid of the attention's resolution.
        noise: of the generator.

    Returns:
        The images (B, 3, R, R), and for each position a map (B, positions, r, r) at the attention's resolution r: the
        norm of w at each place of the window, 0 outside of it and where the window reaches over the border.

    Raises:
        BenchError: if the generator has no attention or a position lies outside of its map.
    """
    attentions = [module for module in netG.modules() if isinstance(module, SAN)]
    if not attentions:
        raise BenchError("this generator has no self-attention; set self_attention to a resolution")
    san, seen = attentions[0], []
    hook = san.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    try:
        images = netG(z, noise)
    finally:
        hook.remove()
    norms = san.weights(*seen[0][:2]).norm(dim=1)  # (B, k k, r, r)
    side, half = norms.shape[-1], san.kernel_size // 2
    maps = []
    for row, column in positions:
        if not (0 <= row < side and 0 <= column < side):
            raise BenchError(f"position ({row}, {column}) lies outside of the attention's {side} x {side} map")
        window = norms[:, :, row, column].unflatten(1, (san.kernel_size, san.kernel_size))
        padded = F.pad(window, [column, side - 1 - column, row, side - 1 - row])
        maps.append(padded[:, half : half + side, half : half + side])
    return images, torch.stack(maps, dim=1)


def attention_overlay(image: np.ndarray, attention: Tensor, position: tuple[int, int]) -> np.ndarray:
    """Draw one map over its image.

    Args:
        image: uint8 (R, R, 3).
        attention: (r, r), at least 0; R is a multiple of r.
        position: (row, column) the map belongs to, marked red.

    Returns:
        uint8 (R, R, 3): bright where attention is large, the image dimmed elsewhere.
    """
    scale = image.shape[0] // attention.shape[0]
    weight = (attention / attention.max().clamp_min(1e-12)).cpu().numpy().repeat(scale, 0).repeat(scale, 1)[..., None]
    shown = (image * 0.6 * (1 - weight) + 255 * weight * 0.9 + image * 0.1 * weight).astype(np.uint8)
    y, x = (p * scale for p in position)
    shown[y : y + scale, x : x + scale] = DOT
    return shown
