"""A method of a few weights that translates between domains, for tests of the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.method import Method, MultiDomainConfig, StepContext

LATENT = 3


class MultiDomainToyConfig(MultiDomainConfig):
    n_epochs: int = 2
    n_epochs_decay: int = 0
    load_size: int = 20
    crop_size: int = 16
    batch_size: int = 2
    lr: float = 0.05


class MultiDomainToy(Method):
    """Moves colours by a style, so that they come near those of two references of the target domain."""

    name = "multi-domain-toy"
    task = "multi_domain_translation"
    citation = "nobody"
    revision = 1
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"seasons": {}}
    streams = ("x_src", "x_ref", "x_ref2", "y_ref")
    Config = MultiDomainToyConfig
    config: MultiDomainToyConfig

    def __init__(self, config: MultiDomainToyConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG = nn.Conv2d(3, 3, 1)
        self.netM = nn.Linear(LATENT + config.num_domains, 3)
        with torch.no_grad():
            for name, network in self.networks().items():
                network.weight.normal_(generator=draws.generator(f"init.net{name}"))
                network.bias.zero_()
        self._optimizers["G"] = torch.optim.Adam(self.parameters(), config.lr)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return {"z": context.draw.normal("toy.z", (context.shapes["x_src"][0], LATENT))}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        fake = self._translate(batch["x_src"], self._styles(drawn["z"], batch["y_ref"]))
        target = (batch["x_ref"] + batch["x_ref2"]).mean((2, 3)) / 2
        loss = ((fake.mean((2, 3)) - target) ** 2).sum()
        self._optimizers["G"].zero_grad()
        loss.backward()
        self._optimizers["G"].step()
        return {"G": loss.detach()}

    def _styles(self, latents: Tensor, domain: Tensor) -> Tensor:
        return self.netM(torch.cat([latents, torch.eye(self.config.num_domains).to(latents)[domain]], dim=1))

    def _translate(self, images: Tensor, style: Tensor) -> Tensor:
        return torch.tanh(self.netG(images) + style[:, :, None, None])

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        return torch.randn(n, LATENT, generator=stream).to(self.netM.weight.device)

    @torch.no_grad()
    def styles(self, latents: Tensor, domain: Tensor) -> Tensor:
        return self._styles(latents, domain)

    @torch.no_grad()
    def translate(self, images: Tensor, domain: Tensor, style: Tensor) -> Tensor:
        return self._translate(images, style)
