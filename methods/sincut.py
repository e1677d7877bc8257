"""SinCUT: translation between two single pictures, by CUT's patch-wise loss on crops of them; and its rival there.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, supplement;
where paper and code differ, taesungp/contrastive-unpaired-translation b3ac297 (models/sincut_model.py) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.method import Method, MethodConfig, SingleImageConfig, StepContext, Task
from methods.losses.cycle_consistency import Translate, Translations, cycle_terms
from methods.losses.gan_mode import GANMode, gan_discriminator, gan_generator
from methods.networks.equalised import draw_weights
from methods.networks.single_image_discriminator import SingleImageDiscriminator
from methods.networks.single_image_generator import NoisyUpsampling, SingleImageGenerator, fixed_noise
from methods.optimisation import descend, frozen
from methods.patchwise import PatchwiseConfig, PatchwiseTranslation
from methods.regularisers import r1_penalty


class SinCUTConfig(PatchwiseConfig, SingleImageConfig):
    """What `--model sincut` changes."""

    n_epochs: int = Field(8, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(8, ge=0, description="epochs over which the learning rate then falls linearly")
    images_per_epoch: int | None = Field(100_000, ge=1, description="crops in an epoch")
    batch_size: int = Field(16, ge=1, description="crops in a step, which are each other's negatives")
    load_size: int = Field(1024, ge=4, description="not used: pictures are zoomed at random")
    crop_size: int = Field(64, ge=8, description="side of crops, a power of two")
    jitter_off_in_decay: bool = Field(False, description="pictures are zoomed until the end")
    ngf: float = Field(10, gt=0, description="width of the generator: 8 ngf feature maps at 64 pixels")  # type: ignore[assignment]
    ndf: float = Field(8, gt=0, description="width of the discriminator: 4 ndf feature maps at 64 pixels")  # type: ignore[assignment]
    n_blocks: int = Field(6, ge=2, description="residual blocks of the generator")
    stylegan2_G_num_downsampling: int = Field(1, ge=1, description="halvings in the generator")
    lr: float = Field(2e-3, gt=0, description="Adam's initial learning rate, for every network")
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: float = Field(0.99, ge=0, lt=1)
    gan_mode: GANMode = Field("nonsaturating", description="the adversarial loss")
    lambda_NCE: float = Field(4.0, ge=0, description="weight of everything the patch-wise loss returns")
    lambda_R1: float = Field(1.0, ge=0, description="weight of R1, the discriminator's gradient on real crops")
    lambda_identity: float = Field(1.0, ge=0, description="weight of |G(real_B) - real_B|, and of G_B's")
    objective: Literal["patchwise", "cycle"] = Field(
        "patchwise", description="cycle: the paper's rival, a CycleGAN of the same networks on the same crops"
    )
    lambda_cycle: float = Field(10.0, ge=0, description="objective cycle: weight of |G_B(G(A)) - A| and of its mirror")
    tile_size: int | None = Field(
        None, ge=8, description="the paper's D sees tiles of crops; None, released: whole crops"
    )
    nce_layers: tuple[int, ...] = Field((0, 2, 4), description="module indices of the encoder; 0: the crop itself")
    num_patches: int = Field(1, ge=1, description="places per layer, the same in all crops")
    nce_includes_all_negatives_from_minibatch: bool = Field(True, description="the other crops are the negatives")

    @model_validator(mode="after")
    def _fits(self) -> SinCUTConfig:
        for name, side in {"crop_size": self.crop_size, "tile_size": self.D_side}.items():
            if side & (side - 1):
                raise ValueError(f"{name}: {side} is no power of two")
        if self.D_side > self.crop_size:
            raise ValueError(f"tile_size: {self.tile_size} is more than crop_size {self.crop_size}")
        if self.flip_equivariance or self.key_path != "shared":
            raise ValueError("flip_equivariance, key_path: the single-image generator has neither")
        if self.objective == "cycle":
            return self
        if self.lambda_identity and not self.nce_idt:
            raise ValueError("lambda_identity needs nce_idt, which translates real_B")
        last = 1 + self.stylegan2_G_num_downsampling + self.n_blocks // 2
        if any(layer > last for layer in self.nce_layers):
            raise ValueError(f"nce_layers: the encoder of n_blocks {self.n_blocks} ends at {last}; take more blocks")
        return self

    @property
    def D_side(self) -> int:
        """Side of what the discriminator sees, in pixels."""
        return self.tile_size or self.crop_size


class SinCUT(PatchwiseTranslation):
    """L = GAN + (4 PatchNCE(real_A, fake_B) + 4 PatchNCE(real_B, idt_B)) / 2 + |idt_B - real_B|, on crops.

    With `objective: cycle` it is a CycleGAN of these networks: netG_B translates back, netD_B judges its pictures.
    """

    name = "sincut"
    task: ClassVar[Task] = "single_image_translation"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020"
    revision = 1
    source = "taesungp/contrastive-unpaired-translation b3ac297"
    Config: ClassVar[type[MethodConfig]] = SinCUTConfig
    config: SinCUTConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"single-image": {}}  # --model sincut
    official_names: ClassVar[bool] = False  # the program's layers are wrapped otherwise
    conformance: ClassVar[dict[str, Any]] = {"ngf": 0.5, "ndf": 0.25, "crop_size": 32, "batch_size": 2}

    def __init__(self, config: SinCUTConfig, draws: Draws) -> None:
        if config.objective == "patchwise":
            super().__init__(config, draws)
            return
        Method.__init__(self, config, draws)
        self._build_networks(draws)
        self._optimise(
            {
                "G": [*self.netG.parameters(), *self.netG_B.parameters()],
                "D": [*self.netD.parameters(), *self.netD_B.parameters()],
            }
        )

    def _build_networks(self, draws: Draws) -> None:
        self.netG: Any = self._generator(draws.generator("init.netG"))
        self.netD: Any = self._discriminator(draws.generator("init.netD"))
        if self.config.objective == "cycle":
            self.netG_B: Any = self._generator(draws.generator("init.netG_B"))
            self.netD_B: Any = self._discriminator(draws.generator("init.netD_B"))

    def _generator(self, stream: torch.Generator) -> nn.Module:
        config = self.config
        netG = SingleImageGenerator(config.ngf, config.crop_size, config.n_blocks, config.stylegan2_G_num_downsampling)
        draw_weights(netG, stream)
        for module in netG.modules():
            if isinstance(module, NoisyUpsampling):
                torch.nn.init.zeros_(module.noise.weight)
        return netG

    def _discriminator(self, stream: torch.Generator) -> nn.Module:
        return draw_weights(SingleImageDiscriminator(self.config.ndf, self.config.D_side), stream)

    def networks(self) -> dict[str, nn.Module]:
        """G, D, F and the loss's; with the cycle G, D, G_B and D_B."""
        return super().networks() if self.config.objective == "patchwise" else Method.networks(self)

    @property
    def depends_on_epoch(self) -> bool:
        """Whether the loss does; the cycle does not."""
        return self.config.objective == "patchwise" and super().depends_on_epoch

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """`noise/UPSAMPLING` of all translated crops; the rest as CUT.

        With the cycle `noise`, `noise_B` (of G_B), `noise_rec_A` and `noise_rec_B`.
        """
        count, _, *size = context.shapes["A"]
        sizes = self.netG.noise_sizes(tuple(size))

        def noise(purpose: str, passes: int) -> dict[str, Tensor]:
            shapes = [(count * passes, 1, *side) for side in sizes]
            return {f"{purpose}/{k}": context.draw.normal(purpose, shape) for k, shape in enumerate(shapes)}

        if self.config.objective == "patchwise":
            return noise("noise", len(self._kinds)) | super().draw(context)
        passes = 2 if self.config.lambda_identity else 1
        firsts = noise("noise", passes) | noise("noise_B", passes)
        return firsts | noise("noise_rec_A", 1) | noise("noise_rec_B", 1)

    def _noise(self, drawn: Mapping[str, Tensor], purpose: str, like: Tensor) -> list[Tensor]:
        return [drawn[f"{purpose}/{k}"].to(like.dtype) for k in range(self.netG.halvings)]

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """As CUT's; with the cycle as CycleGAN's: both generators, then both discriminators, here without pools.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: not used.

        Returns:
            What CUT's returns, with idt and D_R1; with the cycle G_GAN, cycle, idt, D_fake, D_real, D_R1, D and, of the
            way back, the same with `_B`.
        """
        if self.config.objective == "patchwise":
            return super().step(batch, drawn, phase)
        real_A, real_B = batch["A"], batch["B"]
        G, G_B = self._translator(self.netG, drawn), self._translator(self.netG_B, drawn)
        made = Translations.of(real_A, real_B, self.config.lambda_identity > 0, G, G_B)
        with frozen(self.netD, self.netD_B):
            terms = {
                "G_GAN": self.config.lambda_GAN * self._generator_term(self.netD, made.fake_B),
                "G_GAN_B": self.config.lambda_GAN * self._generator_term(self.netD_B, made.fake_A),
            } | cycle_terms(real_A, real_B, made, self.config.lambda_cycle, self.config.lambda_identity)
            total = torch.stack(list(terms.values())).sum()
            descend(total, self._optimizers["G"])
        of_D = self._discriminator_terms(self.netD, made.fake_B, real_B)
        of_D_B = self._discriminator_terms(self.netD_B, made.fake_A, real_A)
        descend(of_D["D"] + of_D_B["D"], self._optimizers["D"])
        self._visuals = made.detached()
        losses = terms | {"G": total} | of_D | {f"{name}_B": loss for name, loss in of_D_B.items()}
        return {name: loss.detach() for name, loss in losses.items()}

    def _translator(self, netG: nn.Module, drawn: Mapping[str, Tensor]) -> Translate:
        return lambda images, purpose: netG(images, self._noise(drawn, purpose, images))

    def _translate_and_encode(
        self, real: Tensor, flipped: bool, drawn: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        noise = self._noise(drawn, "noise", real)
        fake, key_maps = self.netG.forward_with_features(real, self.config.nce_layers, noise)
        return fake, key_maps if self.loss.needs_key_graph else [features.detach() for features in key_maps]

    def _tiles(self, crops: Tensor) -> Tensor:
        """(batch, 3, crop, crop) as D sees them: (batch tiles, 3, side, side)."""
        side = self.config.D_side
        return (
            crops
            if side == crops.shape[-1]
            else crops.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, side, side)
        )

    def _generator_term(self, netD: nn.Module, fake: Tensor) -> Tensor:
        return gan_generator(netD(self._tiles(fake)), self.config.gan_mode)

    def _discriminator_terms(self, netD: nn.Module, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """D's two terms, half of R1 on the real crops, and what D minimises: half the sum of the first two, and R1's."""
        mode = self.config.gan_mode
        real = self._tiles(real).detach().requires_grad_()
        scores = netD(real)
        losses = {"D_fake": gan_discriminator(netD(self._tiles(fake).detach()), False, mode)}
        losses["D_real"] = gan_discriminator(scores, True, mode)
        D = 0.5 * (losses["D_fake"] + losses["D_real"])
        if self.config.lambda_R1:
            losses["D_R1"] = 0.5 * self.config.lambda_R1 * r1_penalty(scores, [real]).mean()
            D = D + losses["D_R1"]
        return losses | {"D": D}

    def _update_discriminator(self, fake_B: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        losses = self._discriminator_terms(self.netD, fake_B, real_B)
        descend(losses["D"], self._optimizers["D"])
        return {name: loss.detach() for name, loss in losses.items()}

    def _image_terms(self, fake: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """The adversarial term, and the L1 distance of real_B from its own translation."""
        fake_B, idt_B = fake[: len(real_B)], fake[len(real_B) :]
        terms = {"G_GAN": self.config.lambda_GAN * self._generator_term(self.netD, fake_B)}
        if self.config.lambda_identity:
            terms["idt"] = self.config.lambda_identity * (idt_B - real_B).abs().mean()
        return terms

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images), cut off to [-1, 1]: (batch, 3, H, W) of any even size; the noise is the same in every call."""
        noise = fixed_noise(self.netG.noise_sizes(tuple(images.shape[2:])), len(images), images)
        return self.netG(images, noise).clamp(-1, 1)
