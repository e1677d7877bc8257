"""NEGCUT's contrastive loss against the official code."""

from bench.plugin.reference import Numbers, ReferenceCheck, gradient_of, largest_error
from methods.losses.given_negatives import nce_with_negatives
from methods.references.rows import rows


class GivenNegativesReference(ReferenceCheck):
    """Per-patch losses with 64 negatives; the gradient also runs through the negatives."""

    name = "given_negatives"
    what = "NCE with generated negatives and its gradients"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The largest of three errors."""
        query, key, negatives = (rows(numbers, name, device) for name in ("rows/q", "rows/k", "negcut/negatives"))
        losses = nce_with_negatives(query, key, negatives, 0.07)
        losses.mean().backward()
        computed = {
            "negcut/losses": losses[0],
            "negcut/gradient_q": gradient_of(query)[0],
            "negcut/gradient_negatives": gradient_of(negatives)[0],
        }
        return largest_error(numbers, computed)
