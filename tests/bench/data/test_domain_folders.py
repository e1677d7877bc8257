from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.base.errors import BenchError, NotAvailable
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.schema.data import DomainFolderData

Make = Callable[..., Path]
FOLDERS = {"train/cat": 3, "train/dog": 4, "val/cat": 2, "val/dog": 1}


def open_animals(root: Path, **config: object) -> DataSet:
    return open_dataset(DomainFolderData(name="animals", domains=["cat", "dog"], **config), root, root.parent / "cache")


def test_streams_are_the_domains(make_folders: Make) -> None:
    dataset = open_animals(make_folders("animals", **FOLDERS))
    assert dataset.streams == ("cat", "dog")
    assert dataset.splits == ("train", "test")
    assert [len(dataset.images(split, domain)) for split in dataset.splits for domain in dataset.streams] == [
        3,
        4,
        2,
        1,
    ]
    assert not dataset.aligned("test")
    with pytest.raises(BenchError, match="data set animals has no stream 'A'; it has cat, dog"):
        dataset.images("test", "A")


def test_test_folders_come_before_val_folders(make_folders: Make) -> None:
    root = make_folders("animals", **FOLDERS, **{"test/cat": 5, "test/dog": 6})
    assert [len(open_animals(root).images("test", domain)) for domain in ("cat", "dog")] == [5, 6]


def test_held_out_images_and_other_counts_are_deviations(make_folders: Make) -> None:
    counts = {"train": {"cat": 3, "dog": 5153}, "test": {"dog": 500}}
    dataset = open_animals(make_folders("animals", **FOLDERS), counts=counts, validation=1)
    assert len(dataset.images("train", "dog")) == 3
    assert len(dataset.images("validation", "dog")) == 1
    assert dataset.count_deviations() == [
        "animals/train/dog holds 4 images, published 5153",
        "animals/val/dog holds 1 images, published 500",
        "the last 1 images of each training folder are held out for validation",
        "validation holds out 1 of the 3 images in animals/train/cat (33%, more than 20%)",
        "validation holds out 1 of the 4 images in animals/train/dog (25%, more than 20%)",
    ]


def test_what_is_missing_is_named(make_folders: Make, tmp_path: Path) -> None:
    with pytest.raises(NotAvailable, match=r"animals is not here; put its images under .*/train/DOMAIN .*: cat, dog"):
        open_animals(tmp_path)
    root = make_folders("animals", **{"train/cat": 1, "train/dog": 1, "val/cat": 1})
    with pytest.raises(NotAvailable, match=r"animals is incomplete: .*val/dog is missing"):
        open_animals(root)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domains": ["cat"]}, "at least 2 items"),
        ({"domains": ["cat", "../dog"]}, "should match pattern"),
        ({"domains": ["cat", "cat"]}, "cat is named twice"),
        ({"counts": {"train": {"cow": 3}}}, "cow is not among the domains"),
    ],
)
def test_wrong_configurations_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DomainFolderData.model_validate({"name": "animals", "domains": ["cat", "dog"]} | changes)
