"""SAN, the self-attention that takes the place of a convolution: every position weighs a window with a kernel of its own.

Zhao, Jia, Koltun, "Exploring Self-attention for Image Recognition", CVPR 2020, and its official code (windows, reflection
padding, channel sharing). That dual contrastive loss and attention uses SAN stands in its supplement (section 2); which
of the two kinds, and its widths, do not.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.base.errors import BenchError
from methods.networks.equalised import EqualisedConv2d
from methods.networks.padding import pad
from methods.networks.synchronised_norm import BatchNorm2d

Kind = Literal["pairwise", "patchwise"]


class SAN(nn.Module):
    """o_c(p) = sum over the window q of w_{c mod W}(p, q) value_c(q), without residual.

    pairwise:  w = softmax over q of gamma([phi(p) - psi(q), position(p) - position(q)])
    patchwise: w = gamma([phi(p), psi(q) for every q]), neither softmax nor position

    phi, psi and value are 1x1 convolutions, called conv1, conv2 and conv3 as in the official code; gamma (`conv_w`) is
    ReLU, 1x1 convolution, ReLU, 1x1 convolution.

    Args:
        channels: C of the feature maps, and of the output.
        kind: see above.
        kernel_size: side of the window, odd; half of it must be less than the side of the map (reflection padding).
        relation: channels of phi and psi; None: C / 16, at least 4.
        share: channels that share a weight, W = C / share; they are interleaved, not contiguous.
        batch_norm: in front of both ReLUs, as in the official code.
        values: channels of the values and so of the output; None: C, so that a residual can be added.
        equalised: whether the convolutions have an equalised learning rate.

    Raises:
        BenchError: if C is not a multiple of `share`.
    """

    def __init__(
        self,
        channels: int,
        kind: Kind = "patchwise",
        kernel_size: int = 7,
        relation: int | None = None,
        share: int = 8,
        batch_norm: bool = False,
        values: int | None = None,
        equalised: bool = True,
    ) -> None:
        super().__init__()
        values = values or channels
        if values % share:
            raise BenchError(f"attention: {values} channels are not a multiple of san_share {share}; lower san_share")
        R, W = relation or max(channels // 16, 4), values // share
        self.kind: Kind = kind
        self.kernel_size = kernel_size
        self.conv1 = EqualisedConv2d(channels, R, 1, equalised=equalised)
        self.conv2 = EqualisedConv2d(channels, R, 1, equalised=equalised)
        self.conv3 = EqualisedConv2d(channels, values, 1, equalised=equalised)
        window = kernel_size**2
        inputs, hidden, outputs = (R + 2, R, W) if kind == "pairwise" else (R * (window + 1), W, W * window)
        if kind == "pairwise":
            self.conv_p = EqualisedConv2d(2, 2, 1, equalised=equalised)
        self.conv_w = nn.Sequential(
            BatchNorm2d(inputs) if batch_norm else nn.Identity(),
            nn.ReLU(),
            EqualisedConv2d(inputs, hidden, 1, bias=False, equalised=equalised),
            BatchNorm2d(hidden) if batch_norm else nn.Identity(),
            nn.ReLU(),
            EqualisedConv2d(hidden, outputs, 1, equalised=equalised),
        )

    def forward(self, centre: Tensor, footprint: Tensor, value: Tensor) -> Tensor:
        """Attend; all three are the same map in self-attention.

        Args:
            centre: (B, C, H, W), what phi is made from.
            footprint: (B, C, H, W), what psi is made from.
            value: (B, C, H, W), what the values are made from.

        Returns:
            (B, C, H, W), or as many channels as there are values.
        """
        return self._aggregate(self.weights(centre, footprint), self.conv3(value))

    def weights(self, centre: Tensor, footprint: Tensor) -> Tensor:
        """The attention kernels (B, W, k k, H, W): window row-major."""
        phi, psi = self.conv1(centre), self._windows(self.conv2(footprint))
        batch, _, window, height, width = psi.shape
        if self.kind == "patchwise":
            both = torch.cat([phi, psi.flatten(1, 2)], dim=1)
            return self.conv_w(both).unflatten(1, (-1, window))
        position = self.conv_p(_coordinates(height, width, phi))
        offset = position.unsqueeze(2) - self._windows(position)
        both = torch.cat([phi.unsqueeze(2) - psi, offset.expand(batch, -1, -1, -1, -1)], dim=1)
        logits = self.conv_w(both.flatten(3))  # (B, relation + 2, k k, H W): a 1x1 convolution sees each pair alone
        return logits.softmax(dim=2).unflatten(3, (height, width))

    def _padded(self, x: Tensor) -> Tensor:
        return pad(x, self.kernel_size // 2, "reflect")

    def _windows(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to its windows (B, C, k k, H, W)."""
        columns = F.unfold(self._padded(x), self.kernel_size)
        return columns.unflatten(1, (x.shape[1], -1)).unflatten(3, x.shape[2:])

    def _aggregate(self, weights: Tensor, value: Tensor) -> Tensor:
        """Sum over the window, one shifted map at a time: the k k copies of the values never exist together."""
        height, width = value.shape[2:]
        shared = self._padded(value).unflatten(1, (-1, weights.shape[1]))  # channel c uses weight c mod W
        out: Tensor | None = None
        for q, weight in enumerate(weights.unsqueeze(1).unbind(3)):
            y, x = divmod(q, self.kernel_size)
            term = weight * shared[..., y : y + height, x : x + width]
            out = term if out is None else out + term
        assert out is not None  # a window has at least one place
        return out.flatten(1, 2)


def _coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """(1, 2, H, W): x, then y, each from -1 to 1 over the map."""
    y, x = (torch.linspace(-1.0, 1.0, side, dtype=like.dtype, device=like.device) for side in (height, width))
    return torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)])[None]
