"""The two depths of a loss plugin: `PatchLoss` (one layer at a time) and `PairLoss` (the whole pair, all layers).

The host, a method that takes losses, decides where patches are sampled, what is detached, the order of the updates and
the weight of the whole; a loss only says how close two sets of patch features are. That is what makes "everything else
equal" true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.base.validation import Strict
from bench.plugin.method import StepContext


class LossConfig(Strict):
    """Base of a loss's own options; unknown keys are errors."""


@dataclass(frozen=True)
class LayerPair:
    """The patches of one encoder layer.

    Attributes:
        query: (batch, patches, dim) unit rows, projected features of the generated image; gradients flow.
        key: (batch, patches, dim) unit rows, projected features of the input image at the same places; detached.
        ids: (patches,) int64, flattened row-major positions h*W+w, shared by every image of the minibatch.
        query_map: (batch, C, H, W) encoder features of the generated image, attached to the graph.
        key_map: (batch, C, H, W) encoder features of the input image; attached only if the loss sets
            `needs_key_graph`, detached otherwise.
    """

    query: Tensor
    key: Tensor
    ids: Tensor
    query_map: Tensor
    key_map: Tensor


@dataclass(frozen=True)
class Pair:
    """A generated image against the image it was made from, at every chosen encoder layer.

    Attributes:
        kind: `translation` (real_A -> fake_B) or `identity` (real_B -> idt_B).
        layers: one `LayerPair` per entry of nce_layers, in that order.
    """

    kind: Literal["translation", "identity"]
    layers: Sequence[LayerPair]

    def detached(self) -> Pair:
        """The same pair without gradients, for the adversary's step."""
        return Pair(
            self.kind,
            [
                LayerPair(p.query.detach(), p.key.detach(), p.ids, p.query_map.detach(), p.key_map.detach())
                for p in self.layers
            ],
        )


@dataclass(frozen=True)
class LayerShape:
    """The sizes of one encoder layer for a minibatch, known before a network runs.

    Attributes:
        batch: images of the minibatch. A host told to take the other images of the minibatch as negatives shows the loss
            all of them as one image, (1, batch x patches, dim): draw for `batch` and reshape to what `query` has.
        patches: places sampled in each.
        channels, height, width: of the layer's feature map.
    """

    batch: int
    patches: int
    channels: int
    height: int
    width: int


_MOMENT = ("step", "epoch", "total_steps", "total_epochs", "draw")  # what a context had before steps were drawn first


@dataclass(frozen=True)
class LossContext:
    """What a loss may know when it is called.

    Attributes:
        temperature: nce_T of the host.
        drawn: what the loss's `draw` returned for this call; read-only. In a call about several pairs the names begin
            with the pair's kind (`translation/noise`), and `of(pair)` has those of one.
        layer: index into nce_layers, for `PatchLoss.forward`; None otherwise.
    """

    temperature: float
    drawn: Mapping[str, Tensor] = field(default_factory=dict)
    layer: int | None = None

    def at_layer(self, layer: int) -> LossContext:
        """The same context, saying which layer is being looked at."""
        return replace(self, layer=layer)

    def of(self, pair: Pair) -> LossContext:
        """The same context with what was drawn for one pair, in a call about several of them."""
        return self.within(f"{pair.kind}/")

    def within(self, prefix: str) -> LossContext:
        """The same context with what was drawn under a prefix, which is taken off."""
        own = {name.removeprefix(prefix): t for name, t in self.drawn.items() if name.startswith(prefix)}
        return replace(self, drawn=MappingProxyType(own))

    def __getattr__(self, name: str) -> Any:
        """Say what has become of the moment that a context once held."""
        if name in _MOMENT:
            raise BenchError(
                f"a loss reads context.{name}, which is known when a step is drawn, not when it is made; "
                "docs/draw-and-step.md shows how to move it to the loss's draw"
            )
        raise AttributeError(name)


class PairLoss(nn.Module):
    """A loss over all layers of a pair, with an optional adversary and state of its own.

    Everything that must survive a restart (sub-networks, EMA, memory) belongs in the module's parameters and buffers.
    A parameter is trained in the step of G and F, by an optimizer of the same settings, unless it is one of
    `adversary_parameters()` or says `requires_grad_(False)`.

    Attributes:
        name: how people call it (a literal, read without importing torch).
        citation: where it comes from (a literal).
        revision: raised whenever a change can move a number (a literal).
        share_ids: draw one set of locations for the translation and the identity pair (SRC) instead of fresh ones (CUT).
        needs_key_graph: keep `key_map` attached to the generator's graph (NEGCUT's negatives).
    """

    name: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    revision: ClassVar[int] = 1
    Config: ClassVar[type[LossConfig]] = LossConfig
    share_ids: ClassVar[bool] = False
    needs_key_graph: ClassVar[bool] = False

    def __init__(self, config: LossConfig | None = None) -> None:
        super().__init__()
        self.config = config if config is not None else self.Config()

    @property
    def depends_on_epoch(self) -> bool:
        """Whether `draw` reads `context.epoch` (a curriculum); a replay of recorded steps then has to be given it."""
        return False

    def build(self, channels: Sequence[int], make_head: Callable[[], nn.Module]) -> None:
        """Make sub-networks once the encoder is known.

        Args:
            channels: channels of the feature map at each of nce_layers.
            make_head: builds another projection head like netF, freshly initialised from its own stream; a module
                that maps (list of maps, list of ids or None) to a list of unit rows.
        """

    def draw(self, context: StepContext, layers: Sequence[LayerShape]) -> dict[str, Tensor]:
        """Everything of one call that is random or depends on the moment, on the CPU; called once for each pair.

        Args:
            context: the moment and its random draws (`context.draw.permutation|normal|bernoulli(name, ...)`).
            layers: sizes of what the call will be shown.

        Returns:
            By name what the call finds in its `context.drawn`.
        """
        return {}

    def forward(self, pair: Pair, context: LossContext) -> Tensor | dict[str, Tensor]:
        """The loss of one pair.

        Returns:
            A scalar (logged as `NCE`), or named scalars. A term returned for both pairs is averaged over them; a term
            returned for one pair only counts whole; an empty dict skips the pair. A term without gradient is logged
            and is no part of the objective.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(pair, context)")

    def terms(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        """What the host calls: `forward`, checked, as named scalars.

        Raises:
            BenchError: if the loss returned something else than a scalar or named scalars.
        """
        return _named_scalars(self, "forward", self(pair, context))

    def adversary_terms(self, pairs: Sequence[Pair], context: LossContext) -> dict[str, Tensor]:
        """What the host calls for the adversary's step: `adversary_loss`, checked, as named scalars."""
        return _named_scalars(self, "adversary_loss", self.adversary_loss(pairs, context), default="adversary")

    def adversary_parameters(self) -> list[nn.Parameter]:
        """Parameters of the max player; if any, the host gives them an optimizer and a step between D's and G's."""
        return []

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters by name that are trained in the step of G and F."""
        adversary = {id(parameter) for parameter in self.adversary_parameters()}
        return {name: p for name, p in self.named_parameters() if p.requires_grad and id(p) not in adversary}

    def require_trained(self) -> None:
        """Check, after a step of G and F, that it reached every parameter it should train.

        Raises:
            BenchError: naming the first one without a gradient.
        """
        for name, parameter in self.trained_parameters().items():
            if parameter.grad is None:
                raise BenchError(
                    f"loss {self.name or type(self).__name__}: nothing trains its parameter {name}; let a term depend on "
                    "it, list it in adversary_parameters(), or freeze it with requires_grad_(False)"
                )

    def adversary_loss(self, pairs: Sequence[Pair], context: LossContext) -> Tensor | dict[str, Tensor]:
        """What the max player minimises, on detached pairs with draws of their own: `context.of(pair)` has a pair's.

        Returns:
            A scalar (logged as `adversary`), or named scalars, which are summed.
        """
        raise NotImplementedError(f"{type(self).__name__} has adversary parameters but no adversary_loss")

    def after_generator_step(self, networks: dict[str, nn.Module], context: LossContext) -> None:
        """Called once after G and F were updated (EMA, enqueue); `networks` holds netG, netD, netF."""

    def networks(self) -> dict[str, nn.Module]:
        """Sub-networks under the names people know (`N`, `F_`), for records and parameter counts."""
        return {}


def _named_scalars(loss: PairLoss, method: str, value: object, default: str = "NCE") -> dict[str, Tensor]:
    """Turn what a plugin returned into named scalars, or say which plugin returned what."""
    terms: dict[str, Any] = value if isinstance(value, dict) else {default: value}
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.ndim != 0:
            got = f"shape {tuple(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
            raise BenchError(
                f"loss {type(loss).__name__}: {method} must return a scalar tensor or named scalars, "
                f"got {got} for '{name}'"
            )
    return terms


class PatchLoss(PairLoss):
    """The 20-line plugin: define `forward(query, key, context)` for one layer; patches, then layers, are averaged.

    Examples:
        >>> class Distance(PatchLoss):
        ...     def forward(self, query, key, context):
        ...         return (query - key).square().sum(2)
        ...
        >>> Distance()(torch.ones(1, 2, 3), torch.zeros(1, 2, 3), None)
        tensor([[3., 3.]])
    """

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, context: LossContext
    ) -> Tensor | dict[str, Tensor]:
        """One loss per patch.

        Args:
            query: (batch, patches, dim) unit rows of the generated image.
            key: (batch, patches, dim) unit rows of the input image at the same places; no gradient.
            context: `context.layer` is the layer's index, `context.temperature` nce_T.

        Returns:
            (batch, patches) losses, logged as `NCE`; or several by name. One without gradient (`.detach()`) is logged and
            is no part of the objective.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(query, key, context)")

    def terms(self, pair: Pair, context: LossContext) -> dict[str, Tensor]:
        """Average what `forward` returns over patches, then over the layers that have it (CUT: calculate_NCE_loss)."""
        means: dict[str, list[Tensor]] = {}
        for index, layer in enumerate(pair.layers):
            returned = self(layer.query, layer.key, context.at_layer(index))
            for name, losses in (returned if isinstance(returned, dict) else {"NCE": returned}).items():
                expected = tuple(layer.query.shape[:2])
                if not isinstance(losses, Tensor) or tuple(losses.shape) != expected:
                    got = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
                    of = f", got {got} for '{name}'" if isinstance(returned, dict) else f", got {got}"
                    raise BenchError(
                        f"loss {type(self).__name__}: forward must return one loss per patch, shape {expected}{of}"
                    )
                means.setdefault(name, []).append(losses.mean())
        return {name: torch.stack(of_layers).mean() for name, of_layers in means.items()}
