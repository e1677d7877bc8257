"""Attention of the discriminator from a reference image to the image that is judged.

Yu et al., "Dual Contrastive Loss and Attention for GANs", ICCV 2021, supplement sections 3 and 4: a convolution of the
discriminator is replaced by O = attn(key, query, value) + T_pri, where key, query and value come from the primary or from
the reference image. Eq. 8 of the main paper is reconstructed from the supplement's words: key and query from the
reference, value and residual from the primary image.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from methods.networks.equalised import lrelu
from methods.networks.san import SAN

Configuration = Literal["eq8", "eq1", "eq2"]
# configuration -> where key, query and value come from
SOURCES: dict[Configuration, tuple[str, str, str]] = {
    "eq8": ("reference", "reference", "primary"),
    "eq1": ("primary", "reference", "reference"),
    "eq2": ("primary", "reference", "primary"),
}


class ReferenceAttention(nn.Module):
    """SAN over a pair of feature maps, plus the primary one, plus bias and leaky ReLU of the replaced convolution [D18].

    Args:
        attention: over maps of the given channels.
        channels: C.
        configuration: the main paper's Eq. 8, or the supplement's Eq. 1 or Eq. 2.
        centre: what is SAN's centre, the query or the key [D13]; it matters for Eqs. 1 and 2 only.
        activated: whether bias and leaky ReLU stay.
    """

    def __init__(
        self,
        attention: SAN,
        channels: int,
        configuration: Configuration = "eq8",
        centre: Literal["query", "key"] = "query",
        activated: bool = True,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.configuration = configuration
        self.centre = centre
        self.bias = nn.Parameter(torch.zeros(channels)) if activated else None

    def forward(self, primary: Tensor, reference: Tensor) -> Tensor:
        """Map two (B, C, H, W) to one."""
        y = self.attend(primary, reference) + primary
        return y if self.bias is None else lrelu(y + self.bias[:, None, None])

    def attend(self, primary: Tensor, reference: Tensor) -> Tensor:
        """attn(key, query, value), without residual and bias."""
        maps = {"primary": primary, "reference": reference}
        key, query, value = (maps[source] for source in SOURCES[self.configuration])
        return self.attention(query, key, value) if self.centre == "query" else self.attention(key, query, value)
