"""StyleGAN2's modulated convolution: the style scales the input channels, demodulation restores the output's variance."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from methods.networks.fir_resampling import conv_upsample2


def modulated_conv2d(x: Tensor, weight: Tensor, styles: Tensor, demodulate: bool = True, up: bool = False) -> Tensor:
    """Convolve each sample with weight * s, divided by sqrt(sum over in, k, k of (weight s)^2 + 1e-8).

    Computed by scaling the feature maps before and after one shared convolution, which is the same thing (Karras et
    al. 2020, section 2.2) and faster than one kernel per sample unless special kernels are at hand.

    Args:
        x: (B, in, H, W).
        weight: (out, in, k, k), zero padding k // 2.
        styles: (B, in).
        demodulate: False for toRGB.
        up: double the resolution.

    Returns:
        (B, out, H, W) or (B, out, 2H, 2W).
    """
    x = x * styles[:, :, None, None]
    x = conv_upsample2(x, weight) if up else F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    if demodulate:
        power = styles.square() @ weight.square().sum(dim=(2, 3)).t()
        x = x * (power + 1e-8).rsqrt()[:, :, None, None]
    return x
