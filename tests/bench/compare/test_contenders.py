from pathlib import Path

import pytest

from bench.base.errors import BenchError, UsageError
from bench.compare.contenders import choose, enter
from bench.schema.protocol import load_protocol

EXAMPLES = Path(__file__).parents[3] / "examples"
FOCAL = f"{EXAMPLES / 'focal_nce.py'}:FocalNCE"
TOY = f"{Path(__file__).parents[2] / 'plugins' / 'toy.py'}:Toy"


def entered(budget="equal", settings=None, against=("cut", "fastcut"), loss=FOCAL, options=None, scale="mini"):
    contenders = choose(loss, None, options or {}, "cut", against)
    return enter(contenders, load_protocol("earth-land2sat"), scale, budget, settings or {})


def test_only_the_loss_differs_from_the_framework():
    focal, cut, fastcut = entered()
    assert [focal.label, cut.label, fastcut.label] == ["focal_nce", "cut", "fastcut"]
    mine, theirs = dict(focal.resolution.config), dict(cut.resolution.config)
    assert {name for name in mine if mine[name] != theirs[name]} == {"loss"}
    assert cut.differences == ["loss patchnce (candidate: focal_nce.py:FocalNCE)"]
    assert focal.differences == []
    assert "nce_idt False (candidate: True)" in fastcut.differences
    assert fastcut.differences[0] == "method fastcut (candidate: cut)"


def test_an_equal_budget_gives_everyone_the_candidates_length():
    lengths = [
        (e.resolution.config.n_epochs, e.resolution.config.n_epochs_decay, e.resolution.config.images_per_epoch)
        for e in entered("equal", against=("fastcut", "cyclegan"))
    ]
    images = load_protocol("earth-land2sat").scale("mini").images_per_epoch
    assert lengths == [(10, 10, images)] * 3
    epochs = [
        (e.resolution.config.n_epochs, e.resolution.config.n_epochs_decay)
        for e in entered("as-published", against=("fastcut", "cyclegan"))
    ]
    assert epochs == [(10, 10), (8, 2), (5, 5)]


def test_a_setting_goes_to_everyone_who_has_it():
    focal, cyclegan = entered(settings={"ngf": 3, "netF_nc": 5}, against=("cyclegan",))
    assert focal.resolution.config.ngf == cyclegan.resolution.config.ngf == 3
    assert focal.resolution.config.netF_nc == 5
    with pytest.raises(UsageError, match="no setting named 'nfg'; did you mean ngf"):
        entered(settings={"nfg": 3})


def test_options_of_the_loss(tmp_path):
    adversarial = f"{EXAMPLES / 'adversarial_negatives.py'}:AdversarialNegatives"
    mine, _ = entered(loss=adversarial, options={"negatives": 7}, against=("cut",))
    assert mine.resolution.config.loss_options == {"negatives": 7}
    with pytest.raises(UsageError, match="negative: unknown key"):
        entered(loss=adversarial, options={"negative": 7})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, None, {}, "cut", ["cut"]), "say what to compare: --loss"),
        ((FOCAL, "cut", {}, "cut", ["cut"]), "say what to compare: --loss"),
        ((FOCAL, None, {}, "cut", []), "say what to compare with: --against"),
        ((FOCAL, None, {}, "cyclegan", ["cut"]), "--framework cyclegan: takes no loss"),
        ((None, TOY, {"a": 1}, "cut", ["cut"]), "--loss-option goes with --loss"),
        ((None, "cut", {}, "cut", ["cut"]), "two contenders are named 'cut'"),
        ((None, "cutt", {}, "cut", ["fastcut"]), "no method named 'cutt'"),
        (("nowhere.py:Loss", None, {}, "cut", ["cut"]), "nowhere.py: no such file"),
        ((f"{EXAMPLES / 'focal_nce.py'}:Fokal", None, {}, "cut", ["cut"]), "focal_nce.py has no class 'Fokal'"),
    ],
)
def test_what_can_be_asked_for_wrongly(arguments, message):
    with pytest.raises(UsageError, match=message) as caught:
        choose(*arguments)
    assert "\n" not in str(caught.value)


def test_a_loss_that_fails_on_import_or_is_none(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("class Bad:\n    pass\n\nraise RuntimeError('no luck')\n")
    with pytest.raises(BenchError, match=r"loss 'Bad' \(.*bad.py\) fails on import: RuntimeError: no luck"):
        choose(f"{file}:Bad", None, {}, "cut", ["cut"])
    file = tmp_path / "none.py"
    file.write_text("class Bad:\n    pass\n")
    with pytest.raises(UsageError, match=r"Bad must subclass bench\.loss\.PairLoss"):
        choose(f"{file}:Bad", None, {}, "cut", ["cut"])


def test_an_unknown_budget():
    with pytest.raises(UsageError, match="no budget named 'equl'; did you mean equal"):
        entered("equl")
