from pathlib import Path

import pytest
import yaml
from own_folders import write_images

from bench.data.dataset import DataSet
from bench.data.layouts import read_folder
from bench.data.opening import open_dataset
from bench.plan.check_protocol import check_protocol
from bench.plan.own_protocol import MINI_SECONDS, Speed, fitted, own_protocol, protocol_text
from bench.plugin.discovery import plugins
from bench.schema.data import OwnImagesData
from bench.schema.protocol import SCALES, Protocol, load_protocol
from bench.tasks.task import Task, load_task


def two(folder: Path, seeds: tuple[int, int] = (0, 1)) -> Path:
    for name, seed in zip(("summer", "winter"), seeds, strict=True):
        write_images(folder / name, [f"{seed}-{number:02d}" for number in range(30)], seed)
    return folder


def made(folder: Path, task: Task, device: str = "cpu") -> tuple[Protocol, DataSet]:
    data: OwnImagesData = read_folder(folder, task.layouts, None, ())[0].data("leaves", folder)
    dataset = open_dataset(data, folder.parent, folder.parent / "cache")
    return own_protocol("leaves", data, dataset, task, device, None), dataset


def test_it_has_what_its_pattern_has_and_scores_no_more_images_than_there_are(tmp_path: Path) -> None:
    protocol, dataset = made(two(tmp_path / "leaves"), load_task("unpaired_translation"))
    pattern = load_protocol("earth-relief2sat")
    assert (protocol.recipe, protocol.select_by, protocol.counts) == (pattern.recipe, pattern.select_by, "last")
    assert [use.metric for use in protocol.metrics] == ["FID", "FD-EffLite0", "KD-EffLite0"]  # no truth, so no L1
    assert set(protocol.scales) == set(SCALES)
    assert protocol.scale("smoke").test_images is None
    assert len(dataset.images("test", "A")) < pattern.scale("smoke").test_images
    assert protocol.scale("paper").overrides == {}
    assert protocol.scale("paper").epoch_divisor == 1
    for scale in SCALES:
        check_protocol(protocol, scale, ["cut", "cyclegan"])


def test_pairs_are_compared_with_their_truth_too(tmp_path: Path) -> None:
    protocol, _ = made(two(tmp_path / "leaves", (0, 0)), load_task("unpaired_translation"))
    assert {"L1", "SSIM"} <= {use.metric for use in protocol.metrics}


def test_many_images_are_not_all_scored_at_smoke(tmp_path: Path) -> None:
    for number, name in enumerate(("trainA", "trainB", "testA", "testB")):
        write_images(tmp_path / "leaves" / name, 40, number, size=(4, 4))
    protocol, _ = made(tmp_path / "leaves", load_task("unpaired_translation"))
    assert protocol.scale("smoke").test_images == 24
    assert protocol.scale("smoke").validation_images is None
    assert protocol.scale("mini").test_images is None


def test_mini_is_as_long_as_the_measured_speed_allows(tmp_path: Path) -> None:
    protocol, _ = made(two(tmp_path / "leaves"), load_task("unpaired_translation"))
    assert "an estimate" in protocol.scale("mini").why
    speed = Speed("cut", seconds=0.5, steps=6000, images_per_epoch=300)
    fitting = fitted(protocol, speed, "cpu").scale("mini")
    assert fitting.images_per_epoch == round(300 * MINI_SECONDS / (6000 * 0.5))
    assert "about 15 min 00 s a run of cut on cpu: 1800 steps of 0.5 s, as measured" in fitting.why
    assert fitted(protocol, speed, "cpu").scale("smoke") == protocol.scale("smoke")


def test_on_a_card_mini_trains_the_networks_of_the_recipe(tmp_path: Path) -> None:
    protocol, _ = made(two(tmp_path / "leaves"), load_task("unpaired_translation"), "cuda")
    assert protocol.scale("mini").overrides == {}
    assert "ngf" in protocol.scale("smoke").overrides


def test_the_file_is_read_back_as_it_was_and_says_what_it_is(tmp_path: Path) -> None:
    protocol, _ = made(two(tmp_path / "leaves: #1 ä"), load_task("unpaired_translation"))
    text = protocol_text(protocol, ["two folders\nof leaves"])
    assert text.startswith("# two folders")
    assert len([line for line in text.splitlines() if line.startswith("#")]) == 1
    (tmp_path / "leaves.yaml").write_text(text, encoding="utf-8")
    assert load_protocol(str(tmp_path / "leaves.yaml")).content_hash() == protocol.content_hash()
    assert yaml.safe_load(text)["data"]["held_out"] == {"test": 0.2, "validation": 0.1, "seed": 0}


def folder_for(task: Task, folder: Path) -> Path:
    """Images in the layout that a task takes first."""
    for number, name in enumerate(("a", "b")):
        write_images(
            folder / name, ["x"] if task.layouts == ("two-pictures",) else [f"{i:02d}" for i in range(12)], number
        )
    if task.layouts == ("label-maps",):
        for path in (folder / "a").iterdir():
            from PIL import Image

            Image.new("L", (20, 14), 4).save(path)
    return folder


@pytest.mark.parametrize("name", [name for name in plugins("task") if load_task(name).layouts])
def test_every_task_that_reads_images_gets_a_protocol_that_its_methods_take(name: str, tmp_path: Path) -> None:
    task = load_task(name)
    protocol, dataset = made(folder_for(task, tmp_path / "leaves"), task)
    assert protocol.task == name
    assert protocol.metrics
    methods = [method for method, plugin in plugins("method").items() if plugin.literals.get("task") == name]
    for scale in SCALES:
        assert task.settings_of(dataset).items() <= protocol.scale(scale).overrides.items()
        if methods:
            check_protocol(protocol, scale, methods)
