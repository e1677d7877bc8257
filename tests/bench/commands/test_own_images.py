from pathlib import Path
from typing import Any

import pytest
import yaml
from own_folders import write_images

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.commands.own_images import OwnImages, Use, asked_protocol, task_for
from bench.schema.protocol import Protocol, load_protocol
from bench.tasks.task import load_task


class Using:
    """A home, and what was said."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = Home.open(tmp_path / "runs", tmp_path / "datasets")
        self.lines: list[str] = []

    def __call__(
        self, folder: Path, name: str | None = None, task: str = "unpaired_translation", **own: Any
    ) -> Protocol:
        self.lines.clear()
        return Use(self.home, OwnImages(folder, **own), load_task(task), "cpu", self.lines.append).protocol(name)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.home.protocols.glob("*.yaml"))


@pytest.fixture
def using(tmp_path: Path) -> Using:
    return Using(tmp_path)


@pytest.fixture
def leaves(tmp_path: Path) -> Path:
    write_images(tmp_path / "My Leaves" / "summer", 30, 0, suffix="jpg")
    write_images(tmp_path / "My Leaves" / "winter", 20, 1, size=(31, 17))
    return tmp_path / "My Leaves"


def test_what_was_seen_is_said_and_a_protocol_is_written(using: Using, leaves: Path) -> None:
    protocol = using(leaves)
    said = "\n".join(using.lines)
    assert "two-folders, from A to B: summer is A, winter is B (the other way: --domains winter,summer)" in said
    assert "leaves/summer: 30 images, 20 x 14 pixels, JPEG RGB" in said
    assert "leaves/winter: 20 images, 31 x 17 pixels, PNG RGB" in said
    assert any(line.startswith("  B: ") and line.endswith(" test images") for line in using.lines)
    assert "images are held out by their content: 10% for validation and 20% for test, seed 0" in said
    assert "--protocol my-leaves" in said
    assert len(using.lines) <= 12
    assert using.files() == ["my-leaves.yaml"]
    assert (protocol.id, protocol.data.folder) == ("my-leaves@1", str(leaves))
    assert load_protocol("my-leaves", using.home.protocols) == protocol
    assert {path.name for path in leaves.iterdir()} == {"summer", "winter"}  # nothing is written there


def test_the_same_images_find_their_protocol_again_as_it_was_edited(using: Using, leaves: Path) -> None:
    using(leaves)
    file = using.home.protocols / "my-leaves.yaml"
    file.write_text(file.read_text().replace("title: ", "title: edited "))
    again = using(leaves)
    assert again.title.startswith("edited")
    assert "written before" in using.lines[-1]
    assert using.files() == ["my-leaves.yaml"]


def test_another_reading_is_a_new_version_and_the_older_one_stays(using: Using, leaves: Path) -> None:
    first = using(leaves)
    second = using(leaves, domains=("winter", "summer"))
    assert (first.id, second.id) == ("my-leaves@1", "my-leaves@2")
    assert using.files() == ["my-leaves.yaml", "my-leaves@1.yaml"]
    assert second.data.streams[0].train == "winter"
    assert "winter is A" in second.changes[2]
    assert load_protocol("my-leaves@1", using.home.protocols).content_hash() == first.content_hash()
    assert using(leaves, domains=("winter", "summer")) == second
    assert using(leaves) == second  # without an option what there is


def test_other_images_and_tasks_get_names_of_their_own(using: Using, leaves: Path, tmp_path: Path) -> None:
    using(leaves)
    other = tmp_path / "elsewhere" / "my leaves"
    write_images(other / "a", 12, 2)
    write_images(other / "b", 12, 3)
    assert using(other).name == "my-leaves-2"
    assert using(leaves, task="unconditional_generation").name == "my-leaves-3"
    assert using(other).name == "my-leaves-2"
    built_in = tmp_path / "horse2zebra"
    write_images(built_in / "trainA", 20, 4)
    write_images(built_in / "trainB", 20, 5)
    assert using(built_in).name == "own-horse2zebra"


def test_a_name_is_chosen_unless_something_else_has_it(using: Using, leaves: Path, tmp_path: Path) -> None:
    assert using(leaves, "leaves").id == "leaves@1"
    for wrong, message in {"Leaves": "small letters", "cityscapes": "for other images"}.items():
        with pytest.raises(UsageError, match=f"--name {wrong}: .*{message}"):
            using(leaves, wrong)
    with pytest.raises(UsageError, match="--name leaves: a protocol for other images or another task has it"):
        using(leaves, "leaves", task="unconditional_generation")


def test_a_folder_whose_name_is_no_text_is_refused(using: Using, tmp_path: Path) -> None:
    folder = tmp_path / "bl\udce4tter"
    write_images(folder / "a", 12, 0)
    write_images(folder / "b", 12, 1)
    with pytest.raises(UsageError, match="is no UTF-8 text, so no protocol can name it; rename it"):
        using(folder)


def test_too_few_images_leave_no_protocol(using: Using, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_images(tmp_path / "few" / name, 5)
    with pytest.raises(Exception, match="5 images are too few to hold some out"):
        using(tmp_path / "few")
    assert using.files() == []


def test_segmentation_reads_no_images_without_a_protocol(using: Using, leaves: Path) -> None:
    with pytest.raises(UsageError, match="segmentation reads no images without a protocol"):
        using(leaves, task="segmentation")


def test_what_a_folder_is_for_is_seen_unless_it_is_said(tmp_path: Path, leaves: Path) -> None:
    lines: list[str] = []
    assert task_for(OwnImages(leaves), None, None, lines.append).name == "unpaired_translation"
    assert "--task multi_domain_translation" in lines[0]
    assert "--task unconditional_generation" in lines[0]
    faces = write_images(tmp_path / "faces", 4)
    assert task_for(OwnImages(faces), None, None, lines.append).name == "unconditional_generation"
    assert (
        task_for(OwnImages(leaves), "multi_domain_translation", None, lines.append).name == "multi_domain_translation"
    )
    assert task_for(OwnImages(leaves), None, "cut", lines.append).name == "unpaired_translation"
    with pytest.raises(UsageError, match="no such folder"):
        task_for(OwnImages(tmp_path / "gone"), None, None, lines.append)


def test_exactly_one_of_protocol_and_images_is_given(using: Using, leaves: Path) -> None:
    def asked(protocol: str | None, images: OwnImages | None) -> Protocol:
        return asked_protocol(using.home, protocol, images, "cut", "smoke", "cpu", using.lines.append)

    with pytest.raises(UsageError, match="--images and --protocol: give one of them"):
        asked("earth-relief2sat", OwnImages(leaves))
    with pytest.raises(UsageError, match=r"--protocol NAME .*, or --images DIR"):
        asked(None, None)
    assert asked("earth-relief2sat", None).name == "earth-relief2sat"
    assert asked(None, OwnImages(leaves)) == asked("my-leaves", None)
    with pytest.raises(UsageError, match="--layout and --domains go with --images"):
        OwnImages.of_options(None, "pairs", None)
    assert OwnImages.of_options(leaves, None, "b, a").domains == ("b", "a")


def test_the_length_of_mini_is_measured_once(using: Using, leaves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plan.cost_of_step.seconds_per_step", lambda workload, device: (0.25, 3))
    protocol = asked_protocol(using.home, None, OwnImages(leaves), "cut", "mini", "cpu", using.lines.append)
    mini = protocol.scale("mini")
    assert mini.images_per_epoch * 20 * 0.25 == pytest.approx(900, rel=0.01)
    assert "3600 steps of 0.25 s, as measured" in mini.why
    monkeypatch.setattr("bench.plan.cost_of_step.seconds_per_step", lambda workload, device: (99.0, 3))
    assert asked_protocol(using.home, None, OwnImages(leaves), "cut", "mini", "cpu", using.lines.append) == protocol


def test_a_file_that_its_owner_broke_is_named(using: Using, leaves: Path) -> None:
    using(leaves)
    file = using.home.protocols / "my-leaves.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"taks": "x"}))
    with pytest.raises(UsageError, match=r"my-leaves\.yaml: taks: unknown key"):
        using(leaves)
