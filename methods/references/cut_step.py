"""A training step of CUT by the official code."""

from typing import Any, ClassVar

from bench.plugin.reference import SINGLE, ReferenceStep


class CUTStep(ReferenceStep):
    """One step at width 4, 64 pixels, batch 1; weights exact in float32, gradients rounded to it."""

    name = "cut_step"
    part = "training step"
    what = "losses and generator gradient of one step of CUT"
    tolerance = SINGLE
    file = "cut_step.safetensors"
    method = "cut"
    config: ClassVar[dict[str, Any]] = {"ngf": 4, "ndf": 4, "netF_nc": 32, "num_patches": 64}
