"""StarGAN v2's cycle consistency: with its own style an image must come back.

Choi et al., CVPR 2020, eq. 4; clovaai/stargan-v2 875b70a, core/solver.py (compute_g_loss).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import l1_loss


def style_cycle(back: Tensor, real: Tensor) -> Tensor:
    """Mean |G(G(x, s), E(x)) - x|, or mean |G(x, E(x)) - x| in the released program of SRC + hDCE.

    Args:
        back: (batch, 3, H, W), made with the style that E finds in `real`, through which gradients flow.
        real: x.

    Examples:
        >>> import torch
        >>> style_cycle(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2))
        tensor(0.5000)
    """
    return l1_loss(back, real)
