"""Every task there is can be sampled, and nothing outside the tasks asks which one it has before it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_folders import write_images

from bench.base.errors import UsageError
from bench.data.dataset import DataSet
from bench.data.images import ArrayImages, ImageSet
from bench.data.labels import ArrayLabels, LabelMaps
from bench.data.layouts import LAYOUTS, read_folder
from bench.data.opening import open_dataset
from bench.metrics.scored_images import ScoredImages
from bench.plugin.config import MethodConfig, MultiDomainConfig, PairedConfig
from bench.plugin.discovery import plugins
from bench.schema.data import FolderData
from bench.schema.protocol import load_protocol
from bench.tasks.task import Selection, Task, load_task, output_files

ROOT = Path(__file__).parents[3]


class Four(DataSet):
    """Four images in each stream, and a label map for each."""

    splits = ("train", "test")

    def _images(self, split: str, stream: str) -> ImageSet:
        array = np.random.default_rng(ord(stream)).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
        return ArrayImages([f"{i}.png" for i in range(4)], array)

    def aligned(self, split: str) -> bool:
        return True

    def labels(self, split: str) -> LabelMaps:
        return ArrayLabels(np.zeros((4, 20, 20), dtype=np.uint8))

    def colours(self) -> np.ndarray:
        return np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)

    def raw_files(self) -> list[tuple[Path, str]]:
        return []

    def raw_state(self) -> str:
        return ""


class Anything(torch.nn.Module):
    """Has every verb; makes grey images and class 1."""

    labels_of_classes = torch.arange(2)

    def __init__(self, config: MethodConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = torch.nn.Parameter(torch.zeros(3))

    def translate(self, images: torch.Tensor, *_: Any) -> torch.Tensor:
        return torch.zeros_like(images)

    def synthesize(self, condition: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(condition), 3, *condition.shape[2:])

    def generate(self, n: int, stream: torch.Generator) -> torch.Tensor:
        return torch.zeros(n, 3, 16, 16)

    def segment(self, images: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(images), *images.shape[2:], dtype=torch.int64)

    def classes(self, labels: torch.Tensor) -> torch.Tensor:
        return labels

    def latents(self, n: int, stream: torch.Generator) -> torch.Tensor:
        return torch.zeros(n, 2)

    def styles(self, latents: torch.Tensor, domain: torch.Tensor) -> torch.Tensor:
        return latents


# a single picture keeps its size and is compared in squares: test_single_image.py
OF_SETS = [name for name in plugins("task") if name != "single_image_translation"]

CONFIGS: dict[str, MethodConfig] = {
    "paired_synthesis": PairedConfig(n_epochs=1, n_epochs_decay=0, crop_size=16, label_nc=2, no_instance=True),
    "segmentation": PairedConfig(n_epochs=1, n_epochs_decay=0, crop_size=16, label_nc=2, no_instance=True),
    "multi_domain_translation": MultiDomainConfig(n_epochs=1, n_epochs_decay=0, crop_size=16),
}


@pytest.fixture
def dataset(tmp_path: Path) -> Four:
    return Four(FolderData(name="four"), tmp_path)


def prepared(name: str) -> tuple[Task, Anything]:
    return load_task(name), Anything(CONFIGS.get(name) or MethodConfig(n_epochs=1, n_epochs_decay=0, crop_size=16))


@pytest.mark.parametrize("name", OF_SETS)
def test_every_task_samples_what_its_groups_promise(name: str, dataset: Four, tmp_path: Path) -> None:
    task, method = prepared(name)
    assert isinstance(method, task.capability)
    groups = task.groups(dataset, Selection("test", 16, 3))
    told: list[tuple[int, int]] = []
    task.sample(method, dataset, groups, tmp_path / "samples", lambda done, total: told.append((done, total)))
    assert told[0] == (0, 3 * len(groups))
    for group in groups:
        made = group.made(tmp_path / "samples")
        assert len(made) == len(group.given) == len(group.real) == len(group.indices) == 3
        assert {made.image(i).size for i in range(3)} == {(16, 16)}
        fake, truth = task.compared(group, made)
        assert len(fake) == 3
        assert truth is None or truth.image(0).size == (16, 16)
        view = task.generator(method, dataset, group)
        ScoredImages(fake, group.real, truth, tmp_path, generator=view)


@pytest.mark.parametrize("name", OF_SETS)
def test_images_made_together_are_the_same_files(
    name: str, dataset: Four, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, method = prepared(name)
    groups = task.groups(dataset, Selection("test", 16))
    task.sample(method, dataset, groups, tmp_path / "one", lambda *_: None)
    monkeypatch.setattr(type(task), "together", lambda self, method: 3)
    task.sample(method, dataset, groups, tmp_path / "three", lambda *_: None)
    for file in (file for group in groups for file in group.files):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "three" / file).read_bytes()


@pytest.mark.parametrize("name", plugins("task"))
def test_every_task_gives_examples_that_its_methods_are_checked_with(name: str) -> None:
    task, method = prepared(name)
    output = task.example_output(method)
    assert task.problem(output, method.config) is None
    assert "must have the shape" in str(task.problem(output[:1], method.config))
    assert task.problem(output.float() - 2, method.config) is not None


def test_a_segmentation_network_is_scored_by_what_it_sees_in_real_images(dataset: Four, tmp_path: Path) -> None:
    task, method = prepared("segmentation")
    (group,) = task.groups(dataset, Selection("test", 16))
    task.sample(method, dataset, [group], tmp_path, lambda *_: None)
    assert task.segments
    assert task.compared(group, group.made(tmp_path)) == (group.real, None)
    assert np.array_equal(group.made(tmp_path).pixels(0)[0, 0], [4, 5, 6])
    assert np.array_equal(group.given.pixels(1), dataset.images("test", "B").pixels(1))
    assert np.array_equal(group.truth.pixels(1), dataset.images("test", "A").pixels(1))


def test_files_of_sub_folders_with_equal_names_are_kept_apart() -> None:
    assert output_files(["a.jpg", "b.jpg"]) == ["a.png", "b.png"]
    assert output_files(["x/a.jpg", "y/a.jpg"]) == ["x__a.jpg.png", "y__a.jpg.png"]
    assert output_files(["a.jpg", "b.jpg"], 2) == ["a_01.png", "a_02.png", "b_01.png", "b_02.png"]


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(UsageError, match=r"no task named 'segmentatoin'; did you mean segmentation\?"):
        load_task("segmentatoin")


def test_a_generator_that_was_not_asked_for_latents_says_so(dataset: Four, tmp_path: Path) -> None:
    task, _ = prepared("unconditional_generation")
    (group,) = task.groups(dataset, Selection("test", 16))
    assert "does not say how it makes images of given latent vectors" in str(task.generator(object(), dataset, group))
    translation = load_task("unpaired_translation")
    assert "no noise that could be chosen" in str(translation.generator(object(), dataset, group))


def test_the_example_of_the_documentation_samples(dataset: Four, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {"__name__": "example"}
    exec(text.partition("```python\n")[2].partition("```")[0], example)
    task, (_, method) = example["Sharpening"](), prepared("unpaired_translation")
    method.sharpen = method.translate
    groups = task.groups(dataset, Selection("test", 16))
    task.sample(method, dataset, groups, tmp_path, lambda *_: None)
    assert groups[0].made(tmp_path).image(3).size == (16, 16)
    assert task.problem(task.example_output(method), method.config) is None


def test_no_file_outside_the_tasks_asks_for_a_task_by_name() -> None:
    names, switches = set(plugins("task")), []
    for path in [*ROOT.glob("bench/**/*.py"), *ROOT.glob("results/**/*.py")]:
        place = path.relative_to(ROOT)
        if place.parts[:2] == ("bench", "tasks"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in names:
                switches.append(f"{place}:{node.lineno}: {node.value!r}")
            if _asks_for_the_pair(node) and place.parts[:2] != ("bench", "data"):
                switches.append(f"{place}:{node.lineno}: {ast.unparse(node)}")
    assert not switches, "\n".join(switches)


def _asks_for_the_pair(node: ast.AST) -> bool:
    """`isinstance(..., PairedConfig)`, or `"A" in ....streams`: what stood for the name of a task."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        return any(config in ast.unparse(node.args[1]) for config in ("PairedConfig", "MultiDomainConfig"))
    if not isinstance(node, ast.Compare) or not isinstance(node.left, ast.Constant):
        return False
    return isinstance(node.ops[0], ast.In) and ast.unparse(node.comparators[0]).endswith(".streams")


@pytest.mark.parametrize("name", plugins("task"))
def test_every_task_says_which_images_of_a_user_it_reads(name: str) -> None:
    task = load_task(name)
    assert set(task.layouts) <= LAYOUTS.keys()
    if task.layouts:
        load_protocol(task.pattern)


def test_images_of_a_user_are_sampled_by_a_task_of_another_package(tmp_path: Path) -> None:
    """A task that says nothing of layouts takes those of translation."""
    text = (ROOT / "docs" / "adding-a-task.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {"__name__": "example"}
    exec(text.partition("```python\n")[2].partition("```")[0], example)
    task, (_, method) = example["Sharpening"](), prepared("unpaired_translation")
    method.sharpen = method.translate
    for number, folder in enumerate(("blurred", "sharp")):
        write_images(tmp_path / "own" / folder, 12, number)
    data = read_folder(tmp_path / "own", task.layouts, None, ())[0].data("own", tmp_path / "own")
    dataset = open_dataset(data, tmp_path, tmp_path / "cache")
    groups = task.groups(dataset, Selection("test", 16))
    task.sample(method, dataset, groups, tmp_path / "samples", lambda *_: None)
    assert len(groups[0].made(tmp_path / "samples")) == 3
