"""SRC, semantic relation consistency: the patches of output and input must resemble each other in the same way.

Jung, Kwon, Ye, "Exploring Patch-wise Semantic Relation for Contrastive Learning in Image-to-Image Translation Tasks",
CVPR 2022, eq. 1 to 3; jcy132/Hneg_SRC 9a9647d.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from methods.networks.projection_head import normalise


def self_similarity(rows: Tensor) -> Tensor:
    """Cosines (batch, patches, patches) of (batch, patches, dim) rows, the diagonal included.

    The released code normalises the projection head's unit rows once more, and so does this.

    Examples:
        >>> self_similarity(torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])).round(decimals=4)
        tensor([[[1., 0.],
                 [0., 1.]]])
    """
    unit = normalise(rows)
    return unit @ unit.transpose(1, 2)


def semantic_relation(query: Tensor, key: Tensor) -> Tensor:
    """Sum over patches of the Jensen-Shannon divergence between the rows of both softmaxed self-similarities.

    Temperature 1, natural logarithm. A sum as in eq. 3: the weight of this term goes with the number of patches.

    Args:
        query: (batch, patches, dim) unit rows of the generated image.
        key: (batch, patches, dim) unit rows of the input image; gradients stop here.

    Returns:
        (batch,) divergences.

    Examples:
        >>> q = torch.eye(2)[None]
        >>> semantic_relation(q, q)
        tensor([0.])
        >>> semantic_relation(q, torch.ones(1, 2, 2)).round(decimals=4)
        tensor([0.0571])
    """
    log_p = self_similarity(query).log_softmax(dim=2)
    log_q = self_similarity(key.detach()).log_softmax(dim=2)
    log_m = torch.logaddexp(log_p, log_q) - log(2)
    divergence = log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)
    return 0.5 * divergence.sum(dim=(1, 2))
