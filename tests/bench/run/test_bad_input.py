"""What a user can get wrong ends in one line that names it, with status 1 or 2 and no traceback: runs."""

import errno
import os
import signal
from pathlib import Path

import pytest

from bench.base.storage import read_json
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.process import NO_MEMORY, main

PLUGINS = Path(__file__).parents[2] / "plugins"
TINY = {"ngf": 2, "ndf": 2, "netF_nc": 8, "num_patches": 4, "load_size": 64, "crop_size": 64, "images_per_epoch": 1,
        "n_epochs": 1, "n_epochs_decay": 1}  # fmt: skip


@pytest.fixture(autouse=True)
def _keep_signal_handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def planned(toys, method=None, **settings):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(method or toys.method, toys.protocol, "smoke", settings=settings), 0)
    grid.write_specs()
    return toys.home.run(key)


def failure(toys, folder, capfd, status: int = 1) -> str:
    """Run in this process; the one line it ends with."""
    assert main([str(toys.home.root), str(toys.home.datasets), folder.key]) == status
    message = read_json(folder.error)["message"]
    assert "\n" not in message
    assert capfd.readouterr().err.splitlines()[-1] == message
    assert not folder.result.exists()
    return message


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("NotANumber", "is not finite at step 0"),
        ("WrongShape", "loss WrongShape: forward must return one loss per patch, shape (1, 4), got (1,)"),
        ("WrongType", "loss WrongType: forward must return one loss per patch, shape (1, 4), got float"),
    ],
)
def test_a_loss_that_returns_nonsense(toys, capfd, loss, message):
    folder = planned(toys, "cut", loss=f"{PLUGINS / 'bad_losses.py'}:{loss}", **TINY)
    assert message in failure(toys, folder, capfd)


def test_a_loss_that_crashes_points_to_the_log(toys, capfd):
    folder = planned(toys, "cut", loss=f"{PLUGINS / 'bad_losses.py'}:Raises", **TINY)
    message = failure(toys, folder, capfd)
    assert message.startswith(f"run {folder.key} crashed: RuntimeError: ")
    assert message.endswith(f"(traceback in {folder.log})")
    assert "in forward" in read_json(folder.error)["traceback"]


def test_a_device_whose_memory_is_full_says_the_ways_out(toys, capfd):
    folder = planned(toys, "cut", loss=f"{PLUGINS / 'bad_losses.py'}:FillsDevice", **TINY)
    message = failure(toys, folder, capfd, NO_MEMORY)
    assert message.startswith(f"run {folder.key} ran out of the device's memory (")
    assert message.endswith("); use --per-device 1, a smaller batch (--set batch_size=1) or --device cpu")


def test_a_run_for_a_card_on_a_machine_without_one(toys, capfd, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    grid = Grid(toys.home, "cuda")
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    message = failure(toys, toys.home.run(key), capfd)
    assert message.startswith(
        "this is planned for cuda, and torch sees no CUDA device here; use a machine that has one"
    )
    assert "--device cpu" in message


def test_a_loss_that_ends_the_process(toys, capfd):
    folder = planned(toys, "cut", loss=f"{PLUGINS / 'bad_losses.py'}:Leaves", **TINY)
    assert failure(toys, folder, capfd).startswith(f"run {folder.key} crashed: SystemExit: I had enough")


def test_a_plugin_file_that_changed_since_it_was_planned(toys, tmp_path, capfd):
    file = tmp_path / "mine.py"
    file.write_text((PLUGINS / "toy.py").read_text())
    folder = planned(toys, f"{file}:Toy")
    file.write_text(file.read_text() + "\n# another idea\n")
    message = f"{file}: changed since this run was planned, or a module or data file of it did; run the command again"
    assert failure(toys, folder, capfd) == message
    file.unlink()
    assert failure(toys, folder, capfd) == message


def test_images_that_changed_since_they_were_planned(toys, capfd):
    folder = planned(toys)
    images = toys.home.datasets / "toys" / "trainA"
    (images / "000.png").write_bytes((images / "001.png").read_bytes())
    assert failure(toys, folder, capfd) == (
        "the pixels of data set toys changed since this run was planned; put its files back to go on with it, or give the "
        "command again, which plans other runs with what is there"
    )


def test_an_image_that_was_truncated_since(toys, capfd):
    folder = planned(toys)
    image = toys.home.datasets / "toys" / "testA" / "001.png"
    image.write_bytes(image.read_bytes()[:100])
    assert failure(toys, folder, capfd).startswith(f"{image}: cannot be read as an image")


def test_a_folder_of_images_that_is_gone(toys, capfd):
    folder = planned(toys)
    images = toys.home.datasets / "toys" / "testB"
    images.rename(images.with_name("elsewhere"))
    assert failure(toys, folder, capfd).startswith(f"data set toys is incomplete: {images} is missing")


@pytest.mark.parametrize("content", ["", "{}", '{"format": 1', "[]"])
def test_a_damaged_spec(toys, capfd, content):
    folder = planned(toys)
    folder.spec.write_text(content)
    message = failure(toys, folder, capfd)
    assert message.startswith(f"{folder.spec}: ")
    assert message.endswith("run the command that started it again, which writes it anew")


def test_a_spec_of_another_run(toys, capfd):
    one, two = planned(toys), planned(toys, lr=0.5)
    one.spec.write_text(two.spec.read_text())
    assert failure(toys, one, capfd) == (
        f"{one.spec}: is not what was written of {one.key} (its seal does not fit); run the command that started it "
        "again, which writes it anew"
    )


def test_a_disk_that_fills_up_while_training(toys, capfd, monkeypatch):
    folder = planned(toys)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bench.base.storage.os.fsync", full)
    assert main([str(toys.home.root), str(toys.home.datasets), folder.key]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert "the disk is full; free some space and run the same command again" in lines[-1]
    assert not any("Traceback" in line for line in lines)
