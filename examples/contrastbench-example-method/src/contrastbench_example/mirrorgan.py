"""MirrorGAN: a one-sided translator whose output must follow when its input is mirrored.

After GcGAN (Fu, Gong, Wang, Batmanghelich, Zhang, Tao, "Geometry-Consistent Generative Adversarial Networks for
One-Sided Unsupervised Domain Mapping", CVPR 2019), made small for reading: one discriminator, one geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.base.randomness import Draws
from bench.method import Method, MethodConfig, Task
from methods.losses.lsgan import lsgan_discriminator, lsgan_real
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
from methods.networks.resnet_generator import ResnetGenerator
from methods.optimisation import adam, descend, frozen, linear_schedule


class MirrorGANConfig(MethodConfig):
    """The options; `contrastbench info mirrorgan` shows them, `--set KEY=VALUE` changes them."""

    n_epochs: int = Field(100, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(100, ge=0, description="epochs over which the learning rate then falls linearly")
    ngf: int = Field(64, ge=1, description="filters of the generator's first convolution")
    ndf: int = Field(64, ge=1, description="filters of the discriminator's first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of the generator")
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate")
    lambda_mirror: float = Field(20.0, ge=0, description="weight of |mirror(G(x)) - G(mirror(x))|; GcGAN: 2 x 10")


class MirrorGAN(Method):
    """L = LSGAN(G(x)) + lambda_mirror |mirror(G(x)) - G(mirror(x))|."""

    name = "mirrorgan"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "after Fu et al., Geometry-Consistent Generative Adversarial Networks, CVPR 2019"
    revision = 1
    Config: ClassVar[type[MethodConfig]] = MirrorGANConfig
    config: MirrorGANConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG",)  # all that translate() reads
    # the published settings: protocol's recipe -> what differs from the defaults; "*": the same on every data set
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"*": {}}

    def __init__(self, config: MirrorGANConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks)
        self.netD = PatchGAN(ndf=config.ndf)
        for name, network in self.named_children():
            initialise(network, "xavier", draws.generator(f"init.{name}"))  # never torch's global generator
        # the harness saves their state and steps the schedulers after each epoch
        self._optimizers = {
            "G": adam(self.netG.parameters(), config.lr, (0.5, 0.999)),
            "D": adam(self.netD.parameters(), config.lr, (0.5, 0.999)),
        }
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay)
            for name, optimizer in self._optimizers.items()
        }

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update G, then D.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: what a method's `draw(context)` returned; this one draws nothing.
            phase: which program the step is; here there is one.

        Returns:
            Detached losses, still on the device.
        """
        real_A, real_B = batch["A"], batch["B"]
        fake_B, fake_of_mirrored = self.netG(torch.cat([real_A, real_A.flip(3)])).chunk(2)
        with frozen(self.netD):
            G_GAN = lsgan_real(self.netD(fake_B))
            mirror = self.config.lambda_mirror * (fake_B.flip(3) - fake_of_mirrored).abs().mean()
            descend(G_GAN + mirror, self._optimizers["G"])
        D = lsgan_discriminator(self.netD(real_B), self.netD(fake_B.detach()))
        descend(D, self._optimizers["D"])
        return {"G_GAN": G_GAN.detach(), "mirror": mirror.detach(), "D": D.detach()}

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG(images)
