"""GcGAN: Fu, Gong, Wang, Batmanghelich, Zhang, Tao, "Geometry-Consistent Generative Adversarial Networks", CVPR 2019.

One-sided unsupervised domain mapping. Where paper and code differ, hufu6371/GcGAN 74ccc2f
(models/gc_gan_share_model.py, gc_gan_cross_model.py) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.method import MethodConfig, StepContext, Task
from methods.losses.gan_mode import GANMode, gan_discriminator_both, gan_generator
from methods.losses.geometry_consistency import Geometry, geometry_consistency, turn
from methods.networks.dropout_resnet import DropoutResnetGenerator
from methods.networks.image_pool import ImagePool
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
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
    no_dropout: bool = Field(
        True, description="as published; or else residual blocks forget half of their features, at test too"
    )
    n_layers_D: int = Field(3, ge=1, description="halvings in a discriminator")
    model: Literal["share", "cross"] = Field("share", description="one generator for x and Tx, or one for each")
    geometry: Literal["rot", "vf", "mix"] = Field(
        "rot",
        description="T: a quarter turn clockwise, vf: upside down, or mix: either of the two, drawn anew in each step",
    )
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    lambda_G: float = Field(1.0, ge=0, description="weight of the adversarial terms")
    lambda_AB: float = Field(10.0, ge=0, description="weight that consistency and identity share")
    lambda_gc: float = Field(2.0, ge=0, description="weight of the geometry consistency, relative to lambda_AB")
    identity: float = Field(0.5, ge=0, description="weight of G(B) = B and G~(TB) = TB, relative to lambda_AB")
    no_lsgan: bool = Field(False, description="cross entropy in the place of least squares")
    pool_size: int = Field(50, ge=0, description="generated images remembered per discriminator")

    @model_serializer(mode="wrap")
    def _without_dropout(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Nothing of dropout where there is none: the keys of runs from before this option stay as they were."""
        values: dict[str, Any] = handler(self)
        return {key: value for key, value in values.items() if key != "no_dropout" or not value}

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
    eager_phases: ClassVar[frozenset[str]] = frozenset({"filling", "filling, rot", "filling, vf"})
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_AB",)
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        # README: the authors recommend two generators for horse2zebra; the rest are the program's defaults
        "horse2zebra": {"model": "cross"},
        # the published command, parsing -> city
        "cityscapes": {"n_blocks": 6, "load_size": 144, "crop_size": 128, "batch_size": 12, "identity": 0.3},
    }

    def __init__(self, config: GcGANConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG_AB = DropoutResnetGenerator(config.ngf, config.n_blocks)
        if config.model == "cross":
            self.netG_gc_AB = DropoutResnetGenerator(config.ngf, config.n_blocks)
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

    @property
    def _passes(self) -> tuple[str, ...]:
        """The images that generators make in a step, by what their dropout is called."""
        identities = ("idt", "idt_gc") if self.config.lambda_AB * self.config.identity > 0 else ()
        return ("fake_B", "fake_gc_B", *identities)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """What the pools do; with dropout `kept.IMAGE/BLOCK`, bool; with `geometry: mix` whether T is the quarter turn.

        What dropout keeps is where a normal number is positive. Drawn here, of every block of every translation: at the
        published size that is as much as the features themselves, and slow.
        """
        drawn, config = super().draw(context), self.config
        count, _, *size = context.shapes["A"]
        for image in () if config.no_dropout else self._passes:
            for block in range(config.n_blocks):
                name = f"kept.{image}/{block}"
                drawn[name] = context.draw.normal(name, self.netG_AB.kept_shape(count, *size)) > 0
        if config.geometry == "mix":
            drawn["rot"] = torch.tensor(context.draw.bernoulli("rot"))
        return drawn

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """`filling` or `full`; with `geometry: mix` and which geometry it is, as in `full, vf`."""
        phase = super().phase(context, drawn)
        return phase if self.config.geometry != "mix" else f"{phase}, {'rot' if drawn['rot'] else 'vf'}"

    def _geometry(self, phase: str) -> Geometry:
        """T of a step."""
        if self.config.geometry != "mix":
            return self.config.geometry
        return "rot" if phase.endswith("rot") else "vf"

    def _translated(self, netG: nn.Module, images: Tensor, drawn: Mapping[str, Tensor], name: str) -> Tensor:
        """G(images), with the dropout that was drawn for the image of that name."""
        blocks = 0 if self.config.no_dropout else self.config.n_blocks
        made: Tensor = netG(images, [drawn[f"kept.{name}/{block}"] for block in range(blocks)])
        return made

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update the generators, then both discriminators on what the pools hand out.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1]; square images for `rot`.
            drawn: see `draw`.
            phase: which T it is, with `geometry: mix`; the pools look at their own size.

        Returns:
            G_AB, G_gc_AB, gc, idt and idt_gc as they enter the objective; D_B, the sum over both discriminators.
        """
        real_A, real_B = batch["A"], batch["B"]
        geometry = self._geometry(phase)
        real_gc_B = turn(real_B, geometry)
        losses = self._update_generators(real_A, real_B, geometry, drawn)
        terms = []
        for name, netD, real in (("B", self.netD_B, real_B), ("gc_B", self.netD_gc_B, real_gc_B)):
            shown = self._shown(f"fake_{name}_pool", self._visuals[f"fake_{name}"], drawn)
            terms.append(gan_discriminator_both(netD(real), netD(shown), self.config.gan_mode))
            self._visuals[f"pooled_{name}"] = shown
        D_B = torch.stack(terms).sum()
        descend(D_B, self._optimizers["D"])
        return losses | {"D_B": D_B.detach()}

    def _update_generators(
        self, real_A: Tensor, real_B: Tensor, geometry: Geometry, drawn: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """L = lambda_G (GAN + GAN~) + lambda_AB (lambda_gc gc + identity (idt + idt~)), the discriminators frozen."""
        config = self.config
        netG, netG_gc = self.netG_AB, self.netG_gc_AB if config.model == "cross" else self.netG_AB
        fake_B = self._translated(netG, real_A, drawn, "fake_B")
        fake_gc_B = self._translated(netG_gc, turn(real_A, geometry), drawn, "fake_gc_B")
        weight = config.lambda_AB * config.identity
        with frozen(self.netD_B, self.netD_gc_B):
            losses = {
                "G_AB": config.lambda_G * gan_generator(self.netD_B(fake_B), config.gan_mode),
                "G_gc_AB": config.lambda_G * gan_generator(self.netD_gc_B(fake_gc_B), config.gan_mode),
                "gc": config.lambda_AB * config.lambda_gc * geometry_consistency(fake_B, fake_gc_B, geometry),
            }
            if weight > 0:
                for name, net, real in (("idt", netG, real_B), ("idt_gc", netG_gc, turn(real_B, geometry))):
                    losses[name] = weight * (self._translated(net, real, drawn, name) - real).abs().mean()
            descend(torch.stack(list(losses.values())).sum(), self._optimizers["G"])
        self._visuals = {"fake_B": fake_B.detach(), "fake_gc_B": fake_gc_B.detach()}
        return {name: loss.detach() for name, loss in losses.items()}

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adds the identity terms as 0 where they have no weight, as the released program logs them."""
        return {name: torch.zeros_like(losses["gc"]) for name in ("idt", "idt_gc")} | losses

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images): (batch, 3, H, W) in [-1, 1] to the same shape and range.

        Dropout stays on, as in the released test; what it keeps is the same for every image and in every call.
        """
        kept: list[Tensor] = []
        if not self.config.no_dropout:
            _, *shape = self.netG_AB.kept_shape(1, *images.shape[2:])
            stream = torch.Generator().manual_seed(0)
            kept = [
                torch.rand(1, *shape, generator=stream).to(images.device) < 0.5 for _ in range(self.config.n_blocks)
            ]
        return self.netG_AB(images, kept)
