"""The discriminators of MUNIT and DRIT: PatchGANs without norms on the image and on its halvings.

NVlabs/MUNIT a82e222, networks.py, MsImageDis, and HsinYingLee/DRIT f19f50a, networks.py, MultiScaleDis: 8,271,171
parameters with 64 filters, 4 layers and 3 scales.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.spectral_norm import SpectralConv2d


class ReflectDiscriminator(nn.Module):
    """Independent networks on the image and on its repeated halvings, full resolution first.

    Args:
        dim: filters of each network's first convolution; doubled by each further one.
        n_layers: halvings in each network.
        num_scales: networks.
        slope: of the leaky ReLU: 0.2 in MUNIT, 0.01 in DRIT.
        spectral: every convolution with spectral norm, an option of DRIT's.
    """

    def __init__(
        self, dim: int = 64, n_layers: int = 4, num_scales: int = 3, slope: float = 0.2, spectral: bool = False
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_network(dim, n_layers, slope, spectral) for _ in range(num_scales))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Per scale the scores of the patches of (batch, 3, H, W), (batch, 1, h, w); no sigmoid."""
        scores = []
        for network in self.scales:
            scores.append(network(images))
            images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
        return scores


def _network(dim: int, n_layers: int, slope: float, spectral: bool) -> nn.Sequential:
    conv: type[nn.Conv2d | SpectralConv2d] = SpectralConv2d if spectral else nn.Conv2d
    layers: list[nn.Module] = []
    before = 3
    for after in (dim * 2**n for n in range(n_layers)):
        layers += [nn.ReflectionPad2d(1), conv(before, after, 4, stride=2), nn.LeakyReLU(slope)]
        before = after
    return nn.Sequential(*layers, conv(before, 1, 1))
