"""The contrastive feature loss against its record."""

import torch

from bench.plugin.reference import Numbers, ReferenceCheck, gradient_of, largest_error
from methods.losses.contrastive_feature import patch_nce
from methods.networks.projection_head import normalise


class ContrastiveFeatureReference(ReferenceCheck):
    """One direction, with the released negatives and the paper's gradient of keys."""

    name = "contrastive_feature"
    what = "contrastive feature loss and its gradients"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The largest of three errors."""
        query, key = (torch.tensor(numbers[f"cfl/{name}"], device=device, requires_grad=True) for name in ("q", "k"))
        losses = patch_nce(normalise(query), normalise(key), 0.07, fake_negatives=True, key_gradient=True)
        losses.mean().backward()
        computed = {
            "cfl/losses": losses.flatten(),
            "cfl/gradient_q": gradient_of(query),
            "cfl/gradient_k": gradient_of(key),
        }
        return largest_error(numbers, computed)
