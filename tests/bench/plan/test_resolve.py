from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.plan.resolve import resolve
from bench.schema.protocol import load_protocol

PLUGINS = Path(__file__).parents[2] / "plugins"
EXAMPLES = Path(__file__).parents[3] / "examples"
FOCAL = f"{EXAMPLES / 'focal_nce.py'}:FocalNCE"
ADVERSARIAL = f"{EXAMPLES / 'adversarial_negatives.py'}:AdversarialNegatives"

METHOD = """
from typing import Any, ClassVar

from bench.plugin.discovery import load_method

Toy: Any = load_method({toy!r})


class Mine(Toy):
    name = "mine"
    task = "{task}"
    revision = 4
    recipes: ClassVar[dict[str, Any]] = {{"toys": {{"lr": 0.5, "n_epochs": 100, "n_epochs_decay": 50}}}}
"""


@pytest.fixture
def mine(toys, tmp_path):
    """A method with a recipe for the toys."""
    return write(tmp_path / "mine.py", toys.method, "unpaired_translation")


def write(file: Path, toy: str, task: str) -> str:
    file.write_text(METHOD.format(toy=toy, task=task))
    return f"{file}:Mine"


def smoke(toys, **changes):
    toys.edit(scales={"smoke": {"why": "a test"} | changes, "paper": {"why": "as published"}})
    return toys.protocol


def test_the_recipe_of_the_protocol_is_the_published_setting(toys, mine):
    found = resolve(mine, toys.protocol, "paper")
    assert (found.config.lr, found.config.n_epochs) == (0.5, 100)
    assert found.deviations == []


def test_a_method_that_was_not_published_for_a_protocol_deviates_under_it(toys, mine):
    toys.edit(recipe="others")
    found = resolve(mine, toys.protocol, "paper", None, {"lr": 0.1})
    assert found.deviations == ["no published recipe for others: the method's own defaults", "lr 0.05 -> 0.1"]
    text = Path(mine.rpartition(":")[0]).read_text()
    everywhere = toys.protocol_file.with_name("everywhere.py")
    everywhere.write_text(
        text.replace('"toys": {', '"toys": {"lr": 0.5}, "*": {').replace('"lr": 0.5, "n_epochs', '"n_epochs')
    )
    found = resolve(f"{everywhere}:Mine", toys.protocol, "paper")
    assert (found.config.n_epochs, found.deviations) == (100, [])
    toys.edit(recipe="toys")
    found = resolve(f"{everywhere}:Mine", toys.protocol, "paper")
    assert (found.config.lr, found.config.n_epochs, found.deviations) == (0.5, 2, [])


def test_which_built_in_methods_were_published_for_cat2dog(tmp_path):
    file = tmp_path / "horse2zebra.yaml"
    file.write_text(
        (files("protocols") / "horse2zebra.yaml").read_text().replace("recipe: horse2zebra", "recipe: cat2dog")
    )
    without = "no published recipe for cat2dog: the method's own defaults"
    methods = {
        "cut": [],
        "fastcut": [],
        "cyclegan": [],
        "negcut": [without],
        "fastnegcut": [without],
        "src_hdce": [without],
    }
    assert {name: resolve(name, load_protocol(str(file)), "paper").deviations for name in methods} == methods


def test_recipe_then_row_then_scale_then_the_user(toys, mine):
    def lr(scale=None, overrides=None, settings=None):
        return resolve(mine, smoke(toys, overrides=scale or {}), "smoke", overrides, settings).config.lr

    assert lr() == 0.5
    assert lr(overrides={"lr": 0.6}) == 0.6
    assert lr(overrides={"lr": 0.6}, scale={"lr": 0.7}) == 0.7
    assert lr(overrides={"lr": 0.6}, scale={"lr": 0.7}, settings={"lr": 0.8}) == 0.8


def test_what_a_row_says_is_published_and_what_scale_and_user_say_deviates(toys, mine):
    protocol = smoke(toys, overrides={"load_size": 18})
    found = resolve(mine, protocol, "smoke", {"lr": 0.6}, {"crop_size": 12})
    assert found.deviations == ["load_size 20 -> 18", "crop_size 16 -> 12"]
    same = resolve(mine, protocol, "smoke", None, {"load_size": 20, "lr": 0.5})
    assert same.deviations == []


def test_a_scale_divides_epochs_and_keeps_every_phase(toys, mine):
    found = resolve(mine, smoke(toys, epoch_divisor=40, images_per_epoch=4), "smoke")
    assert (found.config.n_epochs, found.config.n_epochs_decay, found.config.images_per_epoch) == (2, 1, 4)
    assert found.deviations == ["n_epochs 100 -> 2", "n_epochs_decay 50 -> 1", "images_per_epoch all -> 4"]
    found = resolve(mine, smoke(toys, epoch_divisor=1000), "smoke", {"n_epochs_decay": 0})
    assert (found.config.n_epochs, found.config.n_epochs_decay) == (1, 0)


def test_a_scale_sets_only_what_a_method_has(toys, mine):
    found = resolve(mine, smoke(toys, overrides={"ngf": 8, "lr": 0.1}), "smoke")
    assert found.config.lr == 0.1
    assert not hasattr(found.config, "ngf")


def test_a_stand_in_brings_its_data_metrics_and_scale_and_is_a_deviation():
    asked = load_protocol("horse2zebra")
    found = resolve("cut", asked, "smoke")
    assert found.is_stand_in
    assert (found.asked.id, found.ran.id) == ("horse2zebra@1", "earth-relief2sat@2")
    assert found.scale == load_protocol("earth-relief2sat").scale("smoke")
    assert found.evaluation.metrics == load_protocol("earth-relief2sat").metrics
    assert found.evaluation.counts == asked.counts
    assert found.deviations[0] == "stand-in data earth-relief2sat@2 for horse2zebra@1"
    assert "ngf 64 -> 8" in found.deviations
    assert any(line.startswith("scored on 24 test images") for line in found.deviations)


def test_at_the_papers_scale_the_published_methods_do_not_deviate():
    for method in ("cut", "fastcut", "cyclegan"):
        for name in ("horse2zebra", "cityscapes"):
            found = resolve(method, load_protocol(name), "paper")
            assert not found.is_stand_in
            assert found.deviations == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lrr": 1}, "--set lrr: no setting of toy named 'lrr'; did you mean lr?"),
        ({"lr": "fast"}, "method toy at scale smoke: lr: Input should be a valid number"),
        ({"n_epochs": 0}, "method toy at scale smoke: n_epochs: Input should be greater than or equal to 1"),
        ({"n_epochs": None}, "method toy at scale smoke: n_epochs: Input should be a valid integer"),
        ({"lr": [1, 2]}, "method toy at scale smoke: lr: Input should be a valid number"),
        ({"crop_size": 640}, "method toy at scale smoke: load_size 20 is less than crop_size 640; raise load_size"),
    ],
)
def test_a_wrong_setting_is_named(toys, settings, message):
    with pytest.raises(UsageError) as caught:
        resolve(toys.method, toys.protocol, "smoke", settings=settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "patchnse"}, "no loss named 'patchnse'; did you mean patchnce"),
        ({"loss": "gone.py:A"}, r"gone\.py: no such file"),
        ({"loss": f"{PLUGINS / 'toy.py'}:Toy"}, "must subclass bench.loss.PairLoss"),
        ({"loss_options": {"weight": 2}}, "loss patchnce: weight: unknown key"),
        ({"loss_options": 3}, "loss_options: Input should be a valid dictionary"),
        ({"loss": 3}, "loss: Input should be a valid string"),
    ],
)
def test_a_wrong_loss_is_named(toys, settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        resolve("cut", toys.protocol, "smoke", settings=settings)
    assert "\n" not in str(caught.value)


def test_a_loss_that_fails_on_import_is_named(toys):
    with pytest.raises(BenchError, match="fails on import: RuntimeError: this plugin is broken"):
        resolve("cut", toys.protocol, "smoke", settings={"loss": f"{PLUGINS / 'broken.py'}:Broken"})


def test_a_row_with_a_wrong_variant_is_named(toys):
    with pytest.raises(UsageError, match="method toy: lrr: unknown key"):
        resolve(toys.method, toys.protocol, "smoke", overrides={"lrr": 1})


def test_a_method_that_cannot_do_the_task_is_refused(toys, tmp_path):
    mine = write(tmp_path / "mine.py", toys.method, "unconditional_generation")
    message = (
        r"protocol toys@1 needs a Translator \(unpaired_translation, with translate\(\)\); "
        "method mine is for unconditional_generation"
    )
    with pytest.raises(UsageError, match=message):
        resolve(mine, toys.protocol, "smoke")
    toys.edit(task="unconditional_generation")
    with pytest.raises(UsageError, match=r"needs a Generator \(unconditional_generation, with generate\(\)\)"):
        resolve(mine, toys.protocol, "smoke")
    toys.edit(task="telepathy")
    with pytest.raises(
        UsageError, match=r"toys\.yaml: task: no task named 'telepathy'; known: multi_domain_translation"
    ):
        resolve(toys.method, toys.protocol, "smoke")


def test_references_mean_the_same_from_any_working_directory(toys, monkeypatch):
    monkeypatch.chdir(PLUGINS)
    found = resolve("toy.py:Toy", toys.protocol, "smoke")
    assert found.reference == toys.method
    cut = resolve("cut", toys.protocol, "smoke", settings={"loss": "bad_losses.py:Good"})
    assert cut.config.loss == f"{PLUGINS / 'bad_losses.py'}:Good"
    assert list(cut.plugin_files()) == [cut.config.loss]


def test_revisions_are_those_of_the_literals(toys, mine):
    assert resolve(mine, toys.protocol, "smoke").revisions() == {"method": 4}
    assert resolve("cut", toys.protocol, "smoke").revisions() == {"method": 1, "loss": 1}


def test_a_revision_that_is_no_number_is_named(toys, tmp_path):
    file = tmp_path / "mine.py"
    write(file, toys.method, "unpaired_translation")
    file.write_text(file.read_text().replace("revision = 4", "revision = 'four'"))
    with pytest.raises(UsageError, match=r"method mine \(.*mine\.py\): revision must be a whole number, not 'four'"):
        resolve(f"{file}:Mine", toys.protocol, "smoke").revisions()


def test_a_published_setting_that_does_not_fit_a_scale_is_not_available():
    """Self-attention at 64 pixels where images have 32: not something else under its name, and no error of the user's."""
    protocol = load_protocol("ffhq-256")
    said = r"method dual_contrastive at scale smoke: self_attention: 64 is no resolution .* \[4, 8, 16, 32\]; --set another"
    with pytest.raises(NotAvailable, match=said):
        resolve("dual_contrastive", protocol, "smoke")
    with pytest.raises(NotAvailable, match=said):
        resolve("dual_contrastive", protocol, "smoke", None, {"lr": 0.1})
    found = resolve("dual_contrastive", protocol, "smoke", None, {"self_attention": 16})
    assert "self_attention 64 -> 16" in found.deviations
    with pytest.raises(UsageError, match="self_attention: 64 is no resolution"):  # the user's own doing
        resolve("dual_contrastive", protocol, "smoke", {"self_attention": None}, {"self_attention": 64})


def test_a_scale_that_is_not_available_says_why(toys, mine):
    protocol = smoke(toys, available=False, why="there is nothing as large")
    with pytest.raises(
        NotAvailable, match="nothing can be run at scale smoke: there is nothing as large; choose another"
    ):
        resolve(mine, protocol, "smoke")


def test_a_share_of_a_stand_in_trains_with_fewer_images_and_is_a_deviation():
    asked = load_protocol("celeba-128-5k")
    found = resolve("dual_contrastive", asked, "smoke")
    whole = load_protocol("earth-sat")
    assert found.ran.data == whole.data.model_copy(update={"train_one_in": 6})
    assert found.ran.model_copy(update={"data": whole.data}) == whole
    assert "trained with 1 in 6 of earth-sat@2's training images" in found.deviations
    assert whole == load_protocol("earth-sat")  # the shared file's content is not touched


def test_only_embedded_data_can_stand_in_by_a_share(toys, mine, tmp_path):
    other = tmp_path / "whole.yaml"
    other.write_text(toys.protocol_file.read_text().replace("name: toys\nrecipe", "name: whole\nrecipe"))
    protocol = smoke(toys, stand_in=str(other), stand_in_one_in=2)
    with pytest.raises(UsageError, match=r"toys\.yaml: stand_in_one_in needs an embedded stand-in"):
        resolve(mine, protocol, "smoke")


def test_crops_larger_than_images_are_the_protocols_fault(toys):
    scale = yaml.safe_load(toys.protocol_file.read_text())["scales"]["smoke"]
    toys.edit(scales={"smoke": scale | {"overrides": {"crop_size": 640}}})
    with pytest.raises(UsageError, match=r"^toys\.yaml: method toy at scale smoke: load_size 20 is less than crop"):
        resolve(toys.method, toys.protocol, "smoke")


@pytest.mark.parametrize(
    ("method", "overrides", "settings", "called"),
    [
        ("cut", {}, {}, "cut"),
        ("cut", {}, {"nce_T": 0.07, "lambda_NCE": 2}, "cut{lambda_NCE=2.0}"),  # what is as published is not said
        ("cut", {"nce_idt": False}, {"lr": 0.1}, "cut{lr=0.1,nce_idt=false}"),
        ("cut", {"loss": "memory_bank"}, {}, "memory_bank"),
        ("cut", {"loss": ADVERSARIAL, "loss_options": {"negatives": 7}}, {}, "adversarial_negatives{negatives=7}"),
        ("fastcut", {"loss": FOCAL}, {}, "focal_nce in fastcut"),
    ],
)
def test_what_people_call_it_says_the_loss_or_method_and_what_is_changed(method, overrides, settings, called):
    assert resolve(method, load_protocol("earth-land2sat"), "mini", overrides, settings).called == called
