"""StarGAN v2: Choi, Uh, Yoo, Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020.

clovaai/stargan-v2 875b70a (core/solver.py) decides. With a patch-wise loss it is what Jung, Kwon, Ye, CVPR 2022, section
4.2, compare; of their SRC + hDCE jcy132/Hneg_SRC 9a9647d is `variant: released`. The options: stargan_v2_config.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.loss import LayerPair, LayerShape, LossContext, Pair, PairLoss
from bench.method import Method, MethodConfig, StepContext, Task
from methods.hosted_loss import build_loss
from methods.losses.stargan_adversarial import discriminator_terms, generator_term
from methods.losses.style_cycle import style_cycle
from methods.losses.style_diversification import diversity_weight, style_diversification
from methods.losses.style_reconstruction import style_reconstruction
from methods.networks.initialisation import initialise
from methods.networks.projection_head import ProjectionHead
from methods.networks.src_stargan_generator import SRCStarGANGenerator
from methods.networks.stargan_discriminator import StarGANDiscriminator
from methods.networks.stargan_generator import StarGANGenerator
from methods.networks.stargan_mapping import StarGANMapping
from methods.networks.stargan_style_encoder import StarGANStyleEncoder
from methods.optimisation import adam, at_least_float32, descend, frozen, full_precision
from methods.stargan_v2_config import StarGANv2Config

Source = Literal["latent", "reference"]  # of styles: drawn and mapped, or found in reference images
SOURCES: tuple[Source, Source] = ("latent", "reference")
AVERAGED = ("G", "M", "E")
OF_LATENTS = ("G", "M", "E", "F", "loss")  # what steps where styles are of latent vectors; of references G alone
TRANSLATION = "translation/"


class StarGANv2(Method):
    """One generator for all domains: it takes a style, which is of a domain and drawn (M) or found in an image (E).

    An iteration: D against translations with drawn styles; D against those with found styles; G, M, E (and F) with drawn
    styles; G alone with found styles; the averages of G, M and E, which make all images and start as other networks.
    """

    name = "stargan_v2"
    task: ClassVar[Task] = "multi_domain_translation"
    citation = "Choi et al., StarGAN v2: Diverse Image Synthesis for Multiple Domains, CVPR 2020"
    revision = 1
    source = "clovaai/stargan-v2 875b70a; with variant: released jcy132/Hneg_SRC 9a9647d"
    Config: ClassVar[type[MethodConfig]] = StarGANv2Config
    config: StarGANv2Config
    streams: ClassVar[tuple[str, ...]] = ("x_src", "y_src", "x_ref", "x_ref2", "y_ref")
    recorded_streams: ClassVar[dict[str, str]] = {
        "x_src": "source",
        "y_src": "source_domain",
        "x_ref": "reference",
        "x_ref2": "reference2",
        "y_ref": "reference_domain",
    }
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_ema", "netM_ema", "netE_ema")
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "afhq": {},
        "seasons": {"num_domains": 4},
        "weather": {"num_domains": 5},
    }
    conformance: ClassVar[dict[str, Any]] = {
        "load_size": 32,
        "crop_size": 32,
        "base_dim": 4,
        "max_conv_dim": 8,
        "hidden_dim": 8,
        "latent_dim": 4,
        "style_dim": 6,
        "variant": "paper",
    }

    def __init__(self, config: StarGANv2Config, draws: Draws) -> None:
        super().__init__(config, draws)
        c = config
        of_images = {"base": c.base, "cap": c.max_conv_dim}
        self.netG: SRCStarGANGenerator | StarGANGenerator = (
            SRCStarGANGenerator(c.style_dim, **of_images)
            if c.variant == "released"
            else StarGANGenerator(c.crop_size, c.style_dim, w_hpf=c.w_hpf, **of_images)
        )
        self.netM = StarGANMapping(c.latent_dim, c.style_dim, c.num_domains, c.hidden_dim)
        self.netE = StarGANStyleEncoder(c.crop_size, c.style_dim, c.num_domains, **of_images)
        self.netD = StarGANDiscriminator(c.crop_size, c.num_domains, **of_images)
        for name in AVERAGED:
            self.add_module(f"net{name}_ema", deepcopy(self.get_submodule(f"net{name}")).requires_grad_(False))
        self.netF: ProjectionHead | None = None
        self.loss: PairLoss | None = None
        if c.loss is not None:
            self._host(c.loss, draws)
        for name, network in self.named_children():
            if name.startswith("net"):
                # the program copies the averages first and draws the trained networks' weights anew; norms start at 1
                scheme: tuple[Any, Any] = ("torch", "torch") if name.endswith("_ema") else ("kaiming", "zero")
                initialise(network, scheme[0], draws.generator(f"init.{name}"), gain=0.0, biases=scheme[1])
        self._optimise()
        self._updates: dict[str, dict[nn.Parameter, Tensor]] = {}

    netG_ema: SRCStarGANGenerator | StarGANGenerator
    netM_ema: StarGANMapping
    netE_ema: StarGANStyleEncoder

    def _host(self, loss: str, draws: Draws) -> None:
        """Make the projection heads and the patch-wise loss."""
        config = self.config
        channels = self.netG.feature_channels(config.layers)

        def make_head() -> nn.Module:
            head = ProjectionHead(channels, config.netF_nc)
            return initialise(head, "kaiming", draws.generator("init.loss.head"))

        self.netF = ProjectionHead(channels, config.netF_nc)
        self.loss = build_loss(loss, config.loss_options, channels, make_head, draws)
        self._loss_is_checked = self.loss.depends_on_epoch  # a term may join in a later epoch

    def _optimise(self) -> None:
        """Adam for each network, and for what the loss trains."""
        config = self.config
        trained: dict[str, Iterable[nn.Parameter]] = {
            name: network.parameters() for name, network in super().networks().items() if not name.endswith("_ema")
        }
        if self.loss is not None:
            trained |= {
                "loss": list(self.loss.trained_parameters().values()),
                "adversary": self.loss.adversary_parameters(),
            }
        for name, parameters in trained.items():
            if parameters := list(parameters):
                lr = config.f_lr if name == "M" else config.lr
                self._optimizers[name] = adam(parameters, lr, (config.beta1, config.beta2), config.weight_decay)

    def networks(self) -> dict[str, nn.Module]:
        """G, M, E, D, their averages G_ema, M_ema, E_ema; with a patch-wise loss F and the loss's own."""
        return super().networks() | ({} if self.loss is None else self.loss.networks())

    @property
    def depends_on_epoch(self) -> bool:
        """Whether the loss does."""
        return self.loss is not None and self.loss.depends_on_epoch

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """Two latent vectors for each item, lambda_ds; with a patch-wise loss the places and what it draws.

        Returns:
            `z`, `z2` (batch, latent_dim), used in all four updates; `lambda_ds`, 0-dim; `nce.ids/SOURCE/LAYER`, the same
            for the loss's adversary, and what the loss draws, SOURCE being where the styles come from.
        """
        config, batch = self.config, context.shapes["x_src"][0]
        drawn = {name: context.draw.normal(name, (batch, config.latent_dim)) for name in ("z", "z2")}
        weight = diversity_weight(context.step, config.lambda_ds, config.ds_iter or context.total_steps)
        drawn["lambda_ds"] = torch.tensor(weight, dtype=torch.float64)
        if self.loss is not None:
            layers = list(self._layer_shapes(context.shapes["x_src"]))
            players = [("adversary", "latent")] if "adversary" in self._optimizers else []
            for player, source in (*players, *(("nce", source) for source in SOURCES)):
                for index, layer in enumerate(layers):
                    ids = context.draw.permutation(f"{player}.ids", layer.height * layer.width, layer.patches)
                    drawn[f"{player}.ids/{source}/{index}"] = ids
                own = self.loss.draw(context, layers)
                drawn |= {f"{player}/{source}/{TRANSLATION}{name}": value for name, value in own.items()}
        return drawn

    def _layer_shapes(self, images: tuple[int, ...]) -> Iterator[LayerShape]:
        """Sizes of the compared features, for inputs of shape (batch, 3, H, W)."""
        layers = self.config.layers
        sizes = self.netG.feature_sizes(layers, (images[2], images[3]))
        for channels, (height, width) in zip(self.netG.feature_channels(layers), sizes, strict=True):
            yield LayerShape(images[0], min(self.config.patches, height * width), channels, height, width)

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Make one iteration: D twice, G twice, the averages.

        Args:
            batch: x_src, x_ref, x_ref2, (batch, 3, side, side) in [-1, 1]; their domains y_src, y_ref, int64 (batch,). The
                target domains are y_ref, also where styles are drawn; they may be the images' own.
            drawn: see `draw`.
            phase: not used.

        Returns:
            `d_SOURCE_` real, fake, reg, total; `g_SOURCE_` adv, sty, ds, cyc, total: the program's losses by their names,
            without weights; and the terms of the patch-wise loss, weighted.
        """
        losses: dict[str, Tensor] = {}
        self._visuals = {}
        for source in SOURCES:
            losses |= self._update_discriminator(source, batch, drawn)
        for source in SOURCES:
            losses |= self._update_generator(source, batch, drawn)
        self._average()
        return {name: loss.detach() for name, loss in losses.items()}

    def _style(self, source: Source, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor], second: bool) -> Tensor:
        """Styles of the target domains, or other ones."""
        if source == "latent":
            return self.netM(drawn["z2" if second else "z"], batch["y_ref"])
        return self.netE(batch["x_ref2" if second else "x_ref"], batch["y_ref"])

    def _update_discriminator(
        self, source: Source, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = self.netG(batch["x_src"], self._style(source, batch, drawn, second=False))
        real = batch["x_src"].detach().requires_grad_()
        terms = discriminator_terms(self.netD(real, batch["y_src"]), self.netD(fake, batch["y_ref"]), real)
        terms["total"] = terms["real"] + terms["fake"] + self.config.lambda_reg * terms["reg"]
        self._descend(f"d_{source}", terms["total"], "D")
        return {f"d_{source}_{name}": term for name, term in terms.items()}

    def _update_generator(
        self, source: Source, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Descend adv + lambda_sty sty - lambda_ds ds + lambda_cyc cyc [+ patches]; styles of references train G alone."""
        config, x, y = self.config, batch["x_src"], batch["y_ref"]
        stepped = [name for name in (OF_LATENTS if source == "latent" else ("G",)) if name in self._optimizers]
        # no gradient is kept of what does not step: what steps in the first update alone has that update's
        with frozen(*self._still(stepped)):
            style = self._style(source, batch, drawn, second=False)
            fake = self.netG(x, style)
            with torch.no_grad():
                other = self.netG(x, self._style(source, batch, drawn, second=True))
            own = self.netE(x, batch["y_src"])
            terms = {
                "adv": generator_term(self.netD(fake, y)),
                "sty": style_reconstruction(self.netE(fake, y), style),
                "ds": style_diversification(fake, other),
                "cyc": style_cycle(self.netG(x if config.variant == "released" else fake, own), x),
            }
            total = terms["adv"] + config.lambda_sty * terms["sty"] - drawn["lambda_ds"] * terms["ds"]
            total = total + config.lambda_cyc * terms["cyc"]
            if self.loss is not None and self.netF is not None:
                objective, of_patches = self._patch_terms(self.loss, self.netF, source, x, fake, drawn)
                for name in of_patches.keys() & (terms.keys() | {"total"}):
                    raise BenchError(f"loss {config.loss}: a term is named '{name}' like another loss; rename it")
                total, terms = total + objective, terms | of_patches
            terms["total"] = total
            self._descend(f"g_{source}", total, *stepped)
        if self.loss is not None and source == "latent":
            self._after_generator_step(self.loss, LossContext(config.nce_T, drawn).within("nce/latent/"))
        self._visuals[f"fake_{source}"] = fake.detach()
        return {f"g_{source}_{name}": term for name, term in terms.items()}

    def _still(self, stepped: Iterable[str]) -> list[nn.Module | nn.Parameter]:
        """What does not step now; the adversary is left to `_patch_terms`, which lets it step first."""
        return [
            parameter
            for name, optimizer in self._optimizers.items()
            if name not in stepped and name != "adversary"
            for group in optimizer.param_groups
            for parameter in group["params"]
        ]

    def _patch_terms(
        self, loss: PairLoss, netF: ProjectionHead, source: Source, x: Tensor, fake: Tensor, drawn: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What the patch-wise loss adds to the objective, and its terms, those to log alone among them."""
        config, context = self.config, LossContext(self.config.nce_T, drawn)
        # outputs ask for their inputs' places; in the released program inputs ask, and the outputs learn nothing from it
        asking, asked = (x, fake.detach()) if config.variant == "released" else (fake, x)
        query_maps = self.netG.features(asking, config.layers)
        with torch.set_grad_enabled(loss.needs_key_graph):
            key_maps = self.netG.features(asked, config.layers)
        with full_precision(x):
            maps = ([at_least_float32(m) for m in query_maps], [at_least_float32(m) for m in key_maps])
            if source == "latent" and "adversary" in self._optimizers:
                with torch.no_grad():
                    pair = self._pair(netF, *maps, drawn, "adversary.ids/latent")
                self._update_adversary(loss, pair.detached(), context.within("adversary/latent/"))
            pair = self._pair(netF, *maps, drawn, f"nce.ids/{source}")
            with frozen(*loss.adversary_parameters()):
                found = loss.terms(pair, context.within(f"nce/{source}/{TRANSLATION}"))
        terms = {name: config.lambda_NCE * term if term.requires_grad else term for name, term in found.items()}
        optimised = [term for term in terms.values() if term.requires_grad]
        return torch.stack(optimised).sum() if optimised else x.new_zeros(()), terms

    def _pair(
        self,
        netF: ProjectionHead,
        query_maps: list[Tensor],
        key_maps: list[Tensor],
        drawn: Mapping[str, Tensor],
        purpose: str,
    ) -> Pair:
        """Patches of both sides at drawn places; gradients end at keys."""
        ids = [drawn[f"{purpose}/{index}"] for index in range(len(query_maps))]
        query = netF(query_maps, ids)
        with torch.no_grad():
            key = netF(key_maps, ids)
        layers = zip(query, key, ids, query_maps, key_maps, strict=True)
        return Pair("translation", [LayerPair(*layer) for layer in layers])

    def _update_adversary(self, loss: PairLoss, pair: Pair, context: LossContext) -> None:
        """The loss's max player, before G and F, on places of its own."""
        if terms := loss.adversary_terms([pair], context):
            descend(torch.stack(list(terms.values())).sum(), self._optimizers["adversary"])

    def _after_generator_step(self, loss: PairLoss, context: LossContext) -> None:
        if not self._loss_is_checked:
            loss.require_trained()
            self._loss_is_checked = True
        with torch.no_grad():
            loss.after_generator_step(
                {"netG": self.netG, "netD": self.netD, "netF": self.get_submodule("netF")}, context
            )

    def _descend(self, update: str, loss: Tensor, *names: str) -> None:
        """One of an iteration's updates, whose gradients are remembered by its name."""
        optimizers = [self._optimizers[name] for name in names]
        descend(loss, *optimizers)
        parameters = (p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"])
        self._updates[update] = {p: p.grad for p in parameters if p.grad is not None}

    @torch.no_grad()
    def _average(self) -> None:
        """Move G_ema, M_ema and E_ema by a thousandth towards the trained networks."""
        for name in AVERAGED:
            trained = self.get_submodule(f"net{name}").parameters()
            for average, parameter in zip(self.get_submodule(f"net{name}_ema").parameters(), trained, strict=True):
                average.lerp_(parameter, 1 - self.config.ema_decay)

    def end_epoch(self) -> None:
        """Nothing: the learning rates stay, and lambda_ds counts iterations."""

    def update_gradients(self) -> dict[str, dict[nn.Parameter, Tensor]]:
        """Of d_latent, d_reference, g_latent, g_reference."""
        return self._updates

    def record_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """What the released program of SRC + hDCE logs: a cross entropy in the place of what it optimises."""
        recorded = dict(losses)
        if self.loss is None:
            return recorded
        for prefix in (f"g_{source}_" for source in SOURCES):
            absent = torch.zeros_like(losses[f"{prefix}total"])
            recorded[f"{prefix}src"] = losses.get(f"{prefix}SRC", absent)
            recorded[f"{prefix}patch"] = losses.get(f"{prefix}NCE", absent)
            if (reported := losses.get(f"{prefix}hDCE_reported")) is not None:
                recorded[f"{prefix}patch"] = patch = self.config.lambda_NCE * reported
                recorded[f"{prefix}total"] = losses[f"{prefix}total"] - losses[f"{prefix}hDCE"] + patch
        return recorded

    @torch.no_grad()
    def record_images(self, batch: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What records hold: the first image made of the latent vectors after the iteration, also by the averages."""
        x, y = batch["x_src"], batch["y_ref"]
        style = self.netM(drawn["z"], y)
        averaged = self.netG_ema(x, self.netM_ema(drawn["z"], y))
        return self.visuals() | {
            "fake_after_stride2": self.netG(x, style)[:1, :, ::2, ::2],
            "fake_ema_after_stride4": averaged[:1, :, ::4, ::4],
            "style_after": style,
            "lambda_ds_used": drawn["lambda_ds"].reshape(1),
        }

    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """N latent vectors (n, latent_dim) from N(0, I), on the method's device."""
        latents = torch.randn(n, self.config.latent_dim, generator=stream)
        return latents.to(next(self.netM_ema.parameters()))

    @torch.no_grad()
    def styles(self, latents: Tensor, domain: Tensor) -> Tensor:
        """Styles (batch, style_dim) of latent vectors (batch, latent_dim) in domains, int64 (batch,)."""
        return self.netM_ema(latents, domain)

    @torch.no_grad()
    def styles_of(self, images: Tensor, domain: Tensor) -> Tensor:
        """Styles (batch, style_dim) of reference images (batch, 3, side, side) of domains, int64 (batch,)."""
        return self.netE_ema(images, domain)

    @torch.no_grad()
    def translate(self, images: Tensor, domain: Tensor, style: Tensor) -> Tensor:
        """Images (batch, 3, side, side) in the given styles, clamped to [-1, 1] (there is no tanh).

        Args:
            images: in [-1, 1].
            domain: int64 (batch,), not looked at: a style is one of its domain.
            style: (batch, style_dim).
        """
        return self.netG_ema(images, style).clamp(-1, 1)
