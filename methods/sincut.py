"""SinCUT: translation between two single pictures, by CUT's patch-wise loss on crops of them.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020, supplement;
where paper and code differ, taesungp/contrastive-unpaired-translation b3ac297 (models/sincut_model.py) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor

from bench.base.randomness import Draws
from bench.method import MethodConfig, StepContext, Task
from methods.losses.gan_mode import GANMode, gan_discriminator, gan_generator
from methods.networks.equalised import draw_weights
from methods.networks.single_image_discriminator import SingleImageDiscriminator
from methods.networks.single_image_generator import NoisyUpsampling, SingleImageGenerator, fixed_noise
from methods.optimisation import descend
from methods.patchwise import PatchwiseConfig, PatchwiseTranslation
from methods.regularisers import r1_penalty


class SinCUTConfig(PatchwiseConfig):
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
    lambda_identity: float = Field(1.0, ge=0, description="weight of |G(real_B) - real_B|")
    nce_layers: tuple[int, ...] = Field((0, 2, 4), description="module indices of the encoder; 0: the crop itself")
    num_patches: int = Field(1, ge=1, description="places per layer, the same in all crops")
    nce_includes_all_negatives_from_minibatch: bool = Field(True, description="the other crops are the negatives")

    @model_validator(mode="after")
    def _fits(self) -> SinCUTConfig:
        if self.crop_size & (self.crop_size - 1):
            raise ValueError(f"crop_size: {self.crop_size} is no power of two")
        if self.flip_equivariance or self.key_path != "shared":
            raise ValueError("flip_equivariance, key_path: the single-image generator has neither")
        if self.lambda_identity and not self.nce_idt:
            raise ValueError("lambda_identity needs nce_idt, which translates real_B")
        return self


class SinCUT(PatchwiseTranslation):
    """L = GAN + (4 PatchNCE(real_A, fake_B) + 4 PatchNCE(real_B, idt_B)) / 2 + |idt_B - real_B|, on crops."""

    name = "sincut"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Park et al., Contrastive Learning for Unpaired Image-to-Image Translation, ECCV 2020"
    revision = 1
    source = "taesungp/contrastive-unpaired-translation b3ac297"
    Config: ClassVar[type[MethodConfig]] = SinCUTConfig
    config: SinCUTConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"single-image": {}}  # --model sincut
    conformance: ClassVar[dict[str, Any]] = {"ngf": 0.5, "ndf": 0.25, "crop_size": 32, "batch_size": 2}

    def _build_networks(self, draws: Draws) -> None:
        config = self.config
        netG = SingleImageGenerator(config.ngf, config.crop_size, config.n_blocks, config.stylegan2_G_num_downsampling)
        self.netG: Any = netG
        self.netD = SingleImageDiscriminator(config.ndf, config.crop_size)
        for name, network in self.named_children():
            draw_weights(network, draws.generator(f"init.{name}"))
        for module in netG.modules():
            if isinstance(module, NoisyUpsampling):
                torch.nn.init.zeros_(module.noise.weight)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """`noise/UPSAMPLING` of all translated crops; the rest as CUT."""
        count, _, *size = context.shapes["A"]
        count *= len(self._kinds)
        sizes = self.netG.noise_sizes(tuple(size))
        noise = {f"noise/{k}": context.draw.normal("noise", (count, 1, *sizes[k])) for k in range(len(sizes))}
        return noise | super().draw(context)

    def _translate_and_encode(
        self, real: Tensor, flipped: bool, drawn: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        noise = [drawn[f"noise/{k}"].to(real.dtype) for k in range(self.netG.halvings)]
        fake, key_maps = self.netG.forward_with_features(real, self.config.nce_layers, noise)
        return fake, key_maps if self.loss.needs_key_graph else [features.detach() for features in key_maps]

    def _update_discriminator(self, fake_B: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """Half the sum of D's two terms, and half of R1 on the real crops, in every step."""
        mode = self.config.gan_mode
        real_B = real_B.detach().requires_grad_()
        scores = self.netD(real_B)
        losses = {"D_fake": gan_discriminator(self.netD(fake_B.detach()), False, mode)}
        losses["D_real"] = gan_discriminator(scores, True, mode)
        D = 0.5 * (losses["D_fake"] + losses["D_real"])
        if self.config.lambda_R1:
            losses["D_R1"] = 0.5 * self.config.lambda_R1 * r1_penalty(scores, [real_B]).mean()
            D = D + losses["D_R1"]
        descend(D, self._optimizers["D"])
        return {name: loss.detach() for name, loss in (losses | {"D": D}).items()}

    def _image_terms(self, fake: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """The adversarial term, and the L1 distance of real_B from its own translation."""
        fake_B, idt_B = fake[: len(real_B)], fake[len(real_B) :]
        terms = {"G_GAN": self.config.lambda_GAN * gan_generator(self.netD(fake_B), self.config.gan_mode)}
        if self.config.lambda_identity:
            terms["idt"] = self.config.lambda_identity * (idt_B - real_B).abs().mean()
        return terms

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images), cut off to [-1, 1]: (batch, 3, H, W) of any even size; the noise is the same in every call."""
        noise = fixed_noise(self.netG.noise_sizes(tuple(images.shape[2:])), len(images), images)
        return self.netG(images, noise).clamp(-1, 1)
