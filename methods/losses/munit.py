"""MUNIT's adversarial and reconstruction losses.

Huang, Liu, Belongie, Kautz, "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018, equations 2 to 5;
NVlabs/MUNIT a82e222, trainer.py (gen_update, dis_update) and networks.py (MsImageDis).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import instance_norm, l1_loss, mse_loss

from methods.losses.gan_mode import GANMode, gan_discriminator, gan_generator


def discriminator_loss(fake: Sequence[Tensor], real: Sequence[Tensor], mode: GANMode = "lsgan") -> Tensor:
    """Sum over scales of mean D(fake)^2 + mean (D(real) - 1)^2: no half, no mean over scales.

    Args:
        fake: per scale, scores of any shape.
        real: likewise.
        mode: lsgan, or vanilla, the cross entropy (gan_type nsgan).

    Examples:
        >>> discriminator_loss([torch.tensor([1.0])], [torch.tensor([3.0])])
        tensor(5.)
    """
    pairs = zip(fake, real, strict=True)
    terms = [gan_discriminator(f, False, mode) + gan_discriminator(r, True, mode) for f, r in pairs]
    return torch.stack(terms).sum()


def generator_loss(fake: Sequence[Tensor], mode: GANMode = "lsgan") -> Tensor:
    """Sum over scales of mean (D(fake) - 1)^2."""
    return torch.stack([gan_generator(scores, mode) for scores in fake]).sum()


def reconstructions(
    x: Tensor, x_recon: Tensor, c: Tensor, c_recon: Tensor, s: Tensor, s_recon: Tensor
) -> Mapping[str, Tensor]:
    """What must come back: image, content and style of one domain, as mean absolute differences.

    The content is no constant target: gradients flow into both sides.

    Args:
        x: real image (batch, 3, H, W).
        x_recon: decoded from its own content and style.
        c: its content.
        c_recon: encoded from its translation.
        s: the style that was drawn for translating *into* this domain.
        s_recon: encoded from that translation.
    """
    return {"recon_x": l1_loss(x_recon, x), "recon_s": l1_loss(s_recon, s), "recon_c": l1_loss(c_recon, c)}


def perceptual(features: Tensor, features_of_source: Tensor) -> Tensor:
    """Mean (IN(f(x)) - IN(f(y)))^2: what a translation shows is what its source showed, whatever the style.

    Args:
        features: f(x) of the translations, (batch, C, h, w).
        features_of_source: f(y) of the images that they were made of.
    """
    return mse_loss(instance_norm(features), instance_norm(features_of_source))
