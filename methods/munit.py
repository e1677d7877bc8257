"""MUNIT: Huang, Liu, Belongie, Kautz, "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018.

Where paper and code differ, NVlabs/MUNIT a82e222 (trainer.py) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.optim.lr_scheduler import LambdaLR

from bench.base.randomness import Draws
from bench.base.weight_files import WeightFile
from bench.method import Method, MethodConfig, StepContext, Task
from methods.losses.gan_mode import GANMode
from methods.losses.munit import discriminator_loss, generator_loss, perceptual, reconstructions
from methods.networks.caffe_vgg16 import CaffeVGG16
from methods.networks.image_layer_norm import ImageLayerNorm
from methods.networks.initialisation import initialise
from methods.networks.munit_generator import MUNITGenerator
from methods.networks.reflect_discriminator import ReflectDiscriminator
from methods.networks.vgg16_features import WIDTHS
from methods.optimisation import adam, descend, frozen

VGG16_FILE = WeightFile(
    name="vgg16.weight",
    sha256="",  # none is published: the program makes the file of a download in an older format
    purpose="MUNIT's perceptual loss (vgg_w)",
    origin="NVlabs/MUNIT a82e222 writes it, utils.py, load_vgg16",
)
YOSEMITE = {"recon_x_cyc_w": 10.0}  # configs/summer2winter_yosemite256_folder.yaml: unpaired photographs at 256


class MUNITConfig(MethodConfig):
    """The released configurations' keys; defaults are those of edges2shoes, which only recon_x_cyc_w changes elsewhere."""

    n_epochs: int = Field(750, ge=1, description="epochs; the program counts 1,000,000 iterations")
    n_epochs_decay: int = Field(0, ge=0, description="more epochs: the rate falls by iterations, not by epochs")
    load_size: int = Field(
        256, ge=4, description="side to which training images are resized before cropping (new_size)"
    )
    ngf: int = Field(64, ge=1, description="filters of the generators' first convolutions (gen dim)")
    mlp_dim: int = Field(256, ge=1, description="width of the MLP that makes a style into norms' weights")
    style_dim: int = Field(8, ge=1, description="numbers of a style")
    n_downsample: int = Field(2, ge=0, description="halvings of the content")
    n_res: int = Field(4, ge=1, description="residual blocks of content encoder and of decoder")
    ndf: int = Field(64, ge=1, description="filters of the discriminators' first convolutions (dis dim)")
    n_layers_D: int = Field(4, ge=1, description="halvings in a discriminator (dis n_layer)")
    num_scales: int = Field(3, ge=1, description="scales that are judged")
    gan_type: Literal["lsgan", "nsgan"] = Field("lsgan", description="least squares or cross entropy")
    lr: float = Field(1e-4, gt=0, description="Adam's initial learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, description="times the weights, added to the gradients")
    step_size: int = Field(100_000, ge=1, description="iterations after which the learning rate is lowered")
    gamma: float = Field(0.5, gt=0, le=1, description="by this factor")
    gan_w: float = Field(1.0, ge=0, description="weight of the adversarial terms")
    recon_x_w: float = Field(10.0, ge=0, description="weight of images coming back from their own codes")
    recon_s_w: float = Field(1.0, ge=0, description="weight of styles coming back")
    recon_c_w: float = Field(1.0, ge=0, description="weight of contents coming back")
    recon_x_cyc_w: float = Field(0.0, ge=0, description="weight of images coming back from their translations")
    vgg_w: float = Field(
        0.0, ge=0, description="weight of VGG16's features staying as they were; 1 for synthia2cityscape"
    )
    vgg_nc: tuple[int, int, int, int, int] = Field(
        WIDTHS, description="channels of VGG16's blocks; others than the official ones stay as they were drawn"
    )
    stretch: bool = Field(
        False, description="stretch every translated image to the full range, as the program saves them"
    )

    @model_serializer(mode="wrap")
    def _without_vgg(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Nothing of VGG where it is not looked at: the keys of runs from before these options stay as they were."""
        values: dict[str, Any] = handler(self)
        return values if self.vgg_w > 0 else {k: v for k, v in values.items() if not k.startswith("vgg_")}

    @property
    def gan_mode(self) -> GANMode:
        """What `gan_type` is called elsewhere."""
        return "lsgan" if self.gan_type == "lsgan" else "vanilla"


class MUNIT(Method):
    """An auto-encoder per domain with content and style apart; translating is decoding a content with a drawn style.

    gen_a and dis_a are of domain A. Which style an image gets is not learnt: every draw from N(0, I) is one translation.
    """

    name = "munit"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Huang et al., Multimodal Unsupervised Image-to-Image Translation, ECCV 2018"
    revision = 1
    source = "NVlabs/MUNIT a82e222"
    Config: ClassVar[type[MethodConfig]] = MUNITConfig
    config: MUNITConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netgen_a", "netgen_b")
    backward_networks: ClassVar[tuple[str, ...]] = ("netgen_a", "netgen_b")
    # no configuration for these is published; the nearest one is, in epochs of about 1,000,000 images
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "horse2zebra": {"n_epochs": 750} | YOSEMITE,
        "cityscapes": {"n_epochs": 336} | YOSEMITE,
    }

    def __init__(self, config: MUNITConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        sizes = (config.ngf, config.style_dim, config.mlp_dim, config.n_downsample, config.n_res)
        self.netgen_a, self.netgen_b = MUNITGenerator(*sizes), MUNITGenerator(*sizes)
        judge = (config.ndf, config.n_layers_D, config.num_scales)
        self.netdis_a, self.netdis_b = ReflectDiscriminator(*judge), ReflectDiscriminator(*judge)
        for name, network in self.named_children():
            generator = draws.generator(f"init.{name}")
            initialise(network, "kaiming" if name.startswith("netgen") else "normal", generator)
            for norm in (module for module in network.modules() if isinstance(module, ImageLayerNorm)):
                norm.initialise(generator)
        self.vgg = CaffeVGG16(config.vgg_nc, draws.generator("init.vgg")) if config.vgg_w > 0 else None
        for side in ("dis", "gen"):
            both = [p for name, net in self.networks().items() if name.startswith(side) for p in net.parameters()]
            optimizer = adam(both, config.lr, (config.beta1, config.beta2), config.weight_decay)
            self._optimizers[side] = optimizer
            # the program steps the schedule before each update: iteration i (from 1) has gamma ** (i // step_size)
            self._schedulers[side] = LambdaLR(optimizer, lambda done: config.gamma ** ((done + 1) // config.step_size))

    def networks(self) -> dict[str, nn.Module]:
        """gen_a, gen_b, dis_a, dis_b, and the frozen VGG if the loss looks at it."""
        return super().networks() | ({} if self.vgg is None else {"VGG": self.vgg})

    @classmethod
    def weight_files(cls, config: MethodConfig) -> list[WeightFile]:
        """See `Method.weight_files`."""
        assert isinstance(config, MUNITConfig)
        return [VGG16_FILE] if config.vgg_w > 0 and config.vgg_nc == WIDTHS else []

    def load_pretrained(self, weights: Path) -> None:
        """See `Method.load_pretrained`."""
        for file in self.weight_files(self.config):
            assert self.vgg is not None  # there is a file only for one
            file.load(weights, self.vgg.load_official)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Styles (batch, style_dim, 1, 1) for a and b, of the discriminators' update, then of the generators'."""
        shape = (context.shapes["A"][0], self.config.style_dim, 1, 1)
        return {f"{side}.s_{d}": context.draw.normal(f"{side}.s_{d}", shape) for side in ("dis", "gen") for d in "ab"}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update both discriminators, then both generators, with styles of their own; then lower the rate if it is time.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: not used.

        Returns:
            The program's loss_* by their names, without weights; `dis_total` and `gen_total` are the objectives.
        """
        x_a, x_b = batch["A"], batch["B"]
        losses = self._update_discriminators(x_a, x_b, drawn["dis.s_a"], drawn["dis.s_b"])
        losses |= self._update_generators(x_a, x_b, drawn["gen.s_a"], drawn["gen.s_b"])
        for scheduler in self._schedulers.values():
            scheduler.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def _update_discriminators(self, x_a: Tensor, x_b: Tensor, s_a: Tensor, s_b: Tensor) -> dict[str, Tensor]:
        mode = self.config.gan_mode
        with torch.no_grad():
            c_a, c_b = self.netgen_a.enc_content(x_a), self.netgen_b.enc_content(x_b)
            x_ba, x_ab = self.netgen_a.decode(c_b, s_a), self.netgen_b.decode(c_a, s_b)
        losses = {
            "dis_a": discriminator_loss(self.netdis_a(x_ba), self.netdis_a(x_a), mode),
            "dis_b": discriminator_loss(self.netdis_b(x_ab), self.netdis_b(x_b), mode),
        }
        losses["dis_total"] = self.config.gan_w * (losses["dis_a"] + losses["dis_b"])
        descend(losses["dis_total"], self._optimizers["dis"])
        return losses

    def _update_generators(self, x_a: Tensor, x_b: Tensor, s_a: Tensor, s_b: Tensor) -> dict[str, Tensor]:
        """gan_w GAN + recon_x_w |x_aa - x_a| + recon_s_w |s_a' - s_a| + recon_c_w |c_a' - c_a| + ..., both domains."""
        config, gen_a, gen_b = self.config, self.netgen_a, self.netgen_b
        (c_a, own_a), (c_b, own_b) = gen_a.encode(x_a), gen_b.encode(x_b)
        x_aa, x_bb = gen_a.decode(c_a, own_a), gen_b.decode(c_b, own_b)
        x_ba, x_ab = gen_a.decode(c_b, s_a), gen_b.decode(c_a, s_b)
        (c_b2, s_a2), (c_a2, s_b2) = gen_a.encode(x_ba), gen_b.encode(x_ab)
        terms = {
            "a": dict(reconstructions(x_a, x_aa, c_a, c_a2, s_a, s_a2)),
            "b": dict(reconstructions(x_b, x_bb, c_b, c_b2, s_b, s_b2)),
        }
        if config.recon_x_cyc_w > 0:
            terms["a"]["cycrecon_x"] = l1_loss(gen_a.decode(c_a2, own_a), x_a)
            terms["b"]["cycrecon_x"] = l1_loss(gen_b.decode(c_b2, own_b), x_b)
        if self.vgg is not None:
            with torch.no_grad():
                shown_a, shown_b = self.vgg(x_a), self.vgg(x_b)
            terms["a"]["vgg"] = perceptual(self.vgg(x_ba), shown_b)
            terms["b"]["vgg"] = perceptual(self.vgg(x_ab), shown_a)
        with frozen(self.netdis_a, self.netdis_b):
            terms["a"]["adv"] = generator_loss(self.netdis_a(x_ba), config.gan_mode)
            terms["b"]["adv"] = generator_loss(self.netdis_b(x_ab), config.gan_mode)
            weights = {
                "adv": config.gan_w,
                "recon_x": config.recon_x_w,
                "recon_s": config.recon_s_w,
                "recon_c": config.recon_c_w,
                "cycrecon_x": config.recon_x_cyc_w,
                "vgg": config.vgg_w,
            }
            weighted = [weights[term] * loss for of_domain in terms.values() for term, loss in of_domain.items()]
            total = torch.stack(weighted).sum()
            descend(total, self._optimizers["gen"])
        self._visuals = {"fake_A": x_ba.detach(), "fake_B": x_ab.detach()}
        losses = {f"gen_{term}_{d}": loss for d, of_domain in terms.items() for term, loss in of_domain.items()}
        return losses | {"gen_total": total}

    def end_epoch(self) -> None:
        """Nothing: the schedule counts iterations."""

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Adds as 0 the terms that are not computed, as the released program logs them."""
        absent = [f"gen_{term}_{domain}" for term in ("cycrecon_x", "vgg") for domain in "ab"]
        return {name: torch.zeros_like(losses["gen_total"]) for name in absent} | losses

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """N styles (n, style_dim, 1, 1) from N(0, I), on the method's device."""
        style = torch.randn(n, self.config.style_dim, 1, 1, generator=stream)
        return style.to(next(self.parameters()))

    @torch.no_grad()
    def translate(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """A to B: (batch, 3, H, W) in [-1, 1] to the same shape and range.

        Args:
            images: of domain A.
            style: (batch, style_dim, 1, 1) of domain B; None: one fixed draw for all images.
        """
        return self._decoded(self.netgen_a.enc_content(images), self.netgen_b, style)

    @torch.no_grad()
    def translate_back(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """B to A; see `translate`, with styles of domain A."""
        return self._decoded(self.netgen_b.enc_content(images), self.netgen_a, style)

    def _decoded(self, content: Tensor, generator: MUNITGenerator, style: Tensor | None) -> Tensor:
        if style is None:
            style = self.latents(1, torch.Generator().manual_seed(0)).expand(len(content), -1, -1, -1)
        made = generator.decode(content, style)
        return stretched(made) if self.config.stretch else made


def stretched(images: Tensor) -> Tensor:
    """Each image's smallest value to -1 and its largest to 1, as torchvision's save_image(normalize=True) does.

    Examples:
        >>> stretched(torch.tensor([[[[0.0, 0.5]]]])).flatten()
        tensor([-1.,  1.])
    """
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images - low) / (high - low).clamp_min(2e-5) * 2 - 1
