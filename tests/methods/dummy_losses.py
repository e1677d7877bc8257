"""Two losses that use every part of the interface, to prove it before any published loss stands on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.plugin.loss import LayerShape, LossConfig, LossContext, Pair, PairLoss, PatchLoss
from bench.plugin.method import StepContext


class AdversarialConfig(LossConfig):
    decay: float = 0.5


class Adversarial(PairLoss):
    """Negatives from a trained generator of them, steered by key maps through an EMA head."""

    name = "adversarial"
    citation = "nobody"
    Config = AdversarialConfig
    needs_key_graph = True

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        self.average = make_head().requires_grad_(False)
        dim = 16
        self.makers = nn.ModuleList(nn.Linear(dim + 4, dim) for _ in channels)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        return {f"noise.{i}": context.draw.normal("noise", (layer.batch, 8, 4)) for i, layer in enumerate(layers)}

    def score(self, pair: Pair, context: LossContext) -> Tensor:
        """How much closer the keys are than made-up negatives; the adversary wants it high, G low."""
        means = [rows.mean(1) for rows in self.average([layer.key_map for layer in pair.layers])]
        losses = []
        for index, (maker, mean, layer) in enumerate(zip(self.makers, means, pair.layers, strict=True)):
            noise = context.drawn[f"noise.{index}"].to(mean)
            negatives = maker(torch.cat([mean.unsqueeze(1).expand(-1, 8, -1), noise], dim=2))
            logits = layer.query @ negatives.transpose(1, 2)
            losses.append((logits.logsumexp(2) - (layer.query * layer.key).sum(2)).mean())
        return torch.stack(losses).mean()

    def forward(self, pair: Pair, context: LossContext) -> Tensor:
        return self.score(pair, context)

    def adversary_parameters(self) -> list[nn.Parameter]:
        return list(self.makers.parameters())

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> Tensor:
        assert not any(t.requires_grad for p in pairs for x in p.layers for t in (x.query, x.key, x.key_map))
        return -torch.stack([self.score(pair, context.of(pair)) for pair in pairs]).mean()

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        self.updates += 1
        decay = self.config.decay  # type: ignore[attr-defined]
        for mine, theirs in zip(self.average.parameters(), networks["netF"].parameters(), strict=True):
            mine.mul_(decay).add_(theirs, alpha=1 - decay)

    def networks(self) -> dict[str, nn.Module]:
        return {"N": self.makers, "F_": self.average}


class RowSum(PairLoss):
    """Sums over rows, one set of locations for both pairs; `relation` skips the identity pair."""

    name = "row_sum"
    citation = "nobody"
    share_ids = True

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        terms = {"distance": torch.stack([(x.query - x.key).square().mean() for x in pair.layers]).mean()}
        if pair.kind == "translation":
            gaps = [(x.query @ x.query.transpose(1, 2) - x.key @ x.key.transpose(1, 2)) for x in pair.layers]
            terms["relation"] = torch.stack([gap.square().mean(2).sum() for gap in gaps]).mean()
        return terms


class Nothing(PairLoss):
    """Skips every pair."""

    name = "nothing"
    citation = "nobody"

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        return {}


class WrongShape(PatchLoss):
    """Returns one loss per image, not per patch."""

    name = "wrong_shape"
    citation = "nobody"

    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        return (query * key).sum((1, 2))


class HidesConfig(LossConfig):
    term: str = "D"


class Hides(PairLoss):
    """Names a term like one of the host's."""

    name = "hides"
    citation = "nobody"
    Config = HidesConfig

    def forward(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        return {self.config.term: pair.layers[0].query.mean()}  # type: ignore[attr-defined]


class WeightedConfig(LossConfig):
    unused: bool = False
    curriculum: bool = False


class Weighted(PairLoss):
    """Layers weighted by what it learns."""

    name = "weighted"
    citation = "nobody"
    Config = WeightedConfig

    @property
    def depends_on_epoch(self) -> bool:
        return self.config.curriculum  # type: ignore[attr-defined]

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        self.weights = nn.Parameter(torch.zeros(len(channels)))
        self.fixed = nn.Parameter(torch.ones(()), requires_grad=False)
        if self.config.unused:  # type: ignore[attr-defined]
            self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, pair: Pair, context: LossContext) -> Tensor:
        distances = torch.stack([(x.query - x.key).square().mean() for x in pair.layers])
        return (self.weights.exp() * distances).sum()
