"""The patch-wise framework of CUT: everything around the loss that says how close two sets of patch features are.

Park, Efros, Zhang, Zhu, "Contrastive Learning for Unpaired Image-to-Image Translation", ECCV 2020; where paper and code
differ, taesungp/contrastive-unpaired-translation b3ac297 (models/cut_model.py) decides. A method is this class with
other defaults and another loss (`--set loss=FILE.py:Class`), everything else equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.loss import LayerPair, LayerShape, LossContext, Pair, PairLoss
from bench.method import Method, MethodConfig, StepContext
from methods.hosted_loss import build_loss, whole_options
from methods.key_paths.encoder_only import EncoderOnly
from methods.key_paths.key_path import KeyPath
from methods.key_paths.momentum import MomentumKeys
from methods.key_paths.separate import SeparateKeys
from methods.losses.lsgan import lsgan_fake, lsgan_real
from methods.networks.initialisation import initialise
from methods.networks.patchgan import PatchGAN
from methods.networks.projection_head import ProjectionHead
from methods.networks.resnet_generator import ResnetGenerator
from methods.optimisation import adam, at_least_float32, descend, frozen, full_precision, linear_schedule

GENERATOR_SIDE = ("G", "F", "keys", "loss")  # optimizers that take part in the step of G

KEY_PATHS: dict[str, type[KeyPath]] = {
    "shared": KeyPath,
    "separate": SeparateKeys,
    "encoder_only": EncoderOnly,
    "momentum": MomentumKeys,
}


class PatchwiseConfig(MethodConfig):
    """The framework's options under the originals' names; defaults are CUT's published command."""

    plugin_fields: ClassVar[dict[str, str]] = {"loss": "loss"}

    n_epochs: int = Field(200, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(200, ge=0, description="epochs over which the learning rate then falls linearly")
    jitter_off_in_decay: bool = Field(True, description="CUT code base: no crop jitter once epoch > n_epochs")
    ngf: int = Field(64, ge=1, description="filters of the generator's first convolution")
    ndf: int = Field(64, ge=1, description="filters of the discriminator's first convolution")
    n_blocks: int = Field(9, ge=1, description="residual blocks of the generator (netG resnet_9blocks)")
    n_layers_D: int = Field(3, ge=1, description="halvings in the discriminator")
    netF_nc: int = Field(256, ge=1, description="width of the projection head and of its vectors")
    # 2e-4 in every released command; the paper's supplement prints 0.002
    lr: float = Field(2e-4, gt=0, description="Adam's initial learning rate, for every network")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    lambda_GAN: float = Field(1.0, ge=0, description="weight of the adversarial term")
    lambda_NCE: float = Field(1.0, ge=0, description="weight of everything the patch-wise loss returns")
    nce_idt: bool = Field(True, description="a second pair: real_B and its translation (identity)")
    nce_layers: tuple[int, ...] = Field((0, 4, 8, 12, 16), description="module indices of the generator")
    nce_T: float = Field(0.07, gt=0, description="temperature")
    num_patches: int = Field(256, ge=1, description="patches sampled per layer and image")
    nce_includes_all_negatives_from_minibatch: bool = Field(
        False, description="show the loss the minibatch as one image, so that its other images give negatives too"
    )
    flip_equivariance: bool = Field(False, description="FastCUT: translate a mirrored image one half of the time")
    key_path: Literal["shared", "separate", "encoder_only", "momentum"] = Field(
        "shared", description="what embeds the inputs, and whether the loss trains the decoder (methods/key_paths)"
    )
    loss: str = Field("patchnce", description="the patch-wise loss: a name, or FILE.py:Class")
    loss_options: dict[str, Any] = Field({}, validate_default=True, description="the loss's own options")
    tap_key_features: bool = Field(
        True, description="take key features from the pass that made the fake (same numbers, one encoder pass less)"
    )

    @field_validator("loss_options")
    @classmethod
    def _resolve_loss_options(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Check the options now, and write the loss's defaults out: they are part of the recipe."""
        if "loss" not in info.data:
            return options  # `loss` itself is wrong, which pydantic reports
        return whole_options(info.data["loss"], options)


class PatchwiseTranslation(Method):
    """One generator, one discriminator, one projection head, and a loss between patches of input and output.

    A step: translate; update D; update the loss's adversary, if it has one; update G and F; call the loss's hook.
    Steps whose input is mirrored are the phase `flipped`.
    """

    Config: ClassVar[type[MethodConfig]] = PatchwiseConfig
    config: PatchwiseConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG",)

    def __init__(self, config: PatchwiseConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self._build_networks(draws)
        self._channels = channels = self.netG.feature_channels(config.nce_layers)
        self.netF = ProjectionHead(channels, config.netF_nc)
        initialise(self.netF, "xavier", draws.generator("init.netF"))
        self.key_path = KEY_PATHS[config.key_path](self.netG, self.netF, config.nce_layers, draws)
        self.loss = self._build_loss(channels, draws)
        trained = {"G": self.netG.parameters(), "D": self.netD.parameters(), "F": self.netF.parameters()}
        if adversary := self.loss.adversary_parameters():
            trained["adversary"] = iter(adversary)
        if self.key_path.learns:
            trained["keys"] = self.key_path.parameters()
        if of_loss := self.loss.trained_parameters():
            trained["loss"] = iter(of_loss.values())
        self._loss_is_checked = self.loss.depends_on_epoch  # a term may join in a later epoch
        self._optimise(trained)

    def _optimise(self, trained: Mapping[str, Iterable[nn.Parameter]]) -> None:
        """Make Adam and its schedule for each of the named groups of parameters."""
        config = self.config
        betas = (config.beta1, config.beta2)
        self._optimizers = {name: adam(parameters, config.lr, betas) for name, parameters in trained.items()}
        self._schedulers = {
            name: linear_schedule(optimizer, config.n_epochs, config.n_epochs_decay)
            for name, optimizer in self._optimizers.items()
        }

    def _build_networks(self, draws: Draws) -> None:
        """Make G and D with their initial weights."""
        self.netG: Any = ResnetGenerator(ngf=self.config.ngf, n_blocks=self.config.n_blocks)
        self.netD: nn.Module = PatchGAN(ndf=self.config.ndf, n_layers=self.config.n_layers_D)
        for name, network in self.named_children():
            initialise(network, "xavier", draws.generator(f"init.{name}"))

    def _build_loss(self, channels: list[int], draws: Draws) -> PairLoss:
        """Make the loss and its sub-networks."""

        def make_head() -> nn.Module:
            head = ProjectionHead(channels, self.config.netF_nc)
            return initialise(head, "xavier", draws.generator("init.loss.head"))

        return build_loss(self.config.loss, self.config.loss_options, channels, make_head, draws)

    def networks(self) -> dict[str, nn.Module]:
        """G, D, F, the key path's own (G_key, F_key), and the loss's (N, F_)."""
        return super().networks() | self.key_path.networks() | self.loss.networks()

    @property
    def depends_on_epoch(self) -> bool:
        """Whether the loss does."""
        return self.loss.depends_on_epoch

    @property
    def _kinds(self) -> tuple[Literal["translation", "identity"], ...]:
        return ("translation", "identity") if self.config.nce_idt else ("translation",)

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Whether the input is mirrored, the sampled places, and what the loss draws, for the adversary and for G.

        Returns:
            `flip`; `adversary.ids/KIND/LAYER`, `adversary/KIND/NAME`; `nce.ids/KIND/LAYER`, `nce/KIND/NAME` (and
            `nce_key/KIND/NAME` where the key path's networks learn), NAME as the loss calls it.
        """
        drawn = {}
        if self.config.flip_equivariance:
            drawn["flip"] = torch.tensor(context.draw.bernoulli("nce.flip"))
        layers = list(self._layer_shapes(context.shapes["A"]))
        players = {"adversary": [""]} if "adversary" in self._optimizers else {}
        for player, suffixes in (players | {"nce": list(self.key_path.suffixes)}).items():
            for kind in self._kinds[:1] if self.loss.share_ids else self._kinds:
                for index, layer in enumerate(layers):
                    ids = context.draw.permutation(f"{player}.ids", layer.height * layer.width, layer.patches)
                    drawn[f"{player}.ids/{kind}/{index}"] = ids
            for suffix in suffixes:
                for kind in self._kinds:
                    loss_drawn = self.loss.draw(context, layers)
                    drawn |= {f"{player}{suffix}/{kind}/{name}": value for name, value in loss_drawn.items()}
        return drawn

    def _layer_shapes(self, images: Sequence[int]) -> Iterator[LayerShape]:
        """Sizes at each of nce_layers for inputs of shape (batch, 3, H, W)."""
        sizes = self.netG.feature_sizes(self.config.nce_layers, tuple(images[2:]))
        for channels, (height, width) in zip(self._channels, sizes, strict=True):
            patches = min(self.config.num_patches, height * width)
            yield LayerShape(images[0], patches, channels, height, width)

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """`flipped` or `step`."""
        return "flipped" if "flip" in drawn and bool(drawn["flip"]) else "step"

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Translate, update D, the adversary, then G and F.

        Args:
            batch: A and B, (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: see `phase`.

        Returns:
            D_real, D_fake, D, G_GAN, G; the loss's terms (`NCE`), those of the identity pair with `_Y`; the adversary's.
            Terms that only train the key path's networks end in `_key`.
        """
        flipped = phase == "flipped"
        of_loss = LossContext(self.config.nce_T, drawn)
        real = torch.cat([batch["A"], batch["B"]]) if self.config.nce_idt else batch["A"]
        fake, key_maps = self._translate_and_encode(real, flipped, drawn)
        fake_B = fake[: len(batch["A"])]
        self._visuals = {"fake_B": fake_B.detach()}  # mirrored if this step is
        if self.config.nce_idt:
            self._visuals["idt_B"] = fake[len(batch["A"]) :].detach()

        losses = self._update_discriminator(fake_B, batch["B"])
        # G does not change before its own update, so the adversary's step and G's share one encoding of the fake
        query_maps = self.netG.features(self.key_path.shown(fake), self.config.nce_layers)
        if flipped:
            query_maps = [features.flip(3) for features in query_maps]
        if "adversary" in self._optimizers:
            self._log(losses, self._update_adversary(query_maps, key_maps, of_loss))
        self._log(losses, self._update_generator(fake, batch["B"], query_maps, key_maps, of_loss))
        if not self._loss_is_checked:
            self.loss.require_trained()
            self._loss_is_checked = True
        with torch.no_grad():
            networks: dict[str, nn.Module] = {"netG": self.netG, "netD": self.netD, "netF": self.netF}
            self.loss.after_generator_step(networks, of_loss.within("nce/"))
            self.key_path.after_generator_step(self.netG, self.netF)
        return losses

    def _translate_and_encode(
        self, real: Tensor, flipped: bool, drawn: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """The fakes and the key features of `real`, which come from the same pass unless the input was mirrored."""
        layers = self.config.nce_layers
        in_graph = self.loss.needs_key_graph
        if self.config.tap_key_features and not flipped and not self.key_path.own_networks:
            fake, key_maps = self.netG.forward_with_features(real, layers)
            return fake, key_maps if in_graph else [features.detach() for features in key_maps]
        fake = self.netG(real.flip(3) if flipped else real)
        with torch.set_grad_enabled(in_graph or self.key_path.learns):
            return fake, self.key_path.maps(self.netG, real)

    def _update_discriminator(self, fake_B: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """LSGAN on real_B (never mirrored by the equivariance) and on the fakes, without an image pool."""
        D_fake = lsgan_fake(self.netD(fake_B.detach()))
        D_real = lsgan_real(self.netD(real_B))
        D = 0.5 * (D_fake + D_real)
        descend(D, self._optimizers["D"])
        return {"D_real": D_real.detach(), "D_fake": D_fake.detach(), "D": D.detach()}

    def _update_adversary(
        self, query_maps: list[Tensor], key_maps: list[Tensor], context: LossContext
    ) -> dict[str, Tensor]:
        """The loss's max player, on locations of its own and without gradients to G and F."""
        with full_precision(query_maps[0]):
            with torch.no_grad():
                pairs = self._pairs(query_maps, key_maps, context.drawn, "adversary.ids")
            terms = self.loss.adversary_terms([pair.detached() for pair in pairs], context.within("adversary/"))
        if terms:
            descend(torch.stack(list(terms.values())).sum(), self._optimizers["adversary"])
        return {name: term.detach() for name, term in terms.items()}

    def _image_terms(self, fake: Tensor, real_B: Tensor) -> dict[str, Tensor]:
        """What G minimises beside the loss of patches, by name, weighted.

        Args:
            fake: the translations of A, and of B if there is an identity pair.
            real_B: the target images.
        """
        return {"G_GAN": self.config.lambda_GAN * lsgan_real(self.netD(fake[: len(real_B)]))}

    def _update_generator(
        self,
        fake: Tensor,
        real_B: Tensor,
        query_maps: list[Tensor],
        key_maps: list[Tensor],
        context: LossContext,
    ) -> dict[str, Tensor]:
        """L = lambda_GAN LSGAN(fake_B) + lambda_NCE sum over terms of the mean over the pairs that have the term."""
        with frozen(self.netD, *self.loss.adversary_parameters()):
            losses = self._image_terms(fake, real_B)
            G = sum(losses.values(), torch.zeros_like(losses["G_GAN"]))
            with full_precision(query_maps[0]):
                pairs = self._pairs(query_maps, key_maps, context.drawn, "nce.ids")
                for suffix, side in self.key_path.sides(pairs).items():
                    objective, terms = self._objective(side, context.within(f"nce{suffix}/"))
                    G = G + objective
                    self._log(losses, {f"{name}{suffix}": term for name, term in terms.items()})
            self._log(losses, {"G": G})
            descend(G, *(self._optimizers[name] for name in GENERATOR_SIDE if name in self._optimizers))
        return {name: value.detach() for name, value in losses.items()}

    def _objective(self, pairs: list[Pair], context: LossContext) -> tuple[Tensor | int, dict[str, Tensor]]:
        """lambda_NCE times the sum over terms of the mean over the pairs that have the term; and every term to log."""
        terms: dict[str, Tensor] = {}
        by_name: dict[str, list[Tensor]] = {}
        for pair in pairs:
            for name, term in self.loss.terms(pair, context.of(pair)).items():
                if term.requires_grad:  # a term without gradient is only logged
                    term = self.config.lambda_NCE * term
                    by_name.setdefault(name, []).append(term)
                self._log(terms, {f"{name}_Y" if pair.kind == "identity" else name: term})
        return sum(torch.stack(of_pairs).mean() for of_pairs in by_name.values()), terms

    def _log(self, losses: dict[str, Tensor], more: dict[str, Tensor]) -> None:
        """Add losses; a plugin's term may not hide another of the same name."""
        for name in more.keys() & losses.keys():
            raise BenchError(f"loss {self.config.loss}: a term is named '{name}' like another loss; rename it")
        losses.update(more)

    def _pairs(
        self, query_maps: list[Tensor], key_maps: list[Tensor], drawn: Mapping[str, Tensor], purpose: str
    ) -> list[Pair]:
        """Sample and project patches at locations drawn for each pair, or once if the loss shares them.

        Args:
            query_maps: per layer (images, C, H, W), the translation's images first, then the identity's.
            key_maps: likewise of the inputs.
            drawn: the locations, among other draws.
            purpose: prefix of their names.
        """
        kinds = self._kinds
        query_parts = [at_least_float32(features).chunk(len(kinds)) for features in query_maps]
        key_parts = [at_least_float32(features).chunk(len(kinds)) for features in key_maps]
        pairs = []
        for number, kind in enumerate(kinds):
            queries, keys = ([parts[number] for parts in maps] for maps in (query_parts, key_parts))
            source = kinds[0] if self.loss.share_ids else kind
            ids = [drawn[f"{purpose}/{source}/{index}"] for index in range(len(queries))]
            query = self.netF(queries, ids)
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.key_path.learns):
                key = self.key_path.rows(self.netF, keys, ids)
            layers = zip(self._grouped(query), self._grouped(key), ids, queries, keys, strict=True)
            pairs.append(Pair(kind, [LayerPair(*layer) for layer in layers]))
        return pairs

    def _grouped(self, vectors: list[Tensor]) -> list[Tensor]:
        """(batch, patches, dim) as the loss sees them: per image, or the whole minibatch as one image."""
        if self.config.nce_includes_all_negatives_from_minibatch:
            return [rows.flatten(0, 1).unsqueeze(0) for rows in vectors]
        return vectors

    @torch.no_grad()
    def translate(self, images: Tensor) -> Tensor:
        """G(images): (batch, 3, H, W) in [-1, 1] to the same shape and range."""
        return self.netG(images)
