"""SRC + hDCE as configurations: recipes, ablation rows, and what is logged. Its step: test_reference_steps.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.base.randomness import Draws
from bench.plan.resolve import resolve
from bench.schema.protocol import load_protocol
from bench.schema.table import load_table
from methods.cut import CUT
from methods.losses.src_hdce import SRCHDCE
from methods.src_hdce import SRCHDCETranslation as Method


def test_it_is_cut_with_another_loss() -> None:
    differ = {name for name, value in Method.Config() if value != getattr(CUT.Config(), name)}
    assert differ == {"loss", "loss_options"}
    options = Method.Config().loss_options
    assert (options["lambda_hDCE"], options["lambda_SRC"]) == (0.1, 0.05)
    assert (options["gamma"], options["gamma_min"], options["step_at"]) == (50.0, 10.0, None)


def test_recipes() -> None:
    options = {name: resolve("src_hdce", load_protocol(name), "paper").config for name in ("horse2zebra", "cityscapes")}
    assert options["horse2zebra"] == Method.Config()
    assert options["cityscapes"].loss_options == Method.Config().loss_options | {"lambda_SRC": 0.1, "step_at": 0.5}


@pytest.mark.parametrize("scale", ["smoke", "mini", "paper"])
def test_the_step_of_cityscapes_comes_halfway_at_every_scale(scale: str) -> None:
    config = resolve("src_hdce", load_protocol("cityscapes"), scale).config
    assert config.loss_options["step_at"] * config.total_epochs == config.n_epochs


def terms(driver, tiny: dict[str, Any], epoch: int = 1, **options: Any) -> dict[str, torch.Tensor]:
    method = driver.build(Method, loss_options=options, **tiny).double()
    return driver.step(method, 0, epoch=epoch)


def test_what_is_logged_and_what_is_optimised(tiny, driver) -> None:
    losses = terms(driver, tiny)
    assert set(losses) == {"D_real", "D_fake", "D", "G_GAN", "SRC", "G"} | {
        f"{name}{pair}" for name in ("hDCE", "hDCE_reported") for pair in ("", "_Y")
    }
    half = 0.5 * (losses["hDCE"] + losses["hDCE_Y"])
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + half + losses["SRC"])
    record = driver.build(Method, **tiny).record_losses(losses)
    reported = 0.5 * (losses["hDCE_reported"] + losses["hDCE_reported_Y"])
    torch.testing.assert_close(record["G"], losses["G_GAN"] + reported + losses["SRC"])
    assert record["hDCE"] is record["HDCE"] is losses["hDCE_reported"]
    assert record["hDCE_Y"] is record["HDCE_Y"] is losses["hDCE_reported_Y"]


def test_without_src_and_hardness_infonce_is_cut_on_shared_places(tiny, driver) -> None:
    ours = terms(driver, tiny, contrast="InfoNCE", lambda_hDCE=1.0, lambda_SRC=0.0, Hneg=False)
    assert set(ours) == {"D_real", "D_fake", "D", "G_GAN", "NCE", "NCE_Y", "G"}
    cut = driver.step(driver.build(CUT, **tiny).double(), 0)
    torch.testing.assert_close(ours["NCE"], cut["NCE"])  # the translation's places are the same ones
    assert ours["NCE_Y"] != cut["NCE_Y"]


def test_identity_places_are_those_of_the_translation(tiny, driver) -> None:
    asked = []

    class Counting(Draws):
        def permutation(self, *args, **kwargs):
            asked.append(args)
            return super().permutation(*args, **kwargs)

    driver.step(driver.build(Method, **tiny), 0, Counting(0))
    assert len(asked) == 5


def test_the_curriculum_moves_with_the_epochs(tiny, driver) -> None:
    first, last, fixed = terms(driver, tiny), terms(driver, tiny, epoch=400), terms(driver, tiny, 400, curriculum=False)
    assert first["SRC"] == last["SRC"]
    assert len({float(losses["hDCE"]) for losses in (first, last, fixed)}) == 3


def test_the_papers_variant_differs_in_the_contrast_alone(tiny, driver) -> None:
    released, paper = terms(driver, tiny), terms(driver, tiny, variant="paper")
    assert released["SRC"] == paper["SRC"]
    assert released["hDCE"] != paper["hDCE"]
    plain, same = terms(driver, tiny, Hneg=False), terms(driver, tiny, variant="paper", Hneg=False)
    torch.testing.assert_close(plain["hDCE"], same["hDCE"])


# Typed from the paper's Table 3: horse2zebra FID; cityscapes mAP, pAcc, cAcc, FID.
ABLATION = {
    "InfoNCE": (45.5, 24.7, 68.8, 30.7, 56.4),
    "InfoNCE + SRC": (42.7, 27.2, 73.0, 33.1, 52.7),
    "InfoNCE + SRC + Hneg": (40.5, 27.4, 72.8, 33.5, 49.9),
    "DCE": (41.2, 27.8, 72.8, 33.4, 52.0),
    "DCE + SRC": (37.6, 27.3, 71.4, 33.4, 50.1),
    "DCE + Hneg": (36.2, 27.9, 73.3, 34.2, 49.9),
    "DCE + SRC + Hneg": (34.4, 29.0, 73.5, 35.6, 46.4),
}


def test_ablation_rows_print_the_papers_numbers_and_set_what_they_say() -> None:
    table = load_table("src-hdce/ablation")
    found: dict[str, list[float | None]] = {}
    for cell in table.cells():
        found.setdefault(cell.row, []).append(cell.published)
    assert {row: tuple(values) for row, values in found.items()} == ABLATION
    for row in table.rows:
        for protocol, weight in (("horse2zebra", 0.05), ("cityscapes", 0.1)):
            config = resolve(row.method, load_protocol(protocol), "paper", row.overrides).config
            if row.label == "InfoNCE":
                assert (row.method, config) == ("cut", CUT.Config())
                continue
            options = config.loss_options
            assert options["contrast"] == row.label.split(" ")[0]
            assert options["lambda_SRC"] == (weight if "SRC" in row.label else 0.0)
            assert options["Hneg"] == ("Hneg" in row.label)
            assert options["step_at"] == (0.5 if protocol == "cityscapes" else None)


def test_cuts_own_ablation() -> None:
    table = load_table("cut/ablation")
    assert [cell.published for cell in table.cells()] == [46.6, 50.5, 444.2]
    paths = [resolve("cut", load_protocol("horse2zebra"), "paper", row.overrides).config.key_path for row in table.rows]
    assert paths == ["shared", "separate", "encoder_only"]


def test_a_deviation_names_the_option() -> None:
    changed = resolve("src_hdce", load_protocol("cityscapes"), "paper", settings={"loss_options": {"gamma": 40.0}})
    assert changed.deviations == ["loss_options.gamma 50.0 -> 40.0"]


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [("lambda_hDCE", 0, -0.1), ("lambda_SRC", 0, -0.1), ("gamma_min", 0.5, 0), ("variant", "paper", "published")],
)
def test_options_that_make_no_sense_are_refused(option, good, bad) -> None:
    assert getattr(SRCHDCE.Config(**{option: good}), option) == good
    with pytest.raises(ValueError, match=option):
        SRCHDCE.Config(**{option: bad})
