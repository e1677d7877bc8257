"""Batch norm over the whole batch, whichever ranks hold its parts: SPADE's synchronised batch norm.

torch's own SyncBatchNorm works on CUDA alone and cannot be differentiated twice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.base import collective


class BatchNorm2d(nn.BatchNorm2d):
    """torch's batch norm; in training on several ranks with the statistics of all their images.

    With `--per-rank batch_norm` each rank has the statistics of its own images, and the running ones are the first rank's.
    """

    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, channels, H, W)."""
        if not self.training or not collective.is_shared("batch_norm"):
            return super().forward(x)
        variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
        # of each rank, all in one exchange; from these means and variances the whole has the same without cancellation
        means, variances = collective.gathered(torch.stack([mean, variance])[None]).unbind(1)
        mean = means.mean(dim=0)
        variance = (variances + (means - mean).square()).mean(dim=0)
        self._follow(mean.detach(), variance.detach(), collective.count() * x.numel() // x.shape[1])
        y = (x - _spread(mean)) * _spread((variance + self.eps).rsqrt())
        return y * _spread(self.weight) + _spread(self.bias) if self.affine else y

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics; their variance is the unbiased one."""
        assert isinstance(self.running_mean, Tensor)
        assert isinstance(self.running_var, Tensor)
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var.dtype), self.momentum)


def _spread(values: Tensor) -> Tensor:
    """One value a channel, over a map."""
    return values[:, None, None]


def synchronise(network: nn.Module) -> None:
    """Make every batch norm of a ready-made network one of these; its weights and names stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = BatchNorm2d  # it adds no attribute, so nothing is copied
