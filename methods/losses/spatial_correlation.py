"""The spatially-correlative loss: two images have the same structure if their features resemble themselves alike.

Zheng, Cham, Cai, "The Spatially-Correlative Loss for Various Image Translation Tasks", CVPR 2021;
lyndonzheng/F-LSeSim 6ca7883, models/losses.py.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from methods.networks.projection_head import sample

LossMode = Literal["cos", "l1"]


def self_similarity(features: Tensor, ids: Tensor | None, patch_size: int, use_norm: bool) -> Tensor:
    """How much each query position resembles the positions around it (the paper's eq. 1).

    Features lose their spatial mean. With `use_norm` they have unit length over the channels and the similarity is
    q.k; otherwise they are divided by sqrt(C) and it is tanh(q.k / 10).

    Args:
        features: (batch, C, H, W).
        ids: (queries,) flattened row-major positions, shared by the batch; None: every position.
        patch_size: side of the window around each query, moved inwards at the border, that it is compared with. Unless
            it is smaller than both sides, the query is compared with the whole map.
        use_norm: see above.

    Returns:
        (batch, queries, patch_size^2 or H W).

    Examples:
        >>> stripes = torch.tensor([1.0, -1.0]).expand(1, 1, 2, 2)
        >>> self_similarity(stripes, torch.tensor([0]), 9, use_norm=True)
        tensor([[[ 1., -1.,  1., -1.]]])
    """
    height, width = features.shape[2:]
    features = features - features.mean(dim=(2, 3), keepdim=True)
    features = F.normalize(features, dim=1) if use_norm else features / sqrt(features.shape[1])
    similarity = sample(features, ids) @ features.flatten(2)
    if patch_size < height and patch_size < width:
        places = torch.arange(height * width, device=features.device) if ids is None else ids
        window = _window(places, patch_size, height, width)
        similarity = similarity.gather(2, window.expand(len(similarity), -1, -1))
    return similarity if use_norm else torch.tanh(similarity / 10)


def _window(ids: Tensor, size: int, height: int, width: int) -> Tensor:
    """The positions, (queries, size^2), of the square around each query that stays inside the map."""
    top = (ids.div(width, rounding_mode="floor") - size // 2).clamp(0, height - size)
    left = (ids % width - size // 2).clamp(0, width - size)
    steps = torch.arange(size, device=ids.device)
    rows, columns = top[:, None] + steps, left[:, None] + steps
    return (rows[:, :, None] * width + columns[:, None, :]).flatten(1)


def compare_similarity(source: Tensor, target: Tensor, loss_mode: LossMode, use_norm: bool) -> Tensor:
    """What the generator minimises: how much the strongest self-similarities of the target differ from the source's.

    Of a row's N entries those count whose target is at least the (floor(N / 4) + 1)-th largest; in both rows the others
    become 0. `cos`: the cosine of the two rows shall be 1; `l1`: the rows, times N / floor(N / 4), shall be equal. The
    distance is |.| with `use_norm` and the smooth L1 (half the square below 1) without: the published command minimises
    (1 - cos)^2 / 2, not the paper's 1 - cos.

    Args:
        source: (batch, queries, N) of the input.
        target: (batch, queries, N) of the translation.
        loss_mode: see above.
        use_norm: see above.

    Returns:
        A scalar, the mean over rows (or over entries).

    Examples:
        >>> row = torch.tensor([[[0.5, 0.1, 0.1, -0.2]]])
        >>> compare_similarity(row, row.flip(2), "cos", use_norm=True)
        tensor(1.6285)
        >>> compare_similarity(row, row.flip(2), "cos", use_norm=False)
        tensor(1.1285)
    """
    entries = target.shape[2]
    strongest = entries // 4
    least = target.detach().topk(strongest + 1, dim=2).values[:, :, -1:]
    weak = target.detach() < least
    source, target = source.masked_fill(weak, 0), target.masked_fill(weak, 0)
    distance = F.l1_loss if use_norm else F.smooth_l1_loss
    if loss_mode == "l1":
        scale = entries / max(strongest, 1)
        return distance(scale * source, scale * target)
    cosine = F.cosine_similarity(source, target, dim=2)
    return distance(cosine, torch.ones_like(cosine))


def contrast_similarity(source: Tensor, target: Tensor, other: Tensor, temperature: float) -> Tensor:
    """What LSeSim's selectors minimise: a place of the source finds the same place of the target (eq. 4).

    With rows of unit length the logits are [s_i.t_1 ... s_i.t_n, s_i.o_1 ... s_i.o_n, t_i.o_1 ... t_i.o_n] / T, the
    right one being s_i.t_i: the last n look from the target at the other image.

    Args:
        source: (batch, queries, N) of the input; a sample sees its own rows only.
        target: likewise of the positive, the translation or the recoloured input.
        other: likewise of an image of the other domain.
        temperature: 0.07 in the paper.

    Returns:
        A scalar, the mean cross entropy.

    Examples:
        >>> rows = torch.eye(2)[None]
        >>> contrast_similarity(rows, rows, -rows, 1.0)
        tensor(0.8647)
    """
    source, target, other = (F.normalize(rows, dim=2) for rows in (source, target, other))
    against_other = other.transpose(1, 2)
    logits = torch.cat([source @ target.transpose(1, 2), source @ against_other, target @ against_other], dim=2)
    right = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits))
    return F.cross_entropy(logits.flatten(0, 1) / temperature, right)
