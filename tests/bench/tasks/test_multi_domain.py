"""Translation between domains through the harness: train, sample, score, show; the second time nothing is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from written_records import score_content

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.checks.conformance import method_checks
from bench.commands.score import score_images
from bench.data.images import ArrayImages
from bench.data.transforms import quantise
from bench.ledger.folders import read_result
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.plan.resolve import Resolution, resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.restore import restore_method
from bench.schema.protocol import load_protocol
from bench.show.samples import collect_samples, sample_sheet, samples_without_inputs
from bench.tasks.multi_domain import MultiDomainTranslation, _inputs
from bench.tasks.task import Selection
from bench.tracking.sheet import sample_sheet as tracked_sheet

RECORD = Path(__file__).parents[2] / "golden" / "multidomain" / "stargan_v2_data_eval.npz"
PLUGINS = Path(__file__).parents[2] / "plugins"
METHOD = f"{PLUGINS / 'multi_domain_toy.py'}:MultiDomainToy"
METRIC = f"{PLUGINS / 'colour.py'}:MeanColour"
DOMAINS = ("autumn", "spring", "winter")
PAIRS = [f"{source}-to-{target}" for source, target in permutations(DOMAINS, 2)]
OUTPUTS = 2
PROTOCOL = f"""
name: seasons
version: 1
title: three seasons of noise
task: multi_domain_translation
recipe: seasons
data:
  family: domain_folders
  name: seasons
  domains: [{", ".join(DOMAINS)}]
  counts: {{train: {{autumn: 4, spring: 9}}}}
metrics:
  - metric: {METRIC}
  - metric: SSIM
select_by: {METRIC}
scales:
  smoke:
    why: tests
    overrides: {{num_domains: {len(DOMAINS)}}}
    images_per_epoch: 4
    test_images: 2
    outputs_per_input: {OUTPUTS}
  paper:
    why: tests
changes:
  1: first version
"""


@dataclass
class Trained:
    """A finished run."""

    home: Home
    protocol_file: Path
    grid: Grid
    resolution: Resolution
    key: str


def write(folder: Path, count: int, grey: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(grey)
    for i in range(count):
        Image.fromarray(rng.integers(grey, grey + 60, (20, 20, 3), dtype=np.uint8)).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    root = tmp_path_factory.mktemp("seasons")
    for i, domain in enumerate(DOMAINS):
        write(root / "datasets" / "seasons" / "train" / domain, 4 + i, 90 * i)
        write(root / "datasets" / "seasons" / "val" / domain, 3, 90 * i)
    file = root / "seasons.yaml"
    file.write_text(PROTOCOL)
    home = Home.open(root / "runs", root / "datasets")
    protocol = load_protocol(str(file))
    check_protocol(protocol, "smoke", [METHOD])
    grid = Grid(home)
    resolution = resolve(METHOD, protocol, "smoke")
    key = grid.add_run(resolution, 0)
    grid.write_specs()
    execute(home, key, ProgressFile(home.run(key)))
    return Trained(home, file, grid, resolution, key)


def stored(trained: Trained) -> dict[str, dict[str, Any]]:
    files = trained.home.run(trained.key).scores.glob("*.json")
    return {score["metric"]: score for score in map(yaml.safe_load, (file.read_text() for file in files))}


@pytest.mark.parametrize("name", method_checks())
def test_the_dummy_keeps_every_promise_of_a_plugin(name: str) -> None:
    method_checks()[name](METHOD)


def test_every_pair_of_domains_is_sampled_and_scored_and_the_value_is_their_mean(trained: Trained) -> None:
    folder = trained.home.run(trained.key)
    made = {path.relative_to(folder.samples("test", 2)).as_posix() for path in folder.samples("test", 2).rglob("*.png")}
    assert made == {f"{pair}/{name}_{number:02d}.png" for pair in PAIRS for name in (0, 1) for number in (1, 2)}
    score = stored(trained)["MeanColour"]
    assert score["state"] == "done"
    assert list(score["groups"]) == PAIRS
    assert score["value"] == pytest.approx(sum(score["groups"].values()) / len(PAIRS))
    assert len(set(score["groups"].values())) == len(PAIRS)
    assert score["n_fake"] == len(PAIRS) * 2 * OUTPUTS
    assert score["n_real"] == len(PAIRS) * 2


def test_a_metric_that_needs_a_truth_says_for_which_pair_it_has_none(trained: Trained) -> None:
    score = stored(trained)["SSIM"]
    assert (score["state"], score["value"], score["groups"]) == ("not available", None, {})
    assert score["reason"].startswith(f"{PAIRS[0]}: this data set has no aligned truth")


def test_the_second_time_nothing_is_left_to_do(trained: Trained) -> None:
    folder = trained.home.run(trained.key)
    assert read_result(folder) is not None
    assert not trained.grid.unfinished()
    stamps = {
        path: path.stat().st_mtime_ns
        for path in [*folder.samples("test", 2).rglob("*.png"), *folder.checkpoints.iterdir()]
    }
    scores = {path: score_content(path) for path in folder.scores.iterdir()}
    execute(trained.home, trained.key, ProgressFile(folder))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert {path: score_content(path) for path in folder.scores.iterdir()} == scores


def test_an_output_depends_on_its_input_its_pair_and_its_number_alone(trained: Trained, tmp_path: Path) -> None:
    task, method = MultiDomainTranslation(), restore_method(trained.home, trained.key)
    dataset = trained.grid.dataset(trained.resolution)
    few, many = (task.groups(dataset, Selection("test", 16, None, outputs)) for outputs in (2, 3))
    for groups, folder in ((few, tmp_path / "few"), (many, tmp_path / "many")):
        task.sample(method, dataset, groups, folder, lambda *_: None)
    for group in few:
        for file in group.files:
            assert (tmp_path / "few" / file).read_bytes() == (tmp_path / "many" / file).read_bytes()
    first = [np.asarray(Image.open(tmp_path / "many" / many[0].files[i])).tobytes() for i in range(3)]
    assert len(set(first)) == 3


def test_a_metric_may_choose_the_styles(trained: Trained) -> None:
    task, method = MultiDomainTranslation(), restore_method(trained.home, trained.key)
    dataset = trained.grid.dataset(trained.resolution)
    group = task.groups(dataset, Selection("test", 16))[1]
    view = task.generator(method, dataset, group)
    assert not isinstance(view, str)
    codes = view.codes(2, torch.Generator().manual_seed(0))
    images = view.images(codes, torch.Generator(), index=1)
    assert images.shape == (2, 3, 16, 16)
    assert view.inputs == 3
    assert torch.equal(images, view.images(codes, torch.Generator(), index=1))
    assert not torch.equal(images, view.images(codes, torch.Generator(), index=2))
    assert not torch.equal(images[0], images[1])


def test_inputs_are_resized_as_in_the_originals_evaluation() -> None:
    """A recorded input, and the recorded way from values to bytes."""
    with np.load(RECORD) as record:
        image = record["image_00"]
        found = _inputs(ArrayImages(["image"], image[None]), 24)
        torch.testing.assert_close(found[0].numpy(), record["eval_gen_first_of_a"], rtol=0, atol=6e-8)
        values = torch.from_numpy(record["save_image_in"])[None, None, :, None].expand(1, 3, -1, 1)
        assert np.array_equal(quantise(values, nearest=True)[0, :, 0, 1], record["save_image_out"])


def test_sheets_show_pairs_side_by_side(trained: Trained, tmp_path: Path) -> None:
    run = trained.grid.runs[trained.key]
    samples = collect_samples(trained.home, trained.grid.dataset(trained.resolution), {"toy": run})
    assert [row.label for row in samples.rows] == ["input", "toy"]
    assert samples.names[0] == f"{PAIRS[0]}/0.png"
    assert len({name.partition("/")[0] for name in samples.names}) == len(PAIRS)
    alone = samples_without_inputs(trained.home, {"toy": run})
    assert alone.names[0] == f"{PAIRS[0]}/0_01.png"
    assert sample_sheet(trained.grid, trained.resolution, {"toy": trained.key}, tmp_path / "sheet.png") is not None
    assert tracked_sheet(trained.home, trained.home.run(trained.key), run, "toy") is not None


def test_images_of_another_program_are_scored_pair_by_pair(trained: Trained, tmp_path: Path) -> None:
    for i, pair in enumerate(PAIRS):
        write(tmp_path / pair, 3, 20 * i)
    protocol = load_protocol(str(trained.protocol_file))
    scored = score_images(protocol, tmp_path, trained.home)
    assert list(scored.scores[0].groups) == PAIRS
    (tmp_path / PAIRS[0] / "0.png").unlink()
    lines = score_images(protocol, tmp_path, trained.home).deviations
    assert f"{PAIRS[0]}: 1 of 3 test images have no translation: 0" in lines


def test_other_counts_than_published_are_deviations(trained: Trained) -> None:
    assert trained.grid.dataset(trained.resolution).count_deviations() == [
        "seasons/train/spring holds 5 images, published 9"
    ]


def test_several_outputs_of_a_task_that_makes_one_are_refused(toys: Any) -> None:
    toys.edit(scales={"smoke": {"why": "tests", "outputs_per_input": 2}})
    with pytest.raises(
        UsageError, match=r"toys\.yaml: scales\.smoke\.outputs_per_input: unpaired_translation makes one"
    ):
        check_protocol(toys.protocol, "smoke", [toys.method])


def test_the_number_of_outputs_is_part_of_a_score_s_name_where_it_is_not_one(trained: Trained) -> None:
    from bench.ledger.scores import score_key

    run = trained.grid.runs[trained.key]
    plan = run.evaluation
    keys = {
        score_key(
            run.model_copy(update={"evaluation": plan.model_copy(update={"outputs_per_input": n})}), 2, "test", use
        )
        for n in (1, 2, 3)
        for use in plan.metrics[:1]
    }
    assert len(keys) == 3
