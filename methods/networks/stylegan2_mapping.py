"""StyleGAN2's mapping network: a latent vector z to an intermediate one, w, and the running mean of w."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.base import collective
from methods.networks.equalised import EqualisedLinear, lrelu

W_AVG_BETA = 0.995  # of the running mean of w


class MappingNetwork(nn.Module):
    """z / rms(z), then fully connected layers `fc0`, `fc1`, ..., each with a hundredth of the learning rate.

    Source: NVlabs/stylegan2 training/networks_stylegan2.py, G_mapping. (The PyTorch successor's `auto` configuration
    has 2 layers; StyleGAN2's configurations A to F have 8.)

    Args:
        z_dim, w_dim: sizes of z and w, and of the hidden layers.
        layers: how many.
    """

    w_avg: Tensor

    def __init__(self, z_dim: int = 512, w_dim: int = 512, layers: int = 8) -> None:
        super().__init__()
        self.layers = layers
        for index in range(layers):
            self.add_module(f"fc{index}", EqualisedLinear(w_dim if index else z_dim, w_dim, lr_multiplier=0.01))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor) -> Tensor:
        """Map (B, z_dim) to (B, w_dim)."""
        w = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for index in range(self.layers):
            w = lrelu(self.get_submodule(f"fc{index}")(w))
        return w

    @torch.no_grad()
    def update_average(self, w: Tensor) -> None:
        """Move w_avg towards the mean of a batch (B, w_dim), over all ranks."""
        self.w_avg.copy_(collective.mean(w.mean(dim=0)).lerp(self.w_avg, W_AVG_BETA))

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """The truncation trick: w_avg + psi (w - w_avg) for the first `cutoff` layers (all if None).

        Args:
            ws: (B, layers, w_dim).
            psi: 1 changes nothing.
            cutoff: number of layers.
        """
        truncated = self.w_avg.lerp(ws[:, :cutoff], psi)
        return truncated if cutoff is None else torch.cat([truncated, ws[:, cutoff:]], dim=1)
