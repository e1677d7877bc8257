"""NEGCUT: the negatives of PatchNCE come from a generator N that is trained to make them hard.

Wang et al., "Instance-wise Hard Negative Example Generation for Contrastive Learning in Unpaired Image-to-Image
Translation", ICCV 2021; WeilunWang/NEGCUT c7dbe3d decides the details.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.loss import LayerShape, LossConfig, LossContext, Pair, PairLoss
from bench.method import StepContext
from methods.losses.given_negatives import nce_with_negatives
from methods.networks.initialisation import initialise
from methods.networks.negative_generator import NegativeGenerator


def diversity(negatives: Tensor) -> Tensor:
    """Minus the mean absolute difference of the first and the second half of an image's negatives.

    The released code does not divide by the distance of the noise, as mode-seeking losses do.

    Args:
        negatives: (batch, m, dim), m at least 2; of an odd m the last one is left out.

    Returns:
        A scalar, to be minimised.

    Examples:
        >>> diversity(torch.tensor([[[0.0], [1.0], [2.0], [2.0]]]))
        tensor(-1.5000)
    """
    half = negatives.shape[1] // 2
    if half == 0:
        raise BenchError("loss negcut: its diversity term compares negatives, and there is 1; raise num_patches to 2")
    return -(negatives[:, :half] - negatives[:, half : 2 * half]).abs().mean()


class NEGCUTLossConfig(LossConfig):
    """Options of the negative generator and of its own objective."""

    noise_nc: int = Field(64, ge=1, description="width of the noise that a negative is made from")
    ema_decay: float = Field(0.9, ge=0, lt=1, description="of F_, after every update of F")
    lambda_div: float = Field(1.0, ge=0, description="weight of the diversity term in N's objective")
    # the released code takes lambda_NCE here: 1 in NEGCUT, 10 in FastNEGCUT
    lambda_N: float = Field(1.0, ge=0, description="weight of -NCE in N's objective")


class NEGCUTLoss(PairLoss):
    """G, F: min NCE(q, k, n); N: min -lambda_N NCE(q, k, n) + lambda_div diversity(n); n = N(mean of F_(key map), noise).

    As many negatives are made as the layer with the most queries has: num_patches.

    Examples:
        >>> loss = NEGCUTLoss(NEGCUTLossConfig(lambda_div=0.5))
        >>> loss.config.lambda_div, loss.needs_key_graph
        (0.5, True)
    """

    name = "negcut"
    citation = "Wang et al., Instance-wise Hard Negative Example Generation for Contrastive Learning, ICCV 2021"
    revision = 1
    Config: ClassVar[type[LossConfig]] = NEGCUTLossConfig
    config: NEGCUTLossConfig
    needs_key_graph = True  # in G's step the gradient also runs through the negatives into the encoder

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        """N, and F_: a head with initial weights of its own, not a copy of netF."""
        self.F_ = make_head().requires_grad_(False)
        with torch.no_grad():
            width = self.F_([torch.zeros(1, c, 1, 1) for c in channels])[0].shape[2]
        self.N = NegativeGenerator(len(channels), width, self.config.noise_nc)
        # an outer call of the released code asks for gain 1.0, but runs before N has layers; it starts with 0.02
        initialise(self.N, "xavier", None)

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        """Per layer the noise (batch, m, noise_nc) of fresh negatives."""
        shape = (layers[0].batch, max(layer.patches for layer in layers), self.config.noise_nc)
        return {f"noise.{index}": context.draw.normal("negatives.noise", shape) for index in range(len(layers))}

    def negatives(self, pair: Pair, context: LossContext) -> list[Tensor]:
        """Fresh negatives, per layer (batch, m, dim), from the mean over all places of the key map seen by F_."""
        means = [rows.mean(1) for rows in self.F_([layer.key_map for layer in pair.layers])]
        noise = [context.drawn[f"noise.{index}"].to(mean.dtype) for index, mean in enumerate(means)]
        negatives = self.N(means, noise)
        # the host may show the minibatch as one image, whose negatives are then those of all of them
        return [n.reshape(len(layer.query), -1, n.shape[2]) for n, layer in zip(negatives, pair.layers, strict=True)]

    def _nce(self, pair: Pair, negatives: list[Tensor], temperature: float) -> Tensor:
        layers = zip(pair.layers, negatives, strict=True)
        return torch.stack(
            [nce_with_negatives(layer.query, layer.key, n, temperature).mean() for layer, n in layers]
        ).mean()

    def forward(self, pair: Pair, context: LossContext) -> Tensor:
        """The mean over patches and layers."""
        return self._nce(pair, self.negatives(pair, context), context.temperature)

    def adversary_parameters(self) -> list[nn.Parameter]:
        """Those of N. Its optimizer has the common learning rate: the released option lr_N is ignored."""
        return list(self.N.parameters())

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> dict[str, Tensor]:
        """N's two terms, `N_NCE` and `N_div`, as they enter its objective.

        The released code keeps only the negatives of its last NCE call, so diversity is that of the identity pair,
        or of the translation where there is no identity pair.
        """
        nces = []
        for pair in pairs:
            negatives = self.negatives(pair, context.of(pair))
            nces.append(self._nce(pair, negatives, context.temperature))
        spread = torch.stack([diversity(n) for n in negatives]).mean()
        return {
            "N_NCE": -self.config.lambda_N * torch.stack(nces).mean(),
            "N_div": self.config.lambda_div * spread,
        }

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        """F_ <- decay F_ + (1 - decay) F."""
        for average, current in zip(self.F_.parameters(), networks["netF"].parameters(), strict=True):
            average.lerp_(current, 1 - self.config.ema_decay)

    def networks(self) -> dict[str, nn.Module]:
        """N and F_."""
        return {"N": self.N, "F_": self.F_}
