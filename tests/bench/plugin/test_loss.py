from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.plugin.loss import LayerPair, LossConfig, LossContext, Pair, PairLoss, PatchLoss


def context() -> LossContext:
    return LossContext(0.07, {"translation/noise": torch.ones(2), "identity/noise": torch.zeros(2)})


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
    assert context().at_layer(4).drawn.keys() == context().drawn.keys()


def test_what_was_drawn_for_one_pair() -> None:
    of_pair = context().of(pair())
    assert of_pair.drawn.keys() == {"noise"}
    assert of_pair.drawn["noise"].tolist() == [1, 1]
    assert of_pair.temperature == 0.07
    with pytest.raises(TypeError):
        of_pair.drawn["noise"] = torch.zeros(2)  # type: ignore[index]


@pytest.mark.parametrize("name", ["step", "epoch", "total_steps", "total_epochs", "draw"])
def test_the_moment_of_the_old_contract_names_the_page_that_helps(name: str) -> None:
    with pytest.raises(BenchError, match=rf"reads context\.{name}, .*docs/draw-and-step\.md") as caught:
        getattr(context(), name)
    assert "\n" not in str(caught.value)
    assert not hasattr(context(), "something_else")


class Learns(PairLoss):
    def __init__(self) -> None:
        super().__init__()
        self.trained, self.also = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
        self.opponent = nn.Parameter(torch.ones(()))
        self.frozen = nn.Linear(1, 1).requires_grad_(False)

    def adversary_parameters(self) -> list[nn.Parameter]:
        return [self.opponent]


def test_parameters_are_trained_unless_they_are_the_adversarys_or_say_otherwise() -> None:
    assert list(Learns().trained_parameters()) == ["trained", "also"]


def test_a_parameter_without_a_gradient_is_named() -> None:
    loss = Learns()
    loss.trained.sum().backward()
    with pytest.raises(BenchError, match=r"loss Learns: nothing trains its parameter also; .*requires_grad_\(False\)"):
        loss.require_trained()
    loss.also.sum().backward()
    loss.require_trained()


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


class Named(PatchLoss):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> dict[str, Tensor]:  # type: ignore[override]
        distance = (query - key).square().sum(2)
        terms = {"NCE": distance, "near": (distance < 1).double()}
        return terms | ({"first": distance.detach()} if context.layer == 0 else {})


def test_a_patch_loss_may_return_several_by_name() -> None:
    two = pair()
    terms = Named().terms(two, context())
    distances = [(layer.query - layer.key).square().sum(2) for layer in two.layers]
    torch.testing.assert_close(terms["NCE"], (distances[0].mean() + distances[1].mean()) / 2)
    torch.testing.assert_close(terms["first"], distances[0].mean().detach())  # over the layers that have it
    assert {name for name, term in terms.items() if term.requires_grad} == {"NCE"}


class NamedWrong(PatchLoss):
    def forward(self, query: Tensor, key: Tensor, context: LossContext) -> dict[str, Tensor]:  # type: ignore[override]
        return {"NCE": (query - key).square().sum(2), "near": torch.zeros(())}


def test_a_named_one_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(BenchError, match=r"loss NamedWrong: .* shape \(2, 3\), got \(\) for 'near'"):
        NamedWrong().terms(pair(), context())
