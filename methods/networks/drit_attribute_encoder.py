"""DRIT's attribute encoders of both domains (HsinYingLee/DRIT f19f50a, networks.py, E_attr_concat and E_attr)."""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.drit_content_encoder import Domain
from methods.networks.style_encoder import StyleEncoder


class GaussianEncoder(nn.Module):
    """Mean and log-variance of an image's attribute (`concat` 1); 1,344,080 parameters a domain with 64 filters.

    Args:
        dim: filters of the first convolution; each of three blocks adds as many.
        nz: numbers of an attribute.
    """

    def __init__(self, dim: int = 64, nz: int = 8) -> None:
        super().__init__()
        self.fc = nn.Linear(4 * dim, nz)  # registered first, as in the original
        self.fc_var = nn.Linear(4 * dim, nz)
        stem = nn.Conv2d(3, dim, 4, stride=2)
        blocks = [_HalvingBlock(n * dim, (n + 1) * dim) for n in (1, 2, 3)]
        self.conv = nn.Sequential(nn.ReflectionPad2d(1), stem, *blocks, nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, 3, H, W) to mean and log-variance, (batch, nz) each."""
        pooled = self.conv(images).flatten(1)
        return self.fc(pooled), self.fc_var(pooled)


class _HalvingBlock(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(before, before, 3),
            nn.LeakyReLU(0.2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(before, after, 3),
            nn.AvgPool2d(2),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.conv(features) + self.shortcut(features)


class DRITAttributeEncoder(nn.Module):
    """One encoder per domain, nothing shared: 2,688,160 parameters with `concat`, 5,529,872 without.

    Args:
        dim: filters of the first convolutions.
        nz: numbers of an attribute.
        concat: encode a distribution, or else MUNIT's style.
    """

    def __init__(self, dim: int = 64, nz: int = 8, concat: bool = True) -> None:
        super().__init__()
        kind = GaussianEncoder if concat else StyleEncoder
        self.domains = nn.ModuleDict({domain: kind(dim, nz) for domain in ("a", "b")})

    def forward(self, images: Tensor, domain: Domain) -> tuple[Tensor, Tensor | None]:
        """Map (batch, 3, H, W) of a domain to (batch, nz) attributes and their log-variances, if there are such."""
        found = self.domains[domain](images)
        return (found.flatten(1), None) if isinstance(found, Tensor) else found
