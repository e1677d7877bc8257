"""A feature map that tells the discriminator how much the samples of a group differ (Karras et al., ICLR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.base.errors import BenchError


def append_minibatch_stddev(x: Tensor, group_size: int | None = 4, features: int = 1) -> Tensor:
    """Append the mean standard deviation over groups of samples as constant maps.

    Sample i belongs to group i mod (B / group): groups are strided, not contiguous, as in StyleGAN2.

    Args:
        x: (B, C, H, W).
        group_size: samples per group, at most B of them; None: all.
        features: how many maps; C is a multiple of it.

    Returns:
        (B, C + features, H, W).

    Raises:
        BenchError: if B is not a multiple of the group.
    """
    batch, channels, height, width = x.shape
    group = min(group_size or batch, batch)
    if batch % group:
        raise BenchError(f"a batch of {batch} does not divide into groups of {group}; change batch_size or mbstd_group")
    grouped = x.reshape(group, batch // group, features, channels // features, height, width)
    deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
    maps = deviation.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
    return torch.cat([x, maps], dim=1)
