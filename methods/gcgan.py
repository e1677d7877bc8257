"""GcGAN: Fu, Gong, Wang, Batmanghelich, Zhang, Tao, "Geometry-Consistent Generative Adversarial Networks", CVPR 2019.

One-sided unsupervised domain mapping. Where paper and code differ, hufu6371/GcGAN 74ccc2f
(models/gc_gan_share_model.py, gc_gan_cross_model.py) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from bench.base.randomness import Draws
from bench.method import MethodConfig, Task
from methods.losses.gan_mode import GANMode, gan_discriminator_both, gan_generator
from methods.losses.geometry_consistency import Geometry, geometry_consistency, turn
from methods.networks.image_pool import ImagePool
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
from methods.networks.resnet_generator import ResnetGenerator
from methods.optimisation import adam, descend, frozen, linear_schedule
from methods.pooled import PooledMethod


class GcGANConfig(MethodConfig):
    """The released program's options and defaults."""

    n_epochs: int = Field(100, ge=1, description="epochs at the initial learning rate (niter)")
    n_epochs_decay: int = Field(
        100, ge=0, description="epochs over which it then falls, to 0 in the last (niter_decay)"
    )
    batch_size: int = Field(8, ge=1)
    load_size: int = Field(288, ge=4, description="side to which training images are resized before cropping")
    ngf: int = Field(64, ge=1, description="filters of a generator's first convolution")
    ndf: int = Field(64, ge=1, description="filters of a discriminator's first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of a generator (which_model_netG)")
    n_layers_D: int = Field(3, ge=1, description="halvings in a discriminator")
    model: Literal["share", "cross"] = Field("share", description="one generator for x and Tx, or one for each")
    geometry: Geometry = Field("rot", description="T: a quarter turn clockwise, or vf: upside down")
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    lambda_G: float = Field(1.0, ge=0, description="weight of the adversarial terms")
    lambda_AB: float = Field(10.0, ge=0, description="weight that consistency and identity share")
    lambda_gc: float = Field(2.0, ge=0, description="weight of the geometry consistency, relative to lambda_AB")
    identity: float = Field(0.5, ge=0, description="weight of G(B) = B and G~(TB) = TB, relative to lambda_AB")
    no_lsgan: bool = Field(False, description="cross entropy in the place of least squares")
    pool_size: int = Field(50, ge=0, description="generated images remembered per discriminator")

    @property
    def gan_mode(self) -> GANMode:
        """What `no_lsgan` is called elsewhere."""
        return "vanilla" if self.no_lsgan else "lsgan"


class GcGAN(PooledMethod):
    """Translating a turned image must give the turned translation; both are judged, by a discriminator each."""

    name = "gcgan"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Fu et al., Geometry-Consistent GANs for One-Sided Unsupervised Domain Mapping, CVPR 2019"
    revision = 1
    source = "hufu6371/GcGAN 74ccc2f"
    Config: ClassVar[type[MethodConfig]] = GcGANConfig
    config: GcGANConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_AB",)
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        # README: the authors recommend two generators for horse2zebra; the rest are the program's defaults
        "horse2zebra": {"model": "cross"},
        # the published command, parsing -> city
        "cityscapes": {"n_blocks": 6, "load_size": 144, "crop_size": 128, "batch_size": 12, "identity": 0.3},
    }

    def __init__(self, config: GcGANConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG_AB = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks, antialias=False)
        if config.model == "cross":
            self.netG_gc_AB = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks, antialias=False)
        self.netD_B = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False)
        self.netD_gc_B = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False)
        for name, network in self.named_children():
            initialise(network, "xavier", draws.generator(f"init.{name}"), biases="torch")
        self.fake_B_pool = ImagePool(config.pool_size)
        self.fake_gc_B_pool = ImagePool(config.pool_size)
        networks, betas = self.networks().items(), (config.beta1, config.beta2)
        self._optimizers = {
            side: adam(
                [p for name, net in networks if name.startswith(side) for p in net.parameters()], config.lr, betas
            )
            for side in ("G", "D")
        }
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay, early=1)
            for name, optimizer in self._optimizers.items()
        }

    @property
    def _pools(self) -> dict[str, ImagePool]:
        return {"fake_B_pool": self.fake_B_pool, "fake_gc_B_pool": self.fake_gc_B_pool}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update the generators, then both discriminators on what the pools hand out.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1]; square images for `rot`.
            drawn: see `draw`.
            phase: not used: the pools look at their own size.

        Returns:
            G_AB, G_gc_AB, gc, idt and idt_gc as they enter the objective; D_B, the sum over both discriminators.
        """
        real_A, real_B = batch["A"], batch["B"]
        real_gc_B = turn(real_B, self.config.geometry)
        losses = self._update_generators(real_A, real_B, real_gc_B)
        terms = []
        for name, netD, real in (("B", self.netD_B, real_B), ("gc_B", self.netD_gc_B, real_gc_B)):
            shown = self._shown(f"fake_{name}_pool", self._visuals[f"fake_{name}"], drawn)
            terms.append(gan_discriminator_both(netD(real), netD(shown), self.config.gan_mode))
            self._visuals[f"pooled_{name}"] = shown
        D_B = torch.stack(terms).sum()
        descend(D_B, self._optimizers["D"])
        return losses | {"D_B": D_B.detach()}

    def _update_generators(self, real_A: Tensor, real_B: Tensor, real_gc_B: Tensor) -> dict[str, Tensor]:
        """L = lambda_G (GAN + GAN~) + lambda_AB (lambda_gc gc + identity (idt + idt~)), the discriminators frozen."""
        config = self.config
        turned = self.netG_gc_AB if config.model == "cross" else self.netG_AB
        fake_B, fake_gc_B = self.netG_AB(real_A), turned(turn(real_A, config.geometry))
        weight = config.lambda_AB * config.identity
        with frozen(self.netD_B, self.netD_gc_B):
            losses = {
                "G_AB": config.lambda_G * gan_generator(self.netD_B(fake_B), config.gan_mode),
                "G_gc_AB": config.lambda_G * gan_generator(self.netD_gc_B(fake_gc_B), config.gan_mode),
                "gc": config.lambda_AB * config.lambda_gc * geometry_consistency(fake_B, fake_gc_B, config.geometry),
            }
            if weight > 0:
                losses["idt"] = weight * (self.netG_AB(real_B) - real_B).abs().mean()
                losses["idt_gc"] = weight * (turned(real_gc_B) - real_gc_B).abs().mean()
            descend(torch.stack(list(losses.values())).sum(), self._optimizers["G"])
        self._visuals = {"fake_B": fake_B.detach(), "fake_gc_B": fake_gc_B.detach()}
        return {name: loss.detach() for name, loss in losses.items()}

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adds the identity terms as 0 where they have no weight, as the released program logs them."""
        return {name: torch.zeros_like(losses["gc"]) for name in ("idt", "idt_gc")} | losses

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG_AB(images)
