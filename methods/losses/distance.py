"""The distance loss: two images of A must be as far apart as their translations are, measured in each domain's terms.

Benaim, Wolf, "One-Sided Unsupervised Domain Mapping", NIPS 2017, equations 3 to 6; released code:
sagiebenaim/DistanceGAN f827205, models/distance_gan_model.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spread:
    """How far apart things of one domain are: mean and (population) standard deviation of their distances, 0-dim."""

    mean: Tensor
    std: Tensor

    def normalise(self, distances: Tensor) -> Tensor:
        """(d - mean) / std."""
        return (distances - self.mean) / self.std


def pair_distances(images: Tensor) -> Tensor:
    """Mean |x_i - x_j| over channels and positions, for i < j in order.

    Args:
        images: (n, ...), n >= 2.

    Returns:
        (n (n - 1) / 2,).

    Examples:
        >>> pair_distances(torch.tensor([[0.0, 0.0], [1.0, 3.0], [0.0, 1.0]]))
        tensor([2.0000, 0.5000, 1.5000])
    """
    pairs = combinations(images.unbind(), 2)
    return torch.stack([(one - other).abs().mean() for one, other in pairs])


def self_distance(images: Tensor) -> Tensor:
    """Mean |upper half - lower half|, one number for a whole minibatch (batch, C, H, W) with even H.

    Returns:
        (1,).

    Examples:
        >>> self_distance(torch.tensor([[[[0.0], [2.0]]]]))
        tensor([2.])
    """
    upper, lower = images.chunk(2, dim=2)
    return (upper - lower).abs().mean().reshape(1)


Distances = Callable[[Tensor], Tensor]


def distance_loss(
    real: Tensor, fake: Tensor, distances: Distances, spreads: tuple[Spread, Spread] | None = None
) -> Tensor:
    """Mean | (d(x_i, x_j) - mu) / s - (d(G x_i, G x_j) - mu') / s' | over pairs.

    Args:
        real: (batch, 3, H, W).
        fake: their translations.
        distances: `pair_distances` or `self_distance`.
        spreads: of the real images of the source domain and of the *target* domain; None: distances as they are.
    """
    of_real, of_fake = distances(real), distances(fake)
    if spreads is not None:
        source, target = spreads
        of_real, of_fake = source.normalise(of_real), target.normalise(of_fake)
    return (of_real - of_fake).abs().mean()


def spread(minibatches: Tensor, distances: Distances) -> Spread:
    """The spread of a domain, from minibatches of its training images.

    For pairs, what is compared is whole minibatches, image by image: their distances are means over a batch, so they vary
    by about the root of the batch size less than distances of single images, to which the code applies the result. For the
    self-distance each minibatch gives one number.

    Args:
        minibatches: (n, batch, 3, H, W).
        distances: `pair_distances` or `self_distance`.
    """
    # torch.cdist adds up absolute differences for all pairs at once, in the memory of the result
    if distances is pair_distances:
        flat = minibatches.flatten(1)
        sums = torch.cdist(flat, flat, p=1)
        i, j = torch.triu_indices(len(flat), len(flat), 1, device=flat.device)
        found = sums[i, j] / flat.shape[1]
    else:
        found = torch.cat([distances(minibatch) for minibatch in minibatches])
    return Spread(found.mean(), found.std(correction=0))
