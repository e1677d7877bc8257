"""A feature map that tells the discriminator how much the samples of a group differ (Karras et al., ICLR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.base import collective
from bench.base.errors import BenchError


def append_minibatch_stddev(x: Tensor, group_size: int | None = 4, features: int = 1) -> Tensor:
    """Append the mean standard deviation over groups of samples as constant maps.

    Sample i belongs to group i mod (B / group): groups are strided, not contiguous, as in StyleGAN2. On several ranks B
    counts the samples of all, unless `--per-rank minibatch_stddev` says otherwise.

    Args:
        x: (B, C, H, W).
        group_size: samples per group, at most B of them; None: all.
        features: how many maps; C is a multiple of it.

    Returns:
        (B, C + features, H, W).

    Raises:
        BenchError: if B is not a multiple of the group.
    """
    batch, _, height, width = x.shape
    whole = batch * collective.count() if collective.is_shared("minibatch_stddev") else batch
    group = min(group_size or whole, whole)
    if whole % group:
        raise BenchError(f"a batch of {whole} does not divide into groups of {group}; change batch_size or mbstd_group")
    if batch % group == 0:  # ranks have strided parts too, so that each has whole groups
        deviation = _deviations(x, group, features)
    else:
        deviation = collective.own(_deviations(collective.gathered(x), group, features))
    return torch.cat([x, deviation[:, :, None, None].expand(-1, -1, height, width)], dim=1)


def _deviations(x: Tensor, group: int, features: int) -> Tensor:
    """The mean deviations (B, features) of each sample's group."""
    batch, channels, height, width = x.shape
    grouped = x.reshape(group, batch // group, features, channels // features, height, width)
    return (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(2, 3, 4)).repeat(group, 1)
