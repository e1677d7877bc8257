"""Generation from noise through the harness: streams, sampling, sizes compared, contact sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.images import FileImages
from bench.data.opening import open_dataset
from bench.data.training_images import TrainingImages
from bench.data.transforms import quantise
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.schema.data import ImageFolderData
from bench.schema.protocol import load_protocol
from bench.show.samples import sample_sheet
from bench.tasks.noise import GROUP
from bench.tasks.task import Selection, load_task
from methods.dual_contrastive import DualContrastive

TINY = DualContrastive.conformance
TASK = load_task(DualContrastive.task)


@pytest.fixture
def dataset(toys, tmp_path):
    (toys.home.datasets / "toys" / "trainA").rename(toys.home.datasets / "faces")
    return open_dataset(ImageFolderData(name="faces"), toys.home.datasets, tmp_path / "cache")


class Noise:
    """Makes images whose every pixel is the first number of its stream."""

    task = "unconditional_generation"
    calls = 0

    def generate(self, n: int, stream: torch.Generator) -> torch.Tensor:
        self.calls += 1
        return torch.rand(n, 1, 1, 1, generator=stream).expand(n, 3, 8, 8) * 2 - 1


def sample(method: Noise, dataset: DataSet, count: int, folder: Path) -> FileImages:
    """As many images as the data set would have, had it so many."""
    (group,) = TASK.groups(dataset, Selection("test", 8))
    group = replace(group, files=[f"{i:06d}.png" for i in range(count)])
    TASK.sample(method, dataset, [group], folder, lambda *_: None)
    return group.made(folder)


def test_streams_of_one_domain_are_drawn_independently(dataset, tmp_path) -> None:
    config = DualContrastive.Config(**(TINY | {"flip": False, "images_per_epoch": 8}))
    streams = ("B", "B.reference_G", "B.reference_D")
    both = TrainingImages(dataset, streams, config, Draws(0), tmp_path / "cache", "cpu")
    alone = TrainingImages(dataset, ("B",), config, Draws(0), tmp_path / "cache", "cpu")
    steps = [both.batch(step) for step in range(3)]
    assert all(torch.equal(batch["B"], alone.batch(step)["B"]) for step, batch in enumerate(steps))
    assert {len({tuple(b[s].flatten().tolist()) for s in streams}) for b in steps} == {3}


def test_images_are_numbered_and_do_not_depend_on_how_many_there_are(dataset, tmp_path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    one, two = sample(Noise(), dataset, GROUP + 2, few), sample(Noise(), dataset, 2 * GROUP, many)
    assert one.names[:2] == ("000000.png", "000001.png")
    for i in range(GROUP + 2):
        assert np.array_equal(one.pixels(i), two.pixels(i))
    assert len({int(two.pixels(i)[0, 0, 0]) for i in range(2 * GROUP)}) > GROUP


def test_what_is_there_is_not_made_again(dataset, tmp_path) -> None:
    method = Noise()
    sample(method, dataset, 2 * GROUP, tmp_path).paths[GROUP - 1].unlink()
    sample(method, dataset, 2 * GROUP, tmp_path)
    assert method.calls == 3


def test_bytes_are_rounded_to_the_nearest() -> None:
    # 127.5 x + 127.5: halves go up, as 127.5 x + 128 cut off
    values = torch.tensor([-1.0, 1.0, 0.0, 0.0039, 0.004, 2.0])
    expected = torch.floor(127.5 * values + 128).clamp(0, 255).to(torch.uint8)
    assert quantise(values[:, None, None, None], nearest=True).ravel().tolist() == expected.tolist()
    assert quantise(values[:, None, None, None]).ravel().tolist() == [0, 255, 127, 127, 128, 255]


def test_a_run_from_noise_to_a_sheet(toys, tmp_path) -> None:
    (toys.home.datasets / "toys" / "trainA").rename(toys.home.datasets / "faces")
    content = yaml.safe_load(toys.protocol_file.read_text())
    scale = {
        "why": "tests", "epoch_divisor": 125, "images_per_epoch": 8, "scored_checkpoints": 2, "test_images": 4,
        "overrides": TINY,
    }  # fmt: skip
    content |= {
        "task": "unconditional_generation",
        "data": {"family": "image_folder", "name": "faces"},
        "scales": {"smoke": scale},
    }
    toys.protocol_file.write_text(yaml.safe_dump(content))
    grid = Grid(toys.home)
    resolution = resolve("dual_contrastive", load_protocol(str(toys.protocol_file)), "smoke")
    key = grid.add_run(resolution, 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    spec = grid.runs[key]
    folder = toys.home.run(key)
    assert len(list(folder.scores.glob("*.json"))) == 2  # one metric, two checkpoints; there is no validation split
    (group,) = TASK.groups(grid.dataset(resolution), Selection.of_run(spec, "test"))
    images, real = group.made(folder.samples("test", 2)), group.real
    assert images.names == ("000000.png", "000001.png", "000002.png", "000003.png")
    assert {images.image(i).size for i in range(4)} == {(16, 16)}
    assert {real.image(i).size for i in range(len(real))} == {(16, 16)}  # stored with 20 pixels
    assert sample_sheet(grid, resolution, {"StyleGAN2": key}, tmp_path / "sheet.png").is_file()
