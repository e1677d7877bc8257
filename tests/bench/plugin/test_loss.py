from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.plugin.loss import LayerPair, LossConfig, LossContext, Pair, PairLoss, PatchLoss


def context() -> LossContext:
    return LossContext(step=3, epoch=2, total_steps=10, total_epochs=5, temperature=0.07, draw=Draws(0))


def pair(layers: int = 2, batch: int = 2, patches: int = 3) -> Pair:
    made = []
    for layer in range(layers):
        query, key = torch.randn(2, batch, patches + layer, 4)
        features = torch.randn(batch, 5, 2, 2)
        made.append(LayerPair(query.requires_grad_(), key, torch.arange(patches + layer), features, features))
    return Pair("translation", made)


class Returns(PairLoss):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self, pair: Pair, context: LossContext) -> object:  # type: ignore[override]
        return self.value

    def adversary_loss(self, pairs, context: LossContext) -> object:  # type: ignore[override]
        return self.value


def test_a_scalar_is_called_nce_and_the_adversarys_adversary() -> None:
    loss = Returns(torch.tensor(2.0))
    assert loss.terms(pair(), context()) == {"NCE": torch.tensor(2.0)}
    assert loss.adversary_terms([pair()], context()) == {"adversary": torch.tensor(2.0)}


def test_names_are_kept_and_nothing_is_allowed() -> None:
    terms = {"hDCE": torch.tensor(1.0), "SRC": torch.tensor(2.0)}
    assert Returns(terms).terms(pair(), context()) == terms
    assert Returns({}).terms(pair(), context()) == {}


@pytest.mark.parametrize(
    ("value", "got"), [(torch.zeros(3), r"shape \(3,\)"), (1.0, "float"), ({"a": None}, "NoneType")]
)
@pytest.mark.parametrize("method", ["forward", "adversary_loss"])
def test_anything_else_names_the_plugin(value: object, got: str, method: str) -> None:
    call = Returns(value).terms if method == "forward" else Returns(value).adversary_terms
    with pytest.raises(BenchError, match=f"loss Returns: {method} must return a scalar.*{got}") as caught:
        call(pair() if method == "forward" else [pair()], context())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


class Distance(PatchLoss):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        assert context.layer is not None
        return (context.layer + 1) * (query - key).square().sum(2)


def test_patch_losses_are_averaged_over_patches_then_layers() -> None:
    two = pair()
    expected = sum(
        (index + 1) * (layer.query - layer.key).square().sum(2).mean() for index, layer in enumerate(two.layers)
    )
    torch.testing.assert_close(Distance().terms(two, context())["NCE"], expected / 2)


class PerImage(PatchLoss):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        return (query * key).mean((1, 2))


class NotATensor(PatchLoss):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> Tensor:  # type: ignore[override]
        return None  # type: ignore[return-value]


@pytest.mark.parametrize(("loss", "got"), [(PerImage, r"\(2,\)"), (NotATensor, "NoneType")])
def test_a_patch_loss_of_the_wrong_shape_says_what_was_expected(loss: type[PatchLoss], got: str) -> None:
    with pytest.raises(BenchError, match=rf"loss {loss.__name__}: .* shape \(2, 3\), got {got}"):
        loss().terms(pair(), context())


def test_a_detached_pair_has_no_gradient() -> None:
    detached = pair().detached()
    assert detached.kind == "translation"
    assert not any(t.requires_grad for x in detached.layers for t in (x.query, x.key, x.query_map, x.key_map))


def test_the_context_says_which_layer() -> None:
    assert context().layer is None
    assert context().at_layer(4).layer == 4
    assert context().at_layer(4).epoch == 2


def test_what_a_plugin_forgot_is_said() -> None:
    with pytest.raises(NotImplementedError, match=r"PairLoss must define forward\(pair, context\)"):
        PairLoss()(pair(), context())
    with pytest.raises(NotImplementedError, match=r"PatchLoss must define forward\(query, key, context\)"):
        PatchLoss().terms(pair(), context())
    with pytest.raises(NotImplementedError, match="no adversary_loss"):
        PairLoss().adversary_terms([pair()], context())


def test_unknown_options_are_errors() -> None:
    with pytest.raises(ValidationError):
        LossConfig(tau=1)  # type: ignore[call-arg]
