import subprocess
import sys

import pytest

from bench.base import device
from bench.base.device import cards, chosen_device, is_out_of_memory, made_on, require
from bench.base.errors import NotAvailable, UsageError


@pytest.fixture(autouse=True)
def _no_choice_of_the_user(monkeypatch):
    for name in (device.VARIABLE, device.FAKE, device.VISIBLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many cards, as far as torch says."""

    def with_cards(count):
        monkeypatch.setattr("torch.cuda.device_count", lambda: count)
        monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
        monkeypatch.setattr("bench.base.device._loads", lambda library: True)

    return with_cards


def test_the_option_comes_before_the_variable_and_that_before_what_is_there(machine, monkeypatch):
    machine(1)
    assert chosen_device() == "cuda"
    monkeypatch.setenv(device.VARIABLE, "cpu")
    assert chosen_device() == "cpu"
    assert chosen_device("auto") == chosen_device("cuda") == "cuda"
    machine(0)
    assert chosen_device("auto") == "cpu"
    assert chosen_device("cuda") == "cuda"  # planning for another machine is allowed


def test_a_wrong_value_is_named(monkeypatch):
    with pytest.raises(UsageError, match=r"--device gpu: is no device; write cpu, cuda or auto"):
        chosen_device("gpu")
    monkeypatch.setenv(device.VARIABLE, "cuda:1")
    with pytest.raises(UsageError, match=r"CONTRASTBENCH_DEVICE cuda:1: is no device"):
        chosen_device()


def test_a_device_that_is_not_here_is_one_line_with_the_ways_out(machine):
    machine(0)
    assert require("cpu") == "cpu"
    with pytest.raises(NotAvailable, match=r"^this is planned for cuda, .* no CUDA device here; .* --device cpu .*$"):
        require("cuda")
    machine(2)
    assert require("cuda") == "cuda"


@pytest.mark.parametrize(
    ("listed", "count", "names"),
    [
        (None, 3, ["0", "1", "2"]),
        ("2,0", 2, ["2", "0"]),
        ("GPU-8a2f, GPU-77b1", 2, ["GPU-8a2f", "GPU-77b1"]),
        ("MIG-1,MIG-2", 1, ["MIG-1", "MIG-2"]),
        ("0,-1,2", 1, ["0"]),
        ("", 0, []),
        ("MIG-1", 0, []),
    ],
)
def test_the_list_that_the_process_was_given_is_respected(machine, monkeypatch, listed, count, names):
    machine(count)
    if listed is not None:
        monkeypatch.setenv(device.VISIBLE, listed)
    assert cards("cuda") == names
    assert cards("cpu") == []


def test_pretended_cards_are_handed_out_and_recorded_as_pretended(monkeypatch):
    monkeypatch.setenv(device.FAKE, "2")
    assert cards("cpu") == ["fake-0", "fake-1"]
    monkeypatch.setenv(device.VISIBLE, "fake-1")
    found = made_on("cpu")
    assert (found["device"], found["card"], found["driver"]) == ("cpu", "fake-1", "")
    monkeypatch.setenv(device.FAKE, "two")
    with pytest.raises(UsageError, match="CONTRASTBENCH_FAKE_DEVICES=two: write how many"):
        cards("cpu")


def test_provenance_names_the_card_and_its_driver(monkeypatch, tmp_path):
    assert made_on("cpu").keys() == {"device", "card", "driver", "threads"}
    file = tmp_path / "version"
    file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\nGCC version: 12.2.0\n")
    assert device._driver(file) == "550.54.15"
    assert device._driver(tmp_path / "none") == ""
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "NVIDIA H100")
    found = made_on("cuda:0")
    assert (found["device"], found["card"]) == ("cuda", "NVIDIA H100")


def test_a_full_device_is_told_from_other_mistakes():
    import torch

    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("CUDA out of memory"))


def test_without_a_driver_the_device_is_chosen_without_torch():
    script = (
        "import sys; from bench.base.device import chosen_device; print(chosen_device('auto'), 'torch' in sys.modules)"
    )
    if device._loads("libcuda.so.1"):
        pytest.skip("this machine has a driver")
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "cpu False\n"
