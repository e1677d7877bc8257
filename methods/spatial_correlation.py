"""The framework of F-LSeSim: one translation, and a loss between the self-similarities of its input and its output.

Zheng, Cham, Cai, "The Spatially-Correlative Loss for Various Image Translation Tasks", CVPR 2021; where paper and code
differ, lyndonzheng/F-LSeSim 6ca7883 (models/sc_model.py) decides. A method is this class with other defaults; the
equations are in methods/losses/spatial_correlation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.base.weight_files import WeightFile
from bench.method import MethodConfig, StepContext
from methods.colour_jitter import draw_jitter, jitter
from methods.losses.gan_mode import GANMode, gan_discriminator, gan_generator
from methods.losses.spatial_correlation import LossMode, compare_similarity, contrast_similarity, self_similarity
from methods.networks.image_pool import ImagePool
from methods.networks.initialisation import initialise
from methods.networks.patch_selectors import PatchSelectors
from methods.networks.patchgan import PatchGAN
from methods.networks.resnet_generator import ResnetGenerator
from methods.networks.vgg16_features import WIDTHS
from methods.optimisation import adam, at_least_float32, descend, frozen, full_precision, linear_schedule
from methods.pooled import PooledMethod
from methods.regularisers import gradient_penalty
from methods.spatial_features import SpatialFeatures, StandInName

JITTER = (0.5, 0.5, 0.5, 0.3)  # brightness, contrast, saturation, hue


class SpatialCorrelationConfig(MethodConfig):
    """The framework's options under the originals' names; defaults are the published command, scripts/train_sc.sh."""

    n_epochs: int = Field(200, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(200, ge=0, description="epochs over which the learning rate then falls linearly")
    ngf: int = Field(64, ge=1, description="filters of the generator's first convolution")
    ndf: int = Field(64, ge=1, description="filters of the discriminator's first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of the generator (netG resnet_9blocks)")
    n_layers_D: int = Field(3, ge=1, description="halvings in the discriminator")
    lr: float = Field(1e-4, gt=0, description="Adam's initial learning rate, for every network")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    gan_mode: GANMode = Field("lsgan", description="the adversarial loss")
    pool_size: int = Field(50, ge=0, description="generated images remembered")
    lambda_spatial: float = Field(10.0, ge=0, description="weight of the spatially-correlative term")
    lambda_spatial_idt: float = Field(0.0, ge=0, description="weight of the same term between real_B and G(real_B)")
    lambda_identity: float = Field(0.0, ge=0, description="weight of |G(real_B) - real_B|")
    lambda_gradient: float = Field(0.0, ge=0, description="weight of a gradient penalty of the discriminator")
    attn_layers: tuple[Annotated[int, Field(ge=0, le=12)], ...] = Field(
        (4, 7, 9), min_length=1, description="ReLUs of VGG16, counted from 0"
    )
    patch_nums: int = Field(256, ge=0, description="query positions per layer; 0: every one")
    patch_size: int = Field(64, ge=1, description="side of the window that a query is compared with, in feature pixels")
    loss_mode: LossMode = Field("cos", description="how rows of similarities are compared")
    use_norm: bool = Field(False, description="similarities are cosines, and distances L1")
    learned_attn: bool = Field(False, description="LSeSim: selectors, trained to find places again, see the features")
    augment: bool = Field(False, description="LSeSim: recoloured images are positives of the selectors too")
    T: float = Field(0.07, gt=0, description="temperature of the selectors' loss")
    vgg_nc: tuple[int, int, int, int, int] = Field(
        WIDTHS, description="channels of VGG16's blocks; others than the official ones stay as they were drawn"
    )
    pretrained_stand_in: StandInName = Field(
        "none", description="features in the place of VGG16's, whose official weights are not embedded; deviates"
    )

    @field_validator("attn_layers")
    @classmethod
    def _increasing(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)):
            raise ValueError(f"give increasing numbers, not {list(layers)}")
        return layers

    @property
    def maps_identity(self) -> bool:
        """Whether real_B is translated too."""
        return self.lambda_identity > 0 or self.lambda_spatial_idt > 0


class SpatialCorrelation(PooledMethod):
    """L_G = GAN(fake_B) + lambda_spatial S(real_A, fake_B) + lambda_identity |idt_B - real_B|.

    A step: translate; with `learned_attn` update the selectors F; update D on real_B and on what the pool hands out;
    update G. All on the images made first.
    """

    Config: ClassVar[type[MethodConfig]] = SpatialCorrelationConfig
    config: SpatialCorrelationConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG",)
    optional_streams: ClassVar[tuple[str, ...]] = ("A_aug", "B_aug")
    conformance: ClassVar[dict[str, Any]] = {"vgg_nc": (4, 4, 8, 8, 8)}

    def __init__(self, config: SpatialCorrelationConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG = ResnetGenerator(ngf=config.ngf, n_blocks=config.n_blocks)
        self.netD = PatchGAN(ndf=config.ndf, n_layers=config.n_layers_D)
        for name, network in self.named_children():
            initialise(network, "xavier", draws.generator(f"init.{name}"))
        self.features = SpatialFeatures(
            config.pretrained_stand_in, config.attn_layers, config.vgg_nc, draws.generator("init.features")
        )
        trained: dict[str, nn.Module] = {"G": self.netG, "D": self.netD}
        self.netF: PatchSelectors | None = None
        if config.learned_attn:
            self.netF = trained["F"] = PatchSelectors(self.features.channels)
            initialise(self.netF, "normal", draws.generator("init.netF"))
        self.fake_B_pool = ImagePool(config.pool_size)
        betas = (config.beta1, config.beta2)
        self._optimizers = {name: adam(network.parameters(), config.lr, betas) for name, network in trained.items()}
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay)
            for name, optimizer in self._optimizers.items()
        }

    def networks(self) -> dict[str, nn.Module]:
        """G, D, F if there are selectors, and the frozen features: VGG, or `features` where another stands in."""
        name = "VGG" if self.config.pretrained_stand_in != "efficientnet-lite0" else "features"
        return super().networks() | {name: self.features}

    @classmethod
    def weight_files(cls, config: MethodConfig) -> list[WeightFile]:
        """See `Method.weight_files`."""
        assert isinstance(config, SpatialCorrelationConfig)
        file = SpatialFeatures.weight_file(config.pretrained_stand_in, config.vgg_nc)
        return [] if file is None else [file]

    def load_pretrained(self, weights: Path) -> None:
        """See `Method.load_pretrained`."""
        for file in self.weight_files(self.config):
            file.load(weights, self.features.encoder.load_official)

    @property
    def _pools(self) -> dict[str, ImagePool]:
        return {"pool": self.fake_B_pool}

    @property
    def _terms(self) -> list[str]:
        """The self-similarity terms of a step, each with positions of its own, in the order of their draws."""
        config = self.config
        terms = {"selectors": config.learned_attn, "spatial": config.lambda_spatial > 0}
        terms["spatial_idt"] = config.lambda_spatial_idt > 0
        return [name for name, wanted in terms.items() if wanted]

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Positions, recolouring, what the pool does, and how a gradient penalty mixes.

        Returns:
            `TERM.ids/LAYER` for the terms selectors, spatial, spatial_idt; `jitter_A.factors`, `.order`, `jitter_B...`
            unless the batch has A_aug and B_aug; `pool.exchange`, `.place`; `mix`.
        """
        config = self.config
        count, _, *size = context.shapes["A"]
        drawn: dict[str, Tensor] = {}
        if config.patch_nums:
            for term in self._terms:
                for index, (height, width) in enumerate(self.features.map_sizes(tuple(size))):
                    ids = context.draw.permutation(f"{term}.ids", height * width, config.patch_nums)
                    drawn[f"{term}.ids/{index}"] = ids
        if config.learned_attn and config.augment:
            for stream in ("A", "B"):
                if f"{stream}_aug" not in context.shapes:
                    drawn |= draw_jitter(context.draw, f"jitter_{stream}", count, JITTER)
        drawn |= super().draw(context)
        if config.lambda_gradient:
            mix = [context.draw.uniform("mix") for _ in range(count)]
            drawn["mix"] = torch.tensor(mix, dtype=torch.float64)
        return drawn

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Translate, update F, D, then G.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1]; where a record has them, A_aug and B_aug.
            drawn: see `draw`.
            phase: not used: the pool looks at its own size.

        Returns:
            `spatial`, the selectors' loss; D_real, D_fake, D_Gradient, D_A; G_GAN, G_s, G_s_idt_B, idt_B, weighted; G;
            those that exist.
        """
        real_A, real_B = batch["A"], batch["B"]
        both = self.config.maps_identity
        images = self.netG(torch.cat([real_A, real_B]) if both else real_A)
        fake_B, idt_B = images[: len(real_A)], images[len(real_A) :]
        with torch.no_grad():
            maps_A = self.features(real_A)
        losses = {}
        if self.netF is not None:
            losses["spatial"] = self._update_selectors(self.netF, batch, fake_B.detach(), maps_A, drawn)
        pooled_B = self._shown("pool", fake_B, drawn)
        losses |= self._update_discriminator(real_B, pooled_B, drawn)
        losses |= self._update_generator(real_B, fake_B, idt_B, maps_A, drawn)
        self._visuals = {"fake_B": fake_B.detach(), "pooled_B": pooled_B}
        if both:
            self._visuals["idt_B"] = idt_B.detach()
        return losses

    def _update_selectors(
        self,
        netF: PatchSelectors,
        batch: Mapping[str, Tensor],
        fake_B: Tensor,
        maps_A: Sequence[Tensor],
        drawn: Mapping[str, Tensor],
    ) -> Tensor:
        """The selectors' step: real_A finds its places in fake_B (and in a recoloured real_A), not in real_B.

        The other image is turned upside down and mirrored, so that equal places of two images are not alike by chance.
        """
        with torch.no_grad():
            input_maps, target_maps = list(maps_A), self.features(fake_B)
            other_maps = self.features(batch["B"].flip((2, 3)))
            if self.config.augment:
                A_aug, B_aug = (self._recoloured(batch, stream, drawn) for stream in "AB")
                input_maps = _both(input_maps, input_maps)
                target_maps = _both(target_maps, self.features(A_aug))
                other_maps = _both(other_maps, self.features(B_aug.flip((2, 3))))
        chosen = [netF(maps) for maps in (input_maps, target_maps, other_maps)]
        with full_precision(fake_B):
            rows = [self._similarities(maps, "selectors", drawn) for maps in chosen]
            layers = zip(*rows, strict=True)
            by_layer = [contrast_similarity(source, target, other, self.config.T) for source, target, other in layers]
        loss = torch.stack(by_layer).mean()
        descend(loss, self._optimizers["F"])
        return loss.detach()

    def _recoloured(self, batch: Mapping[str, Tensor], stream: str, drawn: Mapping[str, Tensor]) -> Tensor:
        given = batch.get(f"{stream}_aug")
        name = f"jitter_{stream}"
        return jitter(batch[stream], drawn[f"{name}.factors"], drawn[f"{name}.order"]) if given is None else given

    def _similarities(self, maps: Sequence[Tensor], term: str, drawn: Mapping[str, Tensor]) -> list[Tensor]:
        """Per layer the self-similarities of features at the term's positions."""
        patch_size, use_norm = self.config.patch_size, self.config.use_norm
        return [
            self_similarity(at_least_float32(features), drawn.get(f"{term}.ids/{index}"), patch_size, use_norm)
            for index, features in enumerate(maps)
        ]

    def _update_discriminator(self, real_B: Tensor, pooled_B: Tensor, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Half the sum of D's two terms, and the gradient penalty if it has a weight."""
        mode = self.config.gan_mode
        losses = {"D_real": gan_discriminator(self.netD(real_B), True, mode)}
        losses["D_fake"] = gan_discriminator(self.netD(pooled_B), False, mode)
        D = 0.5 * (losses["D_real"] + losses["D_fake"])
        if self.config.lambda_gradient:
            penalty = gradient_penalty(self.netD, real_B, pooled_B, drawn["mix"])
            losses["D_Gradient"] = self.config.lambda_gradient * penalty
            D = D + losses["D_Gradient"]
        descend(D, self._optimizers["D"])
        return {name: loss.detach() for name, loss in (losses | {"D_A": D}).items()}

    def _update_generator(
        self,
        real_B: Tensor,
        fake_B: Tensor,
        idt_B: Tensor,
        maps_A: Sequence[Tensor],
        drawn: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """The generator's step; D, the selectors and the features stay as they are."""
        config = self.config
        with frozen(self.netD, *([self.netF] if self.netF is not None else [])):
            losses = {"G_GAN": gan_generator(self.netD(fake_B), config.gan_mode)}
            if config.lambda_spatial:
                losses["G_s"] = config.lambda_spatial * self._compare(maps_A, fake_B, "spatial", drawn)
            if config.lambda_spatial_idt:
                with torch.no_grad():
                    maps_B = self.features(real_B)
                losses["G_s_idt_B"] = config.lambda_spatial_idt * self._compare(maps_B, idt_B, "spatial_idt", drawn)
            if config.lambda_identity:
                losses["idt_B"] = config.lambda_identity * (real_B - idt_B).abs().mean()
            G = torch.stack(list(losses.values())).sum()
            descend(G, self._optimizers["G"])
        return {name: loss.detach() for name, loss in (losses | {"G": G}).items()}

    def _compare(self, source_maps: Sequence[Tensor], image: Tensor, term: str, drawn: Mapping[str, Tensor]) -> Tensor:
        """How much the self-similarities of an image differ from those behind its source's features, mean over layers."""
        target_maps = self.features(image)
        if self.netF is not None:
            source_maps, target_maps = self.netF(source_maps), self.netF(target_maps)
        loss_mode, use_norm = self.config.loss_mode, self.config.use_norm
        with full_precision(image):
            rows = [self._similarities(maps, term, drawn) for maps in (source_maps, target_maps)]
            by_layer = [
                compare_similarity(source, target, loss_mode, use_norm) for source, target in zip(*rows, strict=True)
            ]
        return torch.stack(by_layer).mean()

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The original logs an identity loss of 0 where it computes none."""
        return {"idt_B": torch.zeros_like(losses["G"])} | losses

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG(images)


def _both(first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
    """Per layer the maps of two minibatches as one."""
    return [torch.cat(maps) for maps in zip(first, second, strict=True)]
