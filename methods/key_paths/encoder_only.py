"""CUT's ablation "without updating the decoder using PatchNCE loss" (Park et al., ECCV 2020, supplement, section 1.5)."""

from __future__ import annotations

from torch import Tensor

from methods.key_paths.key_path import KeyPath


class EncoderOnly(KeyPath):
    """The patch-wise loss trains the encoder and netF; the decoder learns from the GAN alone.

    Its gradient ends at the generated image ("we exclude the gradient propagation of the decoder"), so it reaches the
    encoder as the encoder of the output, not back through the decoder. The paper reports an FID of 444.2.
    """

    def shown(self, fake: Tensor) -> Tensor:
        """The images without their history."""
        return fake.detach()
