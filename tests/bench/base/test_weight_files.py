"""Official files are tensors, whole and finite, or refused; what is said of them names no folder of this machine."""

import pytest
import torch
from torch import nn

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.base.weight_files import WEIGHTS_VARIABLE, WeightFile


@pytest.fixture
def put(tmp_path):
    def write(content) -> WeightFile:
        torch.save(content, tmp_path / "w.pth")
        return WeightFile(name="w.pth", sha256=file_sha256(tmp_path / "w.pth")[:8], purpose="FID", origin="example.org")

    return write


def test_whole_weights_are_handed_on(put, tmp_path):
    network = nn.Linear(2, 1)
    whole = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    put(whole).load(tmp_path, network.load_state_dict)
    assert network.weight.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"weight": torch.full((1, 2), float("nan"))}, "weight does not hold finite numbers"),
        ({"weight": torch.ones(1, 2, dtype=torch.complex64)}, "weight does not hold finite numbers"),
        ({"weight": torch.ones(1, 2, dtype=torch.int8)}, "weight does not hold finite numbers"),
        ({"weight": torch.ones(3, 2)}, "holds weights of another network"),
        ({"other": torch.ones(1)}, "holds weights of another network"),
        ({"weight": None}, "holds something else than the tensors of a network"),
        ({"weight": nn.Linear}, "cannot be read as weights"),
    ],
)
def test_anything_else_is_refused_in_one_line(put, tmp_path, changes, what):
    file = put({"weight": torch.ones(1, 2), "bias": torch.zeros(1)} | changes)
    with pytest.raises(BenchError, match=rf"^w\.pth: .*{what}.*; replace it by the file from example\.org$"):
        file.load(tmp_path, nn.Linear(2, 1).load_state_dict)


def test_what_is_said_goes_into_records_and_names_no_folder_of_this_machine(put, tmp_path, monkeypatch):
    file = put({})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(NotAvailable) as wrong:
        file.model_copy(update={"sha256": "0" * 8}).find(None)
    assert f"the one in ${WEIGHTS_VARIABLE} has sha256" in str(wrong.value)
    with pytest.raises(NotAvailable) as missing:
        file.model_copy(update={"name": "none.pth"}).find(tmp_path)
    assert "put it into the folder weights of --home or set" in str(missing.value)
    assert str(tmp_path) not in f"{wrong.value}{missing.value}"
