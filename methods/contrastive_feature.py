"""Contrastive feature loss: a SPADE generator trained by patches that must find their own place in the true image.

Andonian, Park, Russell, Isola, Zhu, Zhang, "Contrastive Feature Loss for Image Prediction", 2021. Where paper and code
differ, alexandonian/contrastive-feature-loss 788ac92 is `variant: released`. The options: contrastive_feature_config.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from bench.base.randomness import Draws
from bench.base.weight_files import WeightFile
from bench.method import Method, MethodConfig, StepContext, Task
from methods.contrastive_feature_config import ContrastiveFeatureConfig
from methods.feature_spaces import SPACES, FeatureSpace
from methods.losses.contrastive_feature import aggregate, bidirectional_nce, patch_nce
from methods.losses.feature_l1 import feature_l1, layer_weights
from methods.losses.feature_matching import feature_matching
from methods.losses.multiscale_gan import discriminator_loss, generator_loss
from methods.networks.multiscale_discriminator import MultiscaleDiscriminator
from methods.networks.projection_head import ProjectionHead
from methods.networks.semantics import semantics
from methods.networks.spade import SPADEGenerator
from methods.networks.spade_initialisation import initialise_spade
from methods.optimisation import adam, descend, frozen


class ContrastiveFeature(Method):
    """L = lambda_gan GAN(G(x)) + lambda_NCE NCE(F(G(x)), F(y)) + baselines; each term can be switched off.

    A step: generate; update G, the heads F and, unless frozen, the feature space E; generate again without gradient;
    update D. Both passes of G are in training mode, so that its running statistics and spectral vectors move twice.
    """

    name = "contrastive_feature"
    task: ClassVar[Task] = "paired_synthesis"
    citation = "Andonian et al., Contrastive Feature Loss for Image Prediction, 2021"
    revision = 1
    source = "alexandonian/contrastive-feature-loss 788ac92, NVlabs/SPADE fecacc9"
    Config: ClassVar[type[MethodConfig]] = ContrastiveFeatureConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"cityscapes": {}}
    conformance: ClassVar[dict[str, Any]] = {
        "load_size": 32,
        "crop_size": 32,
        "aspect_ratio": 1.0,
        "label_nc": 5,
        "no_instance": True,
        "num_upsampling_layers": "normal",
        "nhidden": 8,
        "feature_space": "conv_encoder",
        "pretrained_F": False,
        "frozen_F": False,
        "nef": 4,
        "nce_resize": 64,
        "nce": "bidirectional",
        "lambda_L1": 1.0,
        "lambda_feat": 1.0,
    }
    config: ContrastiveFeatureConfig
    across_ranks = True
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netG",)

    def __init__(self, config: ContrastiveFeatureConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        lr_G, lr_D, betas = config.adam
        self.netG = SPADEGenerator(
            config.semantic_nc,
            config.ngf,
            config.size(config.crop_size),
            config.num_upsampling_layers,
            config.norm_G,
            config.nhidden,
        )
        initialise_spade(self.netG, draws.generator("init.netG"))
        self._optimizers = {"G": adam(self.netG.parameters(), lr_G, betas)}
        self.netD: MultiscaleDiscriminator | None = None
        self.netF: ProjectionHead | None = None
        self.space: FeatureSpace | None = None
        self.perceptual: FeatureSpace | None = None
        if config.lambda_gan or config.lambda_feat:
            self.netD = MultiscaleDiscriminator(config.semantic_nc + 3, config.ndf, config.n_layers_D, config.num_D)
            initialise_spade(self.netD, draws.generator("init.netD"))
            self._optimizers["D"] = adam(self.netD.parameters(), lr_D, betas)
        if config.lambda_NCE:
            self.space = FeatureSpace(
                config.space_used,
                config.space_layers,
                config.resize,
                draws.generator("init.space"),
                config.nef,
                config.patch_sizes,
            ).requires_grad_(not config.frozen_F)
            self.netF = ProjectionHead(self.space.channels, config.netF_nc, config.linear_heads)
            initialise_spade(self.netF, draws.generator("init.netF"))
            # the code's two optimisers for G and F, with the same settings, do what the paper's single one does
            trained = [*self.netF.parameters(), *(p for p in self.space.parameters() if p.requires_grad)]
            self._optimizers["F"] = adam(trained, lr_G, betas)
        if config.lambda_vgg:
            space = config.perceptual_space
            every = range(SPACES[space].maps)
            self.perceptual = FeatureSpace(space, every, None, draws.generator("init.perceptual")).requires_grad_(False)
        # the released code's decay leaves F alone
        decaying = [name for name in self._optimizers if name != "F" or config.variant == "paper"]
        self._schedulers = {name: self._schedule(self._optimizers[name]) for name in decaying}

    def _schedule(self, optimizer: Optimizer) -> LambdaLR:
        """SPADE's decay: each decaying epoch ends by taking lr / n_epochs_decay away, so the first still has all of it."""
        constant, decay = self.config.n_epochs, self.config.n_epochs_decay
        return LambdaLR(optimizer, lambda done: 1.0 - max(0, done - constant) / max(1, decay))

    @classmethod
    def weight_files(cls, config: MethodConfig) -> list[WeightFile]:
        """See `Method.weight_files`."""
        assert isinstance(config, ContrastiveFeatureConfig)
        needed = [config.space_used] if config.lambda_NCE and config.pretrained_F else []
        needed += [config.perceptual_space] if config.lambda_vgg else []
        return [file for space in needed if (file := SPACES[space].weights) is not None]

    def load_pretrained(self, weights: Path) -> None:
        """See `Method.load_pretrained`."""
        if self.space is not None and self.config.pretrained_F:
            self.space.load_pretrained(weights)
        if self.perceptual is not None:
            self.perceptual.load_pretrained(weights)

    def networks(self) -> dict[str, nn.Module]:
        """G, D, F, and E, the feature space, if it is trained."""
        trained = self.space is not None and not self.config.frozen_F
        return super().networks() | ({"E": self.space} if self.space is not None and trained else {})

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """`nce.ids/MAP`: the places at each map of the feature space, shared by both images and by the batch."""
        sizes = self.space.map_sizes(context.shapes["B"][2:]) if self.space is not None else []
        return {
            f"nce.ids/{index}": context.draw.permutation("nce.ids", height * width, self.config.num_patches)
            for index, (height, width) in enumerate(sizes)
        }

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update G, F and E, then D.

        Args:
            batch: A, conditions (batch, 1 or 2, H, W); B, images (batch, 3, H, W) in [-1, 1].
            drawn: see `draw`.
            phase: not used.

        Returns:
            G, its weighted terms G_GAN, G_Feat, G_L1, G_VGG, NCE; D_real, D_fake, D; those that exist.
        """
        labels = semantics(batch["A"], self.config.classes)
        real = batch["B"]
        fake = self.netG(labels)
        self._visuals = {"fake_B": fake.detach()}
        with frozen(*([self.netD] if self.netD is not None else [])):
            terms = self._generator_terms(labels, fake, real, drawn)
            G = torch.stack(list(terms.values())).sum()
            descend(G, *(self._optimizers[name] for name in ("G", "F") if name in self._optimizers))
        losses = {name: term.detach() for name, term in (terms | {"G": G}).items()}
        if self.netD is not None:
            losses |= self._update_discriminator(self.netD, labels, real)
        return losses

    def _generator_terms(
        self, labels: Tensor, fake: Tensor, real: Tensor, drawn: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Every weighted term of the generator's loss."""
        config = self.config
        terms = {}
        if self.netD is not None:
            of_fake, of_real = _discriminate(self.netD, labels, fake, real)
            if config.lambda_gan:
                scores = [features[-1] for features in of_fake]
                terms["G_GAN"] = config.lambda_gan * generator_loss(scores, config.gan_mode)
            if config.lambda_feat:
                terms["G_Feat"] = config.lambda_feat * feature_matching(of_fake, of_real)
        if config.lambda_L1:
            terms["G_L1"] = config.lambda_L1 * (fake - real).abs().mean()
        if self.perceptual is not None:
            with torch.no_grad():
                targets = [real, *self.perceptual(real)]
            weights = layer_weights(config.vgg_weights)
            terms["G_VGG"] = config.lambda_vgg * feature_l1([fake, *self.perceptual(fake)], targets, weights)
        if self.space is not None and self.netF is not None:
            terms["NCE"] = config.lambda_NCE * self._contrast(self.space, self.netF, fake, real, drawn)
        return terms

    def _contrast(
        self, space: FeatureSpace, netF: ProjectionHead, fake: Tensor, real: Tensor, drawn: Mapping[str, Tensor]
    ) -> Tensor:
        """The contrastive feature loss."""
        config = self.config
        # real and fake apart, because batch norms of a feature space shall see one kind at a time
        with torch.set_grad_enabled(config.nce == "bidirectional" or config.uses_key_gradient):
            real_maps = space(real)
        fake_maps = space(fake)
        ids = [drawn[f"nce.ids/{index}"] for index in range(len(real_maps))]
        loss = bidirectional_nce if config.nce == "bidirectional" else patch_nce
        by_layer = [
            loss(query, key, config.nce_T, config.uses_fake_negatives, config.uses_key_gradient)
            for query, key in zip(netF(fake_maps, ids), netF(real_maps, ids), strict=True)
        ]
        return aggregate(by_layer, len(config.layer_labels), config.nce_layers_multiplier)

    def _update_discriminator(self, netD: MultiscaleDiscriminator, labels: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The discriminator's step on an image made by the updated generator."""
        with torch.no_grad():
            fake = self.netG(labels)
        of_fake, of_real = _discriminate(netD, labels, fake, real)
        D_fake = discriminator_loss([features[-1] for features in of_fake], False, self.config.gan_mode)
        D_real = discriminator_loss([features[-1] for features in of_real], True, self.config.gan_mode)
        D = D_fake + D_real
        descend(D, self._optimizers["D"])
        return {"D_fake": D_fake.detach(), "D_real": D_real.detach(), "D": D.detach()}

    @torch.no_grad()
    def synthesize(self, condition: Tensor) -> Tensor:
        """G of conditions (batch, 1 or 2, H, W), with running statistics: images (batch, 3, H, W) in [-1, 1]."""
        was_training = self.netG.training
        self.netG.eval()
        images = self.netG(semantics(condition, self.config.classes))
        self.netG.train(was_training)
        return images


def _discriminate(
    netD: MultiscaleDiscriminator, labels: Tensor, fake: Tensor, real: Tensor
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """The discriminator's features of fake and real images, seen in one batch with their label maps."""
    count = len(fake)
    pairs = torch.cat([torch.cat([labels, images], dim=1) for images in (fake, real)])
    features = netD(pairs)
    return [[f[:count] for f in scale] for scale in features], [[f[count:] for f in scale] for scale in features]
