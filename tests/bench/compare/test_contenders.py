from pathlib import Path

import pytest

from bench.base.errors import BenchError, UsageError
from bench.compare.contenders import choose, differences, enter
from bench.schema.protocol import load_protocol

EXAMPLES = Path(__file__).parents[3] / "examples"
FOCAL = f"{EXAMPLES / 'focal_nce.py'}:FocalNCE"
TOY = f"{Path(__file__).parents[2] / 'plugins' / 'toy.py'}:Toy"


def entered(budget="equal", settings=None, against=("cut", "fastcut"), losses=(FOCAL,), options=None, sweep=None):
    contenders = choose(losses, None, options or {}, "cut", against)
    return enter(contenders, load_protocol("earth-land2sat"), "mini", budget, settings or {}, sweep)


def lines(first, other):
    return [one.line for one in differences(first.resolution, other.resolution)]


def test_only_the_loss_differs_from_the_framework():
    focal, cut, fastcut = entered()
    assert [focal.label, cut.label, fastcut.label] == ["focal_nce", "cut", "fastcut"]
    mine, theirs = dict(focal.resolution.config), dict(cut.resolution.config)
    assert {name for name in mine if mine[name] != theirs[name]} == {"loss"}
    assert lines(focal, cut) == ["loss patchnce (candidate: focal_nce.py:FocalNCE)"]
    assert lines(focal, focal) == []
    assert "nce_idt false (candidate: true)" in lines(focal, fastcut)
    assert lines(focal, fastcut)[0] == "method fastcut (candidate: cut)"


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
    mine, cut = entered(losses=[adversarial], options={"negatives": 7}, against=("cut",))
    assert mine.resolution.config.loss_options == {"negatives": 7}
    assert "loss_options.negatives – (candidate: 7)" in lines(mine, cut)
    with pytest.raises(UsageError, match="negative: unknown key"):
        entered(losses=[adversarial], options={"negative": 7})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, None, {}, "cut", ["cut"]), "say what to compare: --loss"),
        (([FOCAL], "cut", {}, "cut", ["cut"]), "say what to compare: --loss"),
        (([FOCAL], None, {}, "cut", []), "say what to compare with: --against"),
        (([FOCAL], None, {}, "cyclegan", ["cut"]), "--framework cyclegan: takes no loss"),
        ((None, TOY, {"a": 1}, "cut", ["cut"]), "--loss-option goes with --loss"),
        ((None, "cut", {}, "cut", ["cut"]), "two contenders are named 'cut'"),
        ((None, "cutt", {}, "cut", ["fastcut"]), "no method named 'cutt'"),
        ((["nowhere.py:Loss"], None, {}, "cut", ["cut"]), "nowhere.py: no such file"),
        (([FOCAL.replace(":Focal", ":Fokal")], None, {}, "cut", ["cut"]), "focal_nce.py has no class 'FokalNCE'"),
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
        choose([f"{file}:Bad"], None, {}, "cut", ["cut"])
    file = tmp_path / "none.py"
    file.write_text("class Bad:\n    pass\n")
    with pytest.raises(UsageError, match=r"Bad must subclass bench\.loss\.PairLoss"):
        choose([f"{file}:Bad"], None, {}, "cut", ["cut"])


def test_an_unknown_budget():
    with pytest.raises(UsageError, match="no budget named 'equl'; did you mean equal"):
        entered("equl")


def test_several_variants_of_a_loss_are_candidates_with_names_of_their_own():
    adversarial = f"{EXAMPLES / 'adversarial_negatives.py'}:AdversarialNegatives"
    plain, more, cut = entered(
        losses=[adversarial, f"{adversarial}{{negatives=7,lambda_NCE=2}}"], against=["cut{nce_T=0.1}"]
    )
    assert [one.label for one in (plain, more, cut)] == [
        "adversarial_negatives", "adversarial_negatives{negatives=7,lambda_NCE=2}", "cut{nce_T=0.1}",
    ]  # fmt: skip
    assert [one.is_candidate for one in (plain, more, cut)] == [True, True, False]
    assert more.resolution.config.loss_options["negatives"] == 7  # an option of the loss
    assert more.resolution.config.lambda_NCE == 2  # a setting of the method
    assert cut.resolution.config.nce_T == 0.1
    assert [line.partition(" ")[0] for line in lines(plain, more)] == ["lambda_NCE", "loss_options.negatives"]
    with pytest.raises(UsageError, match=r"no option or setting of focal_nce named 'gama'"):
        choose([f"{FOCAL}{{gama=1}}"], None, {}, "cut", ["cut"])
    with pytest.raises(UsageError, match=r"two contenders are named 'focal_nce'"):
        choose([FOCAL, FOCAL], None, {}, "cut", ["cut"])


def test_a_sweep_goes_to_everyone_who_has_the_setting():
    focal, cut, cyclegan = entered(sweep={"lambda_NCE": [1, 2]}, against=("cut", "cyclegan"))
    assert [one.label for one in focal.tries] == ["focal_nce{lambda_NCE=1}", "focal_nce{lambda_NCE=2}"]
    assert [one.resolution.config.lambda_NCE for one in cut.tries] == [1, 2]
    assert [one.label for one in cyclegan.tries] == ["cyclegan"]
    assert (focal.label, cut.label) == ("focal_nce", "cut")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sweep": {"lambda_N": [1, 2]}}, "no setting or option named 'lambda_N'; did you mean lambda_NCE"),
        ({"sweep": {"lr": [1, 2]}, "settings": {"lr": 1}}, "--sweep lr: --set gives it too; leave one of them out"),
        (
            {"sweep": {"lr": [1, 2]}, "against": ("cut", "cut{lr=1}")},
            r"--sweep tries cut\{lr=1\}, which is a contender",
        ),
    ],
)
def test_a_sweep_that_cannot_be(arguments, message):
    with pytest.raises(UsageError, match=message):
        entered(**arguments)
