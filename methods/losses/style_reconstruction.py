"""StarGAN v2's style reconstruction: the style encoder must find in an image the style that it was made with.

Choi et al., CVPR 2020, eq. 2; clovaai/stargan-v2 875b70a, core/solver.py (compute_g_loss).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import l1_loss


def style_reconstruction(found: Tensor, given: Tensor) -> Tensor:
    """Mean |E(G(x, s)) - s|; neither side is constant, so the mapping network learns what can be found again.

    Args:
        found: styles of the generated images, (batch, style_dim).
        given: styles that they were made with.

    Examples:
        >>> import torch
        >>> style_reconstruction(torch.zeros(2, 2), torch.tensor([[1.0, -1.0], [0.0, 2.0]]))
        tensor(1.)
    """
    return l1_loss(found, given)
