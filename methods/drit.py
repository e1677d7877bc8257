"""DRIT and DRIT++: Lee, Tseng, Huang, Singh, Yang, ECCV 2018; Lee, Tseng, Mao, Huang, Lu, Singh, Yang, IJCV 2020.

Where paper and code differ, HsinYingLee/DRIT f19f50a (model.py, train.py) decides: DRIT++, with mode seeking unless `no_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from bench.base.randomness import Draws
from bench.method import Method, MethodConfig, StepContext, Task
from methods.losses.drit import (
    content_discriminator_loss,
    content_generator_loss,
    image_discriminator_loss,
    image_generator_loss,
    kl_divergence,
    mode_seeking,
)
from methods.networks.drit_attribute_encoder import DRITAttributeEncoder
from methods.networks.drit_content_encoder import Domain, DRITContentEncoder, content_size
from methods.networks.drit_discriminator import ContentDiscriminator, SingleScaleDiscriminator, draw_spectral
from methods.networks.drit_generator import DRITConcatGenerator, DRITMixingGenerator
from methods.networks.initialisation import initialise
from methods.networks.reflect_discriminator import ReflectDiscriminator
from methods.networks.spectral_norm import SpectralConv2d
from methods.optimisation import adam, descend, frozen, linear_schedule, two_updates

RECONSTRUCTION, LATENT, REGULARISER = 10.0, 10.0, 0.01  # weights that the program has no options for
MAX_NORM = 5.0  # of the content discriminator's gradient


class DRITConfig(MethodConfig):
    """The released program's options and defaults."""

    n_epochs: int = Field(600, ge=1, description="epochs at the initial learning rate (n_ep_decay)")
    n_epochs_decay: int = Field(600, ge=0, description="epochs over which it then falls (n_ep - n_ep_decay)")
    batch_size: int = Field(
        2, ge=2, description="one image for encoded attributes, the rest to compare random ones with"
    )
    load_size: int = Field(
        256, ge=4, description="side to which training images are resized before cropping (resize_size)"
    )
    crop_size: int = Field(216, ge=4, description="side of training crops and of test images")
    ngf: int = Field(
        64, ge=1, description="filters of the content encoder's first convolution; contents have 4 times so many"
    )
    nef: int = Field(64, ge=1, description="filters of the attribute encoders' first convolutions")
    ndf: int = Field(64, ge=1, description="filters of the image discriminators' first convolutions")
    nz: int = Field(8, ge=1, description="numbers of an attribute")
    mlp_dim: int = Field(256, ge=1, description="width of the MLPs, without concat")
    concat: bool = Field(
        True, description="append attributes to features, encoded as distributions; or else mix them in"
    )
    no_ms: bool = Field(False, description="no mode seeking (DRIT of 2018)")
    dis_scale: int = Field(3, ge=1, description="scales at which images are judged; 1: by another network")
    dis_spectral_norm: bool = Field(False, description="spectral norm in the image discriminators")
    n_layers_D: int = Field(4, ge=1, description="halvings in an image discriminator, if there are several scales")
    n_layers_content: int = Field(3, ge=0, description="strided convolutions of the content discriminator")
    d_iter: int = Field(
        3, ge=1, description="of so many iterations all but the last train the content discriminator alone"
    )
    variant: Literal["released", "clean"] = Field(
        "released",
        description="second update of an iteration: mixed gradient of torch 0.4, or that of the same weights",
    )
    lr: float = Field(1e-4, gt=0, description="Adam's initial learning rate")
    lr_dcontent: float = Field(4e-5, gt=0, description="that of the content discriminator (lr / 2.5)")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, description="times the weights, added to the gradients")

    @model_serializer(mode="wrap")
    def _without_spectral_norm(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Nothing of it where it is off: the keys of runs from before this option stay as they were."""
        values: dict[str, Any] = handler(self)
        return {key: value for key, value in values.items() if key != "dis_spectral_norm" or value}

    @model_validator(mode="after")
    def _contents_are_large_enough(self) -> DRITConfig:
        side, least = content_size(self.crop_size, 1)[0], ContentDiscriminator.least_side(self.n_layers_content)
        if side < least:
            raise ValueError(
                f"n_layers_content {self.n_layers_content} needs images of {4 * least} pixels, crop_size is "
                f"{self.crop_size}; take fewer layers or larger crops"
            )
        return self


@dataclass(frozen=True)
class Forward:
    """Everything that a full iteration computes before its first update, by the program's names.

    Attributes:
        c_a, c_b: contents of the encoded images.
        attributes: for each domain mean and log-variance of the encoded image's attribute.
        encoded: images of the other domain's content and the encoded attribute.
        same: images of their own content and attribute.
        random: images of the other domain's content and a random attribute; other: likewise of another one.
        back: the encoded images, by way of the other domain.
        found: attributes that are found in `random`.
        z: the random attribute; z_other: the other one.
    """

    c_a: Tensor
    c_b: Tensor
    attributes: dict[Domain, tuple[Tensor, Tensor | None]]
    encoded: dict[Domain, Tensor]
    same: dict[Domain, Tensor]
    random: dict[Domain, Tensor]
    other: dict[Domain, Tensor]
    back: dict[Domain, Tensor]
    found: dict[Domain, Tensor]
    z: Tensor
    z_other: Tensor | None


DOMAINS: tuple[Domain, Domain] = ("a", "b")


class DRIT(Method):
    """Contents of which no discriminator can tell the domain, and attributes; translating is decoding with another's.

    Iterations are of two phases: `content` updates the content discriminator alone, `full` all discriminators, then encoders
    and generators, then content encoder and generators once more.
    """

    name = "drit"
    task: ClassVar[Task] = "unpaired_translation"
    citation = "Lee et al., DRIT++: Diverse Image-to-Image Translation via Disentangled Representations, IJCV 2020"
    revision = 1
    source = "HsinYingLee/DRIT f19f50a"
    Config: ClassVar[type[MethodConfig]] = DRITConfig
    config: DRITConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netenc_c", "netgen")
    backward_networks: ClassVar[tuple[str, ...]] = ("netenc_c", "netgen")
    conformance: ClassVar[dict[str, Any]] = {"n_layers_content": 1, "d_iter": 2, "nef": 4, "mlp_dim": 8}
    # README: one command for pairs of domains of like shapes; none is published for these
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"horse2zebra": {}, "cityscapes": {}}

    def __init__(self, config: DRITConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        channels = 4 * config.ngf
        self.netenc_c = DRITContentEncoder(config.ngf)
        self.netenc_a = DRITAttributeEncoder(config.nef, config.nz, config.concat)
        self.netgen = (
            DRITConcatGenerator(channels, config.nz)
            if config.concat
            else DRITMixingGenerator(channels, config.nz, config.mlp_dim)
        )
        self.netdisA, self.netdisB, self.netdisA2, self.netdisB2 = (self._image_discriminator() for _ in range(4))
        self.netdisContent = ContentDiscriminator(channels, config.n_layers_content)
        betas = (config.beta1, config.beta2)
        for name, network in self.networks().items():
            generator = draws.generator(f"init.net{name}")
            initialise(network, "normal", generator, biases="torch")
            for layer in network.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.kaiming_uniform_(layer.weight, 5**0.5, generator=generator)  # as torch makes them
                elif isinstance(layer, SpectralConv2d):
                    draw_spectral(layer, generator)
            lr = config.lr_dcontent if name == "disContent" else config.lr
            self._optimizers[name] = adam(network.parameters(), lr, betas, config.weight_decay)
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay, early=-1)
            for name, optimizer in self._optimizers.items()
        }
        self._second: dict[str, dict[nn.Parameter, Tensor]] = {}

    def _image_discriminator(self) -> nn.Module:
        config = self.config
        if config.dis_scale == 1:
            return SingleScaleDiscriminator(config.ndf, spectral=config.dis_spectral_norm)
        return ReflectDiscriminator(config.ndf, config.n_layers_D, config.dis_scale, 0.01, config.dis_spectral_norm)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Noise of contents and attributes, in the order in which the program draws it.

        `content.a`, `.b` (1, C, h, w); of full iterations also `attribute.a`, `.b` (1, nz; with concat), the random
        attributes `z`, `z_other` (1, nz; the second for mode seeking), then `content_again.a`, `.b`, where a is added to
        the content that is found in the translation to A, and `attribute_again.a`, `.b`.
        """
        config, draw = self.config, context.draw
        map_shape = (1, 4 * config.ngf, *content_size(*context.shapes["A"][2:]))
        code_shape = (1, config.nz)
        drawn = {f"content.{d}": draw.normal(f"content.{d}", map_shape) for d in DOMAINS}
        if self._trains_content_alone(context):
            return drawn
        names = [f"attribute.{d}" for d in DOMAINS] if config.concat else []
        names += ["z"] if config.no_ms else ["z", "z_other"]
        drawn |= {name: draw.normal(name, code_shape) for name in names}
        drawn |= {f"content_again.{d}": draw.normal(f"content_again.{d}", map_shape) for d in DOMAINS}
        if config.concat:
            drawn |= {f"attribute_again.{d}": draw.normal(f"attribute_again.{d}", code_shape) for d in DOMAINS}
        return drawn

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """`content` or `full`."""
        return "content" if self._trains_content_alone(context) else "full"

    def _trains_content_alone(self, context: StepContext) -> bool:
        """All but every d_iter-th iteration of an epoch, and never its last two."""
        per_epoch = context.total_steps // context.total_epochs
        iteration = context.step - (context.epoch - 1) * per_epoch
        return (iteration + 1) % self.config.d_iter != 0 and iteration < per_epoch - 2

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Make one iteration.

        Args:
            batch: A and B, (2 or more, 3, H, W) in [-1, 1]; the first of each is encoded, the others are shown to the
                discriminators of images with random attributes.
            drawn: see `draw`.
            phase: `content` or `full`.

        Returns:
            The program's losses by their names, weighted as they enter the objectives; `G` is that of the first update.
        """
        real: dict[Domain, tuple[Tensor, Tensor]] = {}
        for domain, stream in zip(DOMAINS, "AB", strict=True):
            real[domain] = (batch[stream][:1], batch[stream][1:])
        if phase == "content":
            with torch.no_grad():
                c_a, c_b = (self.netenc_c(real[d][0], d, drawn[f"content.{d}"]) for d in DOMAINS)
            return {"disContent": self._update_content_discriminator(c_a, c_b).detach()}
        made = self._forward(real, drawn)
        losses = self._update_discriminators(real, made)
        losses |= self._update_generators(real, made)
        self._visuals = {f"fake_{d.upper()}_random": made.random[d].detach() for d in DOMAINS}
        self._visuals |= {f"fake_{d.upper()}_encoded": made.encoded[d].detach() for d in DOMAINS}
        return {name: loss.detach() for name, loss in losses.items()}

    def _forward(self, real: dict[Domain, tuple[Tensor, Tensor]], drawn: Mapping[str, Tensor]) -> Forward:
        """Contents exchanged and exchanged back, attributes encoded and drawn; every image once, before any update."""
        enc_c, enc_a, gen = self.netenc_c, self.netenc_a, self.netgen
        c_a, c_b = (enc_c(real[d][0], d, drawn[f"content.{d}"]) for d in DOMAINS)
        codes = {d: enc_a(real[d][0], d) for d in DOMAINS}
        own = {d: _sampled(codes[d], drawn.get(f"attribute.{d}")) for d in DOMAINS}
        z, z_other = drawn["z"], drawn.get("z_other")
        randoms = [z] if z_other is None else [z, z_other]
        made = {}
        for d in DOMAINS:
            own_content, content = (c_a, c_b) if d == "a" else (c_b, c_a)
            contents = torch.cat([content, own_content, *(content for _ in randoms)])
            made[d] = gen(contents, torch.cat([own[d], own[d], *randoms]), d).split(1)
        c_b_again = enc_c(made["a"][0], "a", drawn["content_again.a"])
        c_a_again = enc_c(made["b"][0], "b", drawn["content_again.b"])
        again = {d: _sampled(enc_a(made[d][0], d), drawn.get(f"attribute_again.{d}")) for d in DOMAINS}
        return Forward(
            c_a=c_a,
            c_b=c_b,
            attributes=codes,
            encoded={d: made[d][0] for d in DOMAINS},
            same={d: made[d][1] for d in DOMAINS},
            random={d: made[d][2] for d in DOMAINS},
            other={d: made[d][3] for d in DOMAINS if z_other is not None},
            back={"a": gen(c_a_again, again["a"], "a"), "b": gen(c_b_again, again["b"], "b")},
            found={d: enc_a(made[d][2], d)[0] for d in DOMAINS},
            z=z,
            z_other=z_other,
        )

    def _update_discriminators(self, real: dict[Domain, tuple[Tensor, Tensor]], made: Forward) -> dict[str, Tensor]:
        """Each of images on its own; with mode seeking those of random attributes see the real image twice."""
        losses = {}
        for d in DOMAINS:
            for name, reals, fakes in (
                (f"dis{d.upper()}", real[d][0], [made.encoded[d]]),
                (f"dis{d.upper()}2", real[d][1], [images[d] for images in (made.random, made.other) if images]),
            ):
                judge = self.get_submodule(f"net{name}")
                terms = [image_discriminator_loss(judge(fake.detach()), judge(reals)) for fake in fakes]
                losses[name] = torch.stack(terms).sum()
                descend(losses[name], self._optimizers[name])
        losses["disContent"] = self._update_content_discriminator(made.c_a.detach(), made.c_b.detach())
        return losses

    def _update_content_discriminator(self, c_a: Tensor, c_b: Tensor) -> Tensor:
        optimizer = self._optimizers["disContent"]
        loss = content_discriminator_loss(self.netdisContent(c_a), self.netdisContent(c_b))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.netdisContent.parameters(), MAX_NORM)
        optimizer.step()
        return loss

    def _update_generators(self, real: dict[Domain, tuple[Tensor, Tensor]], made: Forward) -> dict[str, Tensor]:
        """Encoders and generators by the first loss, then content encoder and generators by that of random attributes."""
        judges = [net for name, net in self.networks().items() if name.startswith("dis")]
        with frozen(*judges):
            first, second = self._encoded_losses(real, made), self._random_losses(made)
            total = torch.stack(list(first.values())).sum()
            optimizers = [self._optimizers[name] for name in ("enc_c", "enc_a", "gen")]
            again = [self._optimizers[name] for name in ("enc_c", "gen")]
            gradients = two_updates(
                (total, optimizers),
                (torch.stack(list(second.values())).sum(), again),
                self.config.variant == "released",
            )
        self._second = {"second": gradients}
        return first | {"G": total} | second

    def _encoded_losses(self, real: dict[Domain, tuple[Tensor, Tensor]], made: Forward) -> dict[str, Tensor]:
        losses = {}
        for d in DOMAINS:
            image, upper = real[d][0], d.upper()
            content = made.c_a if d == "a" else made.c_b
            losses[f"gan_{d}"] = image_generator_loss(self.get_submodule(f"netdis{upper}")(made.encoded[d]))
            losses[f"gan_{d}content"] = content_generator_loss(self.netdisContent(content))
            mean, log_variance = made.attributes[d]
            spread = mean.square().mean() if log_variance is None else kl_divergence(mean, log_variance)
            losses[f"kl_za_{d}"] = REGULARISER * spread
            losses[f"kl_zc_{d}"] = REGULARISER * content.square().mean()
            losses[f"l1_recon_{upper}{upper}"] = RECONSTRUCTION * l1_loss(made.same[d], image)
            losses[f"l1_recon_{upper}"] = RECONSTRUCTION * l1_loss(made.back[d], image)
        return losses

    def _random_losses(self, made: Forward) -> dict[str, Tensor]:
        losses = {}
        for d in DOMAINS:
            judge = self.get_submodule(f"netdis{d.upper()}2")
            fakes = [images[d] for images in (made.random, made.other) if images]
            losses[f"l1_recon_z_{d}"] = LATENT * l1_loss(made.found[d], made.z)
            losses[f"gan2_{d}"] = torch.stack([image_generator_loss(judge(fake)) for fake in fakes]).sum()
        if made.z_other is not None:
            for d in DOMAINS:
                losses["lz_BA" if d == "a" else "lz_AB"] = mode_seeking(
                    made.other[d], made.random[d], made.z_other, made.z
                )
        return losses

    def later_gradients(self) -> dict[str, dict[nn.Parameter, Tensor]]:
        """`second`: those of the second update of content encoder and generators."""
        return self._second

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """N attributes (n, nz) from N(0, I), on the method's device."""
        return torch.randn(n, self.config.nz, generator=stream).to(next(self.parameters()))

    @torch.no_grad()
    def translate(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """A to B: (batch, 3, H, W) in [-1, 1] to the same shape and range; H and W multiples of 4.

        Args:
            images: of domain A.
            style: (batch, nz) attributes of domain B; None: one fixed draw for all images.
        """
        return self._translated(images, "a", "b", style)

    @torch.no_grad()
    def translate_back(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """B to A; see `translate`, with attributes of domain A."""
        return self._translated(images, "b", "a", style)

    def _translated(self, images: Tensor, source: Domain, target: Domain, style: Tensor | None) -> Tensor:
        if style is None:
            style = self.latents(1, torch.Generator().manual_seed(0)).expand(len(images), -1)
        return self.netgen(self.netenc_c(images, source), style, target)


def _sampled(code: tuple[Tensor, Tensor | None], noise: Tensor | None) -> Tensor:
    """Mean + noise * exp(log-variance / 2); the code itself where it is no distribution."""
    mean, log_variance = code
    if log_variance is None or noise is None:
        return mean
    return mean + noise * (log_variance / 2).exp()
