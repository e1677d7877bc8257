"""StarGAN v2's mapping network: a latent vector and a domain to a style.

Choi et al., CVPR 2020; clovaai/stargan-v2 875b70a, core/model.py, MappingNetwork. 2,438,272 parameters for two domains.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.networks.domain_heads import of_domain

SHARED, OWN = 4, 3  # hidden layers of all domains, and of each


class StarGANMapping(nn.Module):
    """Linear layers with ReLU, four of all domains, then three and a last one without ReLU of each domain.

    Args:
        latent_dim: numbers of a latent vector.
        style_dim: numbers of a style.
        num_domains: how many.
        hidden_dim: width.
    """

    def __init__(self, latent_dim: int = 16, style_dim: int = 64, num_domains: int = 2, hidden_dim: int = 512) -> None:
        super().__init__()
        self.shared = nn.Sequential(*_hidden(latent_dim, hidden_dim, SHARED))
        self.unshared = nn.ModuleList(
            nn.Sequential(*_hidden(hidden_dim, hidden_dim, OWN), nn.Linear(hidden_dim, style_dim))
            for _ in range(num_domains)
        )

    def forward(self, latents: Tensor, domain: Tensor) -> Tensor:
        """Map (batch, latent_dim) and domains, int64 (batch,), to styles (batch, style_dim)."""
        hidden = self.shared(latents)
        return of_domain([head(hidden) for head in self.unshared], domain)


def _hidden(before: int, width: int, count: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [nn.Linear(before, width), nn.ReLU()]
        before = width
    return layers
