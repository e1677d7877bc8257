"""Dual contrastive loss and attention: Yu et al., "Dual Contrastive Loss and Attention for GANs", ICCV 2021.

StyleGAN2 (config E), trained with the dual contrastive instead of the logistic loss, with SAN in place of one convolution
of the generator and, for small data sets, reference attention in place of one convolution of the discriminator.

The authors published no code. [S] marks what the paper's supplement prints, [R] what StyleGAN2's released code does
(NVlabs/stylegan2), [Dn] a decision of this project where the source is silent; each is an option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Adam

from bench.base import collective
from bench.base.randomness import Draws
from bench.method import Method, MethodConfig, StepContext, Task
from methods.dual_contrastive_config import DualContrastiveConfig
from methods.losses.dual_contrastive import dual_contrastive
from methods.losses.logistic import logistic_discriminator, logistic_generator
from methods.networks.equalised import draw_weights
from methods.networks.reference_attention import ReferenceAttention
from methods.networks.san import SAN
from methods.networks.stylegan2_discriminator import StyleGAN2Discriminator
from methods.networks.stylegan2_generator import AttentionLayer, StyleGAN2Generator
from methods.optimisation import adam, frozen
from methods.regularisers import PL_DECAY, path_lengths, r1_penalty


class DualContrastive(Method):
    """A generator against a discriminator that tells one real image from a batch of generated ones, and vice versa.

    A step: update G; every 4th step regularise G (path length); update D; every 16th step regularise D (R1); move the
    running average of G, which is what makes the images that are scored. Its phase is `main`, followed by `+pl` and `+r1`
    where it is their turn.
    """

    name = "dual_contrastive"
    task: ClassVar[Task] = "unconditional_generation"
    citation = "Yu et al., Dual Contrastive Loss and Attention for GANs, ICCV 2021"
    revision = 1
    source = "no official code; NVlabs/stylegan2 (networks, training), hszhao/SAN (attention)"
    Config: ClassVar[type[MethodConfig]] = DualContrastiveConfig
    config: DualContrastiveConfig
    across_ranks = True
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG_ema",)
    # [D5] mirrored: faces; not mirrored: scenes, as StyleGAN2's authors train LSUN
    # self-attention at 256 pixels: where Table 2 is best, as Table 5 has it [S, section 2]
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "celeba": {"flip": True},
        "animal-face": {"flip": True},
        "lsun": {"flip": False},
        "ffhq-256": {"flip": True, "load_size": 256, "crop_size": 256, "self_attention": 64},
        "lsun-bedroom-256": {"flip": False, "load_size": 256, "crop_size": 256, "self_attention": 32},
        "lsun-church-256": {"flip": False, "load_size": 256, "crop_size": 256, "self_attention": 32},
        "lsun-horse-256": {"flip": False, "load_size": 256, "crop_size": 256, "self_attention": 16},
        "clevr-256": {"flip": False, "load_size": 256, "crop_size": 256, "self_attention": 16},
        "earth-sat": {"flip": True},
    }
    # B.NAME: more images of B, drawn independently
    streams: ClassVar[tuple[str, ...]] = ("B", "B.contrast", "B.reference_G", "B.reference_D")
    conformance: ClassVar[dict[str, Any]] = {
        "n_epochs_decay": 0,
        "load_size": 16,
        "crop_size": 16,
        "batch_size": 4,
        "z_dim": 16,
        "w_dim": 16,
        "mapping_layers": 2,
        "channel_base": 256,
        "channel_max": 16,
        "self_attention": 8,
        "reference_attention": 8,
        "san_kernel": 3,
        "r1_gamma": 1.0,
        "r1_interval": 2,
        "pl_interval": 2,
    }

    def __init__(self, config: DualContrastiveConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        # an instance reads only what its options need
        self.streams = config.streams()  # type: ignore[misc]
        self.netG = StyleGAN2Generator(
            config.crop_size,
            config.z_dim,
            config.w_dim,
            config.mapping_layers,
            channel_base=config.channel_base,
            channel_max=config.channel_max,
            attention_resolution=config.self_attention,
            make_attention=self._make_self_attention,
        )
        self.netD = StyleGAN2Discriminator(
            config.crop_size,
            channel_base=config.channel_base,
            channel_max=config.channel_max,
            mbstd_group=config.mbstd_group,
            attention_resolution=config.reference_attention,
            make_attention=self._make_reference_attention,
        )
        for name, network in self.named_children():
            draw_weights(network, draws.generator(f"init.{name}"))
        self.netG_ema = deepcopy(self.netG).requires_grad_(False).eval()
        self.register_buffer("pl_mean", torch.zeros(()))
        self._optimizers = {
            "G": lazy_adam(self.netG.parameters(), config, config.pl_interval if config.pl_weight else None),
            "D": lazy_adam(self.netD.parameters(), config, config.r1_interval if config.r1_gamma else None),
        }

    pl_mean: Tensor

    def _make_san(self, channels: int) -> SAN:
        config = self.config
        return SAN(
            channels,
            config.san_kind,
            config.san_kernel,
            config.san_relation,
            min(config.san_share, channels),
            config.san_batch_norm,
            equalised=config.san_equalised,
        )

    def _make_self_attention(self, channels: int, resolution: int) -> AttentionLayer:
        config = self.config
        modulated_by = config.w_dim if config.self_attention_modulated else None
        return AttentionLayer(
            self._make_san(channels), channels, resolution, modulated_by, config.self_attention_activated
        )

    def _make_reference_attention(self, channels: int) -> ReferenceAttention:
        config = self.config
        return ReferenceAttention(
            self._make_san(channels),
            channels,
            config.reference_configuration,
            config.attention_centre,
            config.reference_attention_activated,
        )

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """What G's images are made from, for its update, its path lengths and D's update, and the path lengths' noise.

        Returns:
            `z_G`, `z_D` and, where it is their turn, `z_pl`, each (count, z_dim); with style mixing `z_G.other` (zeros
            where there is none) and `z_G.cutoff` (0-dim; the first layer mixed in), with random noise
            `z_G.noise.LAYER`; and likewise for the others. `pl_noise` (count, 3, R, R).
        """
        batch = context.shapes["B"][0]
        drawn = self._draw_images("z_G", batch, context.draw)
        if self._lengths_turn(context.step):
            count, side = max(batch // self.config.pl_batch_shrink, 1), self.config.crop_size
            drawn |= self._draw_images("z_pl", count, context.draw)
            drawn["pl_noise"] = context.draw.normal("pl_noise", (count, 3, side, side), self.pl_mean.dtype)
        return drawn | self._draw_images("z_D", batch, context.draw)

    def own_draws(self, drawn: Mapping[str, Tensor], own: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """See `Method.own_draws`: there is one cutoff for the whole batch, all else is of one image each."""
        return {name: tensor if name.endswith(".cutoff") else own(tensor) for name, tensor in drawn.items()}

    def _draw_images(self, purpose: str, count: int, draw: Draws) -> dict[str, Tensor]:
        """What a pass of G with `count` images needs."""
        config, netG, dtype = self.config, self.netG, self.pl_mean.dtype
        shape = (count, config.z_dim)
        drawn = {purpose: draw.normal(purpose, shape, dtype)}
        if config.style_mixing:
            other, cutoff = torch.zeros(shape, dtype=dtype), netG.num_ws
            if draw.bernoulli(f"{purpose}.mixing", config.style_mixing):
                cutoff = 1 + draw.integer(f"{purpose}.cutoff", netG.num_ws - 1)
                other = draw.normal(f"{purpose}.other", shape, dtype)
            drawn |= {f"{purpose}.other": other, f"{purpose}.cutoff": torch.tensor(cutoff)}
        if config.noise == "random":
            maps = netG.synthesis.draw_noise(count, draw.generator(f"{purpose}.noise"), dtype)
            drawn |= {f"{purpose}.noise.{layer}": noise for layer, noise in enumerate(maps)}
        return drawn

    def _lengths_turn(self, step: int) -> bool:
        return bool(self.config.pl_weight) and step % self.config.pl_interval == 0

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """`main`, `main+pl`, `main+r1` or `main+pl+r1`."""
        r1_turn = bool(self.config.r1_gamma) and context.step % self.config.r1_interval == 0
        return "main" + "+pl" * self._lengths_turn(context.step) + "+r1" * r1_turn

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update G and D, regularise them when it is their turn, average G.

        Args:
            batch: B, (batch, 3, R, R) in [-1, 1]; with the options that need them B.contrast, B.reference_G and
                B.reference_D.
            drawn: see `draw`.
            phase: see `phase`.

        Returns:
            G, D (the adversarial losses), G_fake, D_real, D_fake (mean logits), pl_mean; on their turns pl and r1.
        """
        turns = phase.split("+")
        losses = self._update_generator(batch, drawn)
        if "pl" in turns:
            losses |= self._regularise_generator(drawn)
        losses |= self._update_discriminator(batch, drawn)
        if "r1" in turns:
            losses |= self._regularise_discriminator(batch)
        self._average_generator(len(batch["B"]) * collective.count())
        return {name: loss.detach() for name, loss in losses.items()} | {"pl_mean": self.pl_mean.clone()}

    def _update_generator(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """G minimises softplus(-f), or -C(r, f) or C(f, r) where the reals' logits r are constants."""
        fake, _ = self._synthesise("z_G", drawn)
        self._visuals = {"fake_B": fake.detach()}
        with frozen(self.netD):
            reference = self._reference(batch, "G")  # no gradient reaches it: references are constants for G [D15]
            f = self.netD(fake, reference)
            if self.config.adversarial_loss == "logistic":
                G = logistic_generator(f)
            else:
                with torch.no_grad():
                    r = self.netD(batch["B" if self.config.generator_reals == "same" else "B.contrast"], reference)
                G = self._contrast(f, r) if self.config.generator_loss == "swap" else -self._contrast(r, f)
            self._descend(G, "G")
        return {"G": G, "G_fake": f.mean()}

    def _update_discriminator(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """D minimises softplus(f) + softplus(-r), or C(r, f); reals and fakes pass separately, with one reference."""
        with torch.no_grad():
            fake, _ = self._synthesise("z_D", drawn)
        reference = self._reference(batch, "D")
        f, r = self.netD(fake, reference), self.netD(batch["B"], reference)
        D = logistic_discriminator(r, f) if self.config.adversarial_loss == "logistic" else self._contrast(r, f)
        self._descend(D, "D")
        return {"D": D, "D_real": r.mean(), "D_fake": f.mean()}

    def _contrast(self, real: Tensor, fake: Tensor) -> Tensor:
        """The dual contrastive loss in the contrast batch, which may be that of all ranks."""
        if collective.is_shared("contrast_batch"):
            real, fake = collective.gathered(real), collective.gathered(fake)
        return dual_contrastive(real, fake, self.config.contrast_batch)

    def _regularise_generator(self, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Path lengths should equal their running mean, through which a hundredth of the gradient flows too."""
        fake, ws = self._synthesise("z_pl", drawn)
        lengths = path_lengths(fake, ws, drawn["pl_noise"])
        mean = self.pl_mean + PL_DECAY * (collective.mean(lengths.mean()) - self.pl_mean)
        self.pl_mean.copy_(mean.detach())
        penalty = (lengths - mean).square().mean()
        self._descend(self.config.pl_weight * self.config.pl_interval * penalty, "G")
        return {"pl": penalty}

    def _regularise_discriminator(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """R1 at the real images; references are held fixed unless `r1_reference` says otherwise [D16]."""
        inputs = [batch["B"].detach().requires_grad_()]
        images = self._reference_images(batch, "D")
        if images is None:
            logits = self.netD(inputs[0])
        else:
            if self.config.r1_reference == "both":
                inputs.append(images := images.detach().clone().requires_grad_())
            logits = self.netD(inputs[0], self.netD.reference_features(images))
        penalty = r1_penalty(logits, inputs).mean()
        self._descend(self.config.r1_gamma / 2 * self.config.r1_interval * penalty, "D")
        return {"r1": penalty}

    def _synthesise(self, purpose: str, drawn: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Images (count, 3, R, R) of what was drawn for a purpose, and the w of every layer (count, num_ws, w_dim)."""
        netG = self.netG
        w = netG.mapping(drawn[purpose])
        netG.mapping.update_average(w)  # of every pass in training, D's too, but not of the mixed-in w [R]
        ws = netG.broadcast(w)
        if self.config.style_mixing:
            # also where nothing is mixed in: one program for every step, and a gradient of exactly 0
            other = netG.broadcast(netG.mapping(drawn[f"{purpose}.other"]))
            mixed = torch.arange(netG.num_ws, device=w.device) >= drawn[f"{purpose}.cutoff"]
            ws = torch.where(mixed[:, None], other, ws)
        maps: list[Tensor] = []  # by number: a record read back from a file is in no order
        while (name := f"{purpose}.noise.{len(maps)}") in drawn:
            maps.append(drawn[name])
        return netG.synthesis(ws, maps or None), ws

    def _reference_images(self, batch: dict[str, Tensor], player: str) -> Tensor | None:
        """The images that primary images are paired with by index, real and generated ones alike [D14]."""
        if self.config.reference_attention is None:
            return None
        if self.config.reference_pairing == "roll":
            return collective.own(collective.gathered(batch["B"]).roll(1, dims=0))
        return batch[f"B.reference_{player}"]

    def _reference(self, batch: dict[str, Tensor], player: str) -> Tensor | None:
        images = self._reference_images(batch, player)
        return None if images is None else self.netD.reference_features(images)

    def _descend(self, loss: Tensor, player: str) -> None:
        """One update of one network, in which every parameter takes part.

        A regularisation step advances Adam's averages of parameters that it does not reach as well, with gradient 0 [R].
        """
        optimizer = self._optimizers[player]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        collective.average_gradients(optimizer)
        for parameter in optimizer.param_groups[0]["params"]:
            gradient: Tensor | None = parameter.grad
            # not finite: as the PyTorch successor does; the TensorFlow code skips the whole update instead
            parameter.grad = (
                torch.zeros_like(parameter)
                if gradient is None
                else gradient.nan_to_num_(nan=0.0, posinf=1e5, neginf=-1e5)
            )
        optimizer.step()

    @torch.no_grad()
    def _average_generator(self, batch: int) -> None:
        """Exponential average of G's parameters, with a half-life counted in images; buffers are copied."""
        beta = 0.5 ** (batch / (self.config.ema_kimg * 1000))
        for average, parameter in zip(self.netG_ema.parameters(), self.netG.parameters(), strict=True):
            average.lerp_(parameter, 1 - beta)
        for copied, buffer in zip(self.netG_ema.buffers(), self.netG.buffers(), strict=True):
            copied.copy_(buffer)

    @torch.no_grad()
    def generate(self, n: int, stream: torch.Generator) -> Tensor:
        """Images of the averaged generator, without truncation, with fresh noise maps.

        Args:
            n: how many.
            stream: on the CPU; latent vectors and noise come from it.

        Returns:
            (n, 3, R, R), clamped to [-1, 1] (StyleGAN2 has no tanh).
        """
        return self.images(self.latents(n, stream), stream)

    @torch.no_grad()
    def latents(self, n: int, stream: torch.Generator) -> Tensor:
        """Draw n points (n, w_dim) of the averaged generator's w, without truncation."""
        z = torch.randn((n, self.config.z_dim), generator=stream, dtype=self.pl_mean.dtype).to(self.pl_mean.device)
        w: Tensor = self.netG_ema.mapping(z)
        return w

    @torch.no_grad()
    def images(self, latents: Tensor, noise: torch.Generator) -> Tensor:
        """Images (n, 3, R, R) of points (n, w_dim), clamped to [-1, 1]; noise maps come from `noise`, on the CPU."""
        netG = self.netG_ema.eval()  # batch norm, if the attention has it, uses its running statistics
        ws = netG.broadcast(latents)
        return netG.images(ws, noise if self.config.noise == "random" else None).clamp(-1, 1)


def lazy_adam(parameters: Any, config: DualContrastiveConfig, interval: int | None) -> Adam:
    """Adam for a network that takes one extra step, a regularisation, after every `interval` steps.

    With c = interval / (interval + 1), the learning rate is lr c and the decays beta^c, so that a round with the extra
    step moves as far as one without.

    Source: Karras et al. 2020, appendix B "Lazy regularization".
    """
    c = 1.0 if interval is None else interval / (interval + 1)
    return adam(parameters, config.lr * c, (config.beta1**c, config.beta2**c))
