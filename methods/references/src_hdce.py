"""SRC and hDCE against the official code."""

from bench.plugin.reference import Numbers, ReferenceCheck, gradient_of, largest_error
from methods.losses.hdce import hardness_divisor, hardness_weights, hdce_released
from methods.losses.semantic_relation import semantic_relation
from methods.references.rows import rows


class SRCReference(ReferenceCheck):
    """SRC's divergence, and hDCE with the weights of the first of 400 epochs, with their gradients."""

    name = "src_hdce"
    what = "SRC and hDCE and their gradients"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The largest of four errors."""
        key = rows(numbers, "rows/k", device)
        contrasted, related = rows(numbers, "rows/q", device), rows(numbers, "rows/q", device)
        losses = hdce_released(contrasted, key, hardness_weights(key, hardness_divisor(1, 400, 50, 10, None)), 0.07)
        losses.mean().backward()
        relation = semantic_relation(related, key)
        relation.sum().backward()
        computed = {
            "src_hdce/losses": losses[0],
            "src_hdce/gradient": gradient_of(contrasted)[0],
            "src_hdce/relation": relation,
            "src_hdce/relation_gradient": gradient_of(related)[0],
        }
        return largest_error(numbers, computed)
