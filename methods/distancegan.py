"""DistanceGAN: Benaim, Wolf, "One-Sided Unsupervised Domain Mapping", NIPS 2017.

Where paper and code differ, sagiebenaim/DistanceGAN f827205 (models/distance_gan_model.py) decides, run under Python 2 as
its authors say: under Python 3 the discriminators' padding would be 2 instead of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from bench.base.randomness import Draws
from bench.method import MethodConfig, Task
from methods.losses.distance import Distances, Spread, distance_loss, pair_distances, self_distance, spread
from methods.losses.gan_mode import GANMode, gan_discriminator_both, gan_generator
from methods.networks.distance_resnet import DistanceResnet
from methods.networks.image_pool import ImagePool
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
from methods.optimisation import adam, descend, frozen
from methods.pooled import PooledMethod


class DistanceGANConfig(MethodConfig):
    """The released program's options and defaults."""

    n_epochs: int = Field(100, ge=1, description="epochs at the initial learning rate (niter)")
    n_epochs_decay: int = Field(100, ge=0, description="epochs over which the learning rate then falls (niter_decay)")
    batch_size: int = Field(2, ge=1)
    ngf: int = Field(64, ge=1, description="filters of the generators' first convolution")
    ndf: int = Field(64, ge=1, description="filters of the discriminators' first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of a generator (which_model_netG)")
    n_layers_D: int = Field(3, ge=1, description="halvings in a discriminator")
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    A_to_B: bool = Field(False, description="one-sided: only G_A and D_A learn")
    B_to_A: bool = Field(False, description="one-sided: only G_B and D_B learn")
    lambda_distance_A: float = Field(1.0, ge=0, description="weight of the distances between images of A")
    lambda_distance_B: float = Field(1.0, ge=0, description="weight of the distances between images of B")
    use_self_distance: bool = Field(False, description="compare halves of a minibatch instead of pairs of images")
    unnormalized_distances: bool = Field(False, description="compare distances as they are")
    max_items: int = Field(900, ge=2, description="minibatches from which a domain's mean and spread are measured")
    use_cycle_loss: bool = Field(False, description="add CycleGAN's two cycles")
    lambda_A: float = Field(10.0, ge=0, description="weight of the cycle A -> B -> A")
    lambda_B: float = Field(10.0, ge=0, description="weight of the cycle B -> A -> B")
    no_lsgan: bool = Field(False, description="cross entropy in the place of least squares")
    pool_size: int = Field(50, ge=0, description="generated images remembered per domain")

    @property
    def gan_mode(self) -> GANMode:
        """What `no_lsgan` is called elsewhere."""
        return "vanilla" if self.no_lsgan else "lsgan"

    @model_validator(mode="after")
    def _possible(self) -> DistanceGANConfig:
        if self.A_to_B and self.B_to_A:
            raise ValueError("A_to_B and B_to_A: choose one direction, or neither for both")
        if self.batch_size < 2 and not self.use_self_distance:
            raise ValueError("batch_size 1 has no pairs of images; take 2 or more, or use_self_distance")
        return self


class DistanceGAN(PooledMethod):
    """Images as far apart as their translations, in units of each domain's spread, which is measured before training.

    G_A: A -> B is judged by D_A, G_B: B -> A by D_B.
    """

    name = "distancegan"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Benaim and Wolf, One-Sided Unsupervised Domain Mapping, NIPS 2017"
    revision = 1
    source = "sagiebenaim/DistanceGAN f827205, Python 2"
    Config: ClassVar[type[MethodConfig]] = DistanceGANConfig
    config: DistanceGANConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_A",)
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"*": {}}  # README: one command for every data set

    def __init__(self, config: DistanceGANConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG_A = DistanceResnet(config.ngf, config.n_blocks)
        self.netG_B = DistanceResnet(config.ngf, config.n_blocks)
        self.netD_A = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False, affine=True)
        self.netD_B = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D, antialias=False, affine=True)
        for name, network in self.named_children():
            initialise(network, "normal", draws.generator(f"init.{name}"), biases="torch")
        for domain in "AB":
            self.register_buffer(f"expectation_{domain}", torch.zeros(()))
            self.register_buffer(f"std_{domain}", torch.ones(()))
        self.fake_B_pool = ImagePool(config.pool_size)
        self.fake_A_pool = ImagePool(config.pool_size)
        betas = (config.beta1, config.beta2)
        of_G = [*self.netG_A.parameters(), *self.netG_B.parameters()]
        self._optimizers["G"] = adam(of_G, config.lr, betas)
        for side in self._sides:
            netD = self.get_submodule(f"netD_{side}")
            self._optimizers[f"D_{side}"] = adam(netD.parameters(), config.lr, betas)
        self._schedulers = {name: self._falling(optimizer) for name, optimizer in self._optimizers.items()}

    def _falling(self, optimizer: Optimizer) -> LambdaLR:
        """After the constant epochs the rate falls by an equal part at the *end* of each: the last one has a part left."""
        constant, decay = self.config.n_epochs, max(1, self.config.n_epochs_decay)
        return LambdaLR(optimizer, lambda done: 1 - max(0, done - constant) / decay)

    @property
    def _sides(self) -> tuple[str, ...]:
        """The directions that learn, by the domain that is translated."""
        return ("A",) if self.config.A_to_B else ("B",) if self.config.B_to_A else ("A", "B")

    @property
    def _pools(self) -> dict[str, ImagePool]:
        made = [f"fake_{_other(side)}_pool" for side in self._sides]
        return {name: self.get_submodule(name) for name in made}  # type: ignore[misc]

    def measure(self, batches: Iterator[dict[str, Tensor]]) -> None:
        """Mean and spread of the distances within each domain, over the first `max_items` minibatches."""
        seen = list(islice(batches, self.config.max_items))
        for domain in "AB":
            found = spread(torch.stack([batch[domain] for batch in seen]), self._distances)
            self.get_buffer(f"expectation_{domain}").copy_(found.mean)
            self.get_buffer(f"std_{domain}").copy_(found.std)

    @property
    def _distances(self) -> Distances:
        return self_distance if self.config.use_self_distance else pair_distances

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update the generators, then D_A, then D_B, each on what its pool hands out.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: not used: the pools look at their own size.

        Returns:
            G_A, distance_A, cycle_A, D_A and the same for B, weighted as they enter the objective; G, its sum.
        """
        losses = self._update_generators(batch)
        for side in self._sides:
            made = _other(side)
            netD = self.get_submodule(f"netD_{side}")
            shown = self._shown(f"fake_{made}_pool", self._visuals[f"fake_{made}"], drawn)
            loss = gan_discriminator_both(netD(batch[made]), netD(shown), self.config.gan_mode)
            descend(loss, self._optimizers[f"D_{side}"])
            self._visuals[f"pooled_{made}"] = shown
            losses[f"D_{side}"] = loss.detach()
        return losses

    def _update_generators(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """L = GAN + distances (+ cycles), of one direction or both, the discriminators frozen."""
        config = self.config
        fakes = {_other(side): self.get_submodule(f"netG_{side}")(batch[side]) for side in "AB"}
        losses: dict[str, Tensor] = {}
        with frozen(self.netD_A, self.netD_B):
            for side in self._sides:
                fake = fakes[_other(side)]
                scores = self.get_submodule(f"netD_{side}")(fake)
                losses[f"G_{side}"] = gan_generator(scores, config.gan_mode)
                weight = config.lambda_distance_A if side == "A" else config.lambda_distance_B
                distance = distance_loss(batch[side], fake, self._distances, self._spreads(side))
                losses[f"distance_{side}"] = weight * distance
            if config.use_cycle_loss:
                for side, weight in (("A", config.lambda_A), ("B", config.lambda_B)):
                    other = _other(side)
                    rec = self.get_submodule(f"netG_{other}")(fakes[other])
                    losses[f"cycle_{side}"] = weight * (rec - batch[side]).abs().mean()
            total = torch.stack(list(losses.values())).sum()
            descend(total, self._optimizers["G"])
        self._visuals = {f"fake_{domain}": fake.detach() for domain, fake in fakes.items()}
        return {name: loss.detach() for name, loss in (losses | {"G": total}).items()}

    def _spreads(self, side: str) -> tuple[Spread, Spread] | None:
        if self.config.unnormalized_distances:
            return None
        source, target = (
            Spread(self.get_buffer(f"expectation_{domain}"), self.get_buffer(f"std_{domain}"))
            for domain in (side, _other(side))
        )
        return source, target

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G_A(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG_A(images)


def _other(domain: str) -> str:
    return "B" if domain == "A" else "A"
