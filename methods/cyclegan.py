"""CycleGAN: Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks".

ICCV 2017. The original repository's settings, not those of CUT's `--model cycle_gan`: strided networks, N(0, 0.02),
100 + 100 epochs, crop jitter until the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.base.randomness import Draws
from bench.method import MethodConfig, Task
from methods.losses.lsgan import lsgan_discriminator, lsgan_real
from methods.networks.image_pool import ImagePool
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
from methods.networks.resnet_generator import ResnetGenerator
from methods.optimisation import adam, descend, frozen, linear_schedule
from methods.pooled import PooledMethod


class CycleGANConfig(MethodConfig):
    """The originals' options; defaults are the published command."""

    n_epochs: int = Field(100, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(100, ge=0, description="epochs over which the learning rate then falls linearly")
    ngf: int = Field(64, ge=1, description="filters of the generators' first convolution")
    ndf: int = Field(64, ge=1, description="filters of the discriminators' first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of a generator (netG resnet_9blocks)")
    n_layers_D: int = Field(3, ge=1, description="halvings in a discriminator")
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    lambda_A: float = Field(10.0, ge=0, description="weight of the cycle A -> B -> A")
    lambda_B: float = Field(10.0, ge=0, description="weight of the cycle B -> A -> B")
    lambda_identity: float = Field(
        0.5, ge=0, description="weight of G_A(B) = B and G_B(A) = A, relative to the cycles'"
    )
    pool_size: int = Field(50, ge=0, description="generated images remembered per domain")


class CycleGAN(PooledMethod):
    """Two translators that must undo each other: G_A: A -> B judged by D_A, G_B: B -> A judged by D_B."""

    name = "cyclegan"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, ICCV 2017"
    revision = 1
    source = "junyanz/pytorch-CycleGAN-and-pix2pix, models/cycle_gan_model.py as of 2018-2020"
    Config: ClassVar[type[MethodConfig]] = CycleGANConfig
    config: CycleGANConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_A",)
    backward_networks: ClassVar[tuple[str, ...]] = ("netG_B",)
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"*": {}}  # [R] README: one command for every data set

    def __init__(self, config: CycleGANConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG_A = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks, antialias=False)
        self.netG_B = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks, antialias=False)
        self.netD_A = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False)
        self.netD_B = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False)
        for name, network in self.named_children():
            initialise(network, "normal", draws.generator(f"init.{name}"))
        self.fake_A_pool = ImagePool(config.pool_size)
        self.fake_B_pool = ImagePool(config.pool_size)
        betas = (config.beta1, config.beta2)
        self._optimizers = {
            "G": adam([*self.netG_A.parameters(), *self.netG_B.parameters()], config.lr, betas),
            "D": adam([*self.netD_A.parameters(), *self.netD_B.parameters()], config.lr, betas),
        }
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay)
            for name, optimizer in self._optimizers.items()
        }

    @property
    def _pools(self) -> dict[str, ImagePool]:
        return {"fake_B_pool": self.fake_B_pool, "fake_A_pool": self.fake_A_pool}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update both generators, then both discriminators on what the pools hand out.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: not used: the pools look at their own size.

        Returns:
            G_A, cycle_A, idt_A, D_A and the same for B, weighted as they enter the objective.
        """
        real_A, real_B = batch["A"], batch["B"]
        losses = self._update_generators(real_A, real_B)
        fake_B, fake_A = (self._shown(f"{name}_pool", self._visuals[name], drawn) for name in ("fake_B", "fake_A"))
        D_A = lsgan_discriminator(self.netD_A(real_B), self.netD_A(fake_B))
        D_B = lsgan_discriminator(self.netD_B(real_A), self.netD_B(fake_A))
        descend(D_A + D_B, self._optimizers["D"])
        return losses | {"D_A": D_A.detach(), "D_B": D_B.detach()}

    def _update_generators(self, real_A: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """L = GAN(fake_B) + GAN(fake_A) + cycles + identities, the discriminators frozen."""
        config = self.config
        images: dict[str, Tensor] = {}
        if config.lambda_identity > 0:
            # one pass over both inputs is faster; idt_A is named after G_A, which should leave B as it is
            fake_B, images["idt_A"] = self.netG_A(torch.cat([real_A, real_B])).chunk(2)
            fake_A, images["idt_B"] = self.netG_B(torch.cat([real_B, real_A])).chunk(2)
        else:
            fake_B, fake_A = self.netG_A(real_A), self.netG_B(real_B)
        rec_A, rec_B = self.netG_B(fake_B), self.netG_A(fake_A)
        with frozen(self.netD_A, self.netD_B):
            losses = {
                "G_A": lsgan_real(self.netD_A(fake_B)),
                "G_B": lsgan_real(self.netD_B(fake_A)),
                "cycle_A": config.lambda_A * (rec_A - real_A).abs().mean(),
                "cycle_B": config.lambda_B * (rec_B - real_B).abs().mean(),
            }
            if config.lambda_identity > 0:
                weight = config.lambda_identity
                losses["idt_A"] = weight * config.lambda_B * (images["idt_A"] - real_B).abs().mean()
                losses["idt_B"] = weight * config.lambda_A * (images["idt_B"] - real_A).abs().mean()
            descend(torch.stack(list(losses.values())).sum(), self._optimizers["G"])
        images |= {"fake_B": fake_B, "rec_A": rec_A, "fake_A": fake_A, "rec_B": rec_B}
        self._visuals = {name: image.detach() for name, image in images.items()}
        return {name: loss.detach() for name, loss in losses.items()}

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G_A(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG_A(images)

    @torch.no_grad()
    def translate_back(self, images: Tensor) -> Tensor:
        """G_B(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG_B(images)
