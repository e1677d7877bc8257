"""PatchNCE against the official code of CUT."""

from bench.plugin.reference import Numbers, ReferenceCheck, gradient_of, largest_error
from methods.losses.patchnce import patchnce
from methods.references.rows import rows


class PatchNCEReference(ReferenceCheck):
    """Per-patch losses at temperature 0.07 and the gradient of their mean."""

    name = "patchnce"
    what = "PatchNCE and its gradient"
    every_device = True

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The larger of the two errors."""
        query, key = (rows(numbers, f"rows/{name}", device) for name in ("q", "k"))
        losses = patchnce(query, key, 0.07)
        losses.mean().backward()
        computed = {"patchnce/losses": losses[0], "patchnce/gradient": gradient_of(query)[0]}
        return largest_error(numbers, computed)
