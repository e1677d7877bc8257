"""The dual contrastive loss against its formula."""

import torch

from bench.plugin.reference import Numbers, ReferenceCheck, gradient_of, largest_error
from methods.losses.dual_contrastive import dual_contrastive


class DualContrastiveReference(ReferenceCheck):
    """The loss of large logits; the game's two sides share the gradient but for its sign."""

    name = "dual_contrastive"
    what = "dual contrastive loss and its gradients"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The largest of three errors."""
        real, fake = (torch.tensor(numbers[f"dual/{n}"], device=device, requires_grad=True) for n in ("real", "fake"))
        loss = dual_contrastive(real, fake)
        loss.backward()
        computed = {
            "dual/loss": loss,
            "dual/gradient_real": gradient_of(real),
            "dual/gradient_fake": gradient_of(fake),
        }
        return largest_error(numbers, computed)
