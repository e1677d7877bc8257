"""What goes wrong on a first day with data, weights and machines is refused or said in one line, with the way out.

A disk that fills up is in tests/bench/run/test_full_disk.py, a node that dies in tests/bench/run/test_lease.py.
"""

import contextlib
import io
import logging
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.weight_files import WeightFile
from bench.data import opening
from bench.data.opening import open_dataset
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run import process
from bench.schema import parts
from bench.schema.data import FolderData, PairedFolderData
from bench.schema.upkeep import Upkeep
from methods.networks.drn import DRN
from methods.networks.vgg16_features import VGG16Features


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch):
    monkeypatch.setattr(opening, "_said", set())


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_other_counts_than_published_are_said_before_anything_is_trained(toys, caplog):
    config = FolderData(name="toys", counts={"trainA": 7, "trainB": 5, "testA": 3})
    for _ in range(2):
        open_dataset(config, toys.home.datasets, toys.home.cache)
    assert said(caplog) == [
        "data set toys: toys/trainA holds 6 images, published 7; complete it, or its scores are noted as deviating"
    ]


def test_folders_of_png_beside_folders_of_jpeg_are_said(toys, caplog):
    for path in sorted((toys.home.datasets / "toys" / "trainB").iterdir()):
        Image.open(path).save(path.with_suffix(".jpg"), "JPEG")
        path.unlink()
    open_dataset(FolderData(name="toys"), toys.home.datasets, toys.home.cache).fingerprint()
    assert said(caplog) == [
        "data set toys: images are PNG in toys/trainA, toys/testA, toys/testB, JPEG in toys/trainB: networks can tell them "
        "apart by that; take all as they are published"
    ]


def test_a_jpeg_that_is_named_like_a_png_is_told_by_its_content(toys, caplog):
    for path in (toys.home.datasets / "toys" / "trainB").iterdir():
        Image.open(path).save(path, "JPEG")
    open_dataset(FolderData(name="toys"), toys.home.datasets, toys.home.cache).fingerprint()
    assert "JPEG in toys/trainB:" in said(caplog)[0]


def test_label_maps_in_jpeg_are_refused(tmp_path):
    config = PairedFolderData(name="streets", images="{split}/*_i.png", labels="{split}/*_l.png")
    for split in ("train", "val"):
        (tmp_path / "streets" / split).mkdir(parents=True)
        picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
        picture.save(tmp_path / "streets" / split / "a_i.png")
        picture.convert("L").save(tmp_path / "streets" / split / "a_l.png", "JPEG")
    dataset = open_dataset(config, tmp_path, tmp_path / "cache")
    with pytest.raises(BenchError, match=r"a_l\.png: .*it is JPEG, .*; replace it by the published file"):
        dataset.labels("train").labels(0)


@pytest.fixture
def started(toys, monkeypatch):
    """A run that was stopped in the middle, and what goes on with it: the status and what was said."""
    monkeypatch.setattr(process, "PROGRESS_SECONDS", 0.0)
    grid = Grid(toys.home, upkeep=Upkeep(save_minutes=1e-9))
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    told = process.ProgressFile.__call__

    def work(at_step=None, act=lambda progress: setattr(progress, "stop", True)):
        def counted(progress, update):
            told(progress, update)
            if at_step is not None and update.get("step") == at_step:
                act(progress)

        monkeypatch.setattr(process.ProgressFile, "__call__", counted)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = process.main([str(toys.home.root), str(toys.home.datasets), key])
        return status, out.getvalue()

    return toys, toys.home.run(key), work


def test_a_picture_that_goes_missing_between_two_parts_is_noticed(started):
    toys, _, work = started
    assert work(at_step=5)[0] == process.STOPPED
    lost = sorted((toys.home.datasets / "toys" / "trainA").iterdir())[2]
    kept = lost.rename(toys.home.root / "kept.png")
    status, text = work()
    assert status == 1
    assert text.splitlines() == [
        "the pixels of data set toys changed since this run was planned; put its files back to go on with it, "
        "or give the command again, which plans other runs with what is there"
    ]
    shutil.copy2(kept, lost)
    assert work()[0] == 0  # goes on where it stopped


def test_a_data_folder_that_goes_away_while_a_run_trains_costs_a_line_and_no_step(started):
    toys, _, work = started
    data = toys.home.datasets / "toys"
    status, text = work(at_step=5, act=lambda progress: data.rename(data.with_name("away")))
    assert status in (0, 1)
    assert "Traceback" not in text
    if status:
        assert len(text.splitlines()) == 1
        assert "toys" in text
        assert "put it back" in text
    data.with_name("away").rename(data)
    assert work()[0] == 0


def test_another_card_or_driver_between_two_parts_is_said_and_kept(started, monkeypatch):
    _, folder, work = started
    made_on = parts.made_on

    def on(card, driver):
        def made(device):
            return made_on(device) | {"device": "cuda", "card": card, "driver": driver}

        monkeypatch.setattr(parts, "made_on", made)

    on("NVIDIA A100", "535.1")
    assert work(at_step=5)[0] == process.STOPPED
    on("NVIDIA A100", "550.2")
    status, text = work()
    assert status == 0
    assert (
        "from step 5 on cuda (NVIDIA A100, driver 550.2), until then on cuda (NVIDIA A100, driver 535.1): last digits may "
        "differ from those of a run on one of them alone; result.json has both" in text.splitlines()
    )
    from bench.ledger.folders import read_result

    assert [part.device for part in read_result(folder).parts] == [
        "cuda (NVIDIA A100, driver 535.1)",
        "cuda (NVIDIA A100, driver 550.2)",
    ]


def test_the_same_machine_says_nothing_of_itself(started):
    _, _, work = started
    assert work(at_step=5)[0] == process.STOPPED
    assert "until then" not in work()[1]


def test_weights_of_another_network_are_refused(tmp_path):
    drn = {f"layer{name}": value for name, value in DRN(3, width=0.125).base.state_dict().items()}
    vgg = dict(VGG16Features((4, 4, 8, 8, 8)).state_dict())
    given = {"drn": drn, "vgg": vgg}
    for right, wrong, take in (
        ("drn", "vgg", DRN(3, width=0.125).load_imagenet),
        ("vgg", "drn", VGG16Features((4, 4, 8, 8, 8)).load_official),
    ):
        for which in (right, wrong):
            torch.save(given[which], tmp_path / "official.pth")
            file = WeightFile(
                name="official.pth", sha256=file_sha256(tmp_path / "official.pth"), purpose="x", origin="example.org"
            )
            if which == right:
                file.load(tmp_path, take)
                continue
            with pytest.raises(BenchError, match=r"holds weights of another network .*; replace it by the file from"):
                file.load(tmp_path, take)
