"""Exported weights are read back by whoever reads the originals', and make the same images."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from finished_runs import CUT, CYCLEGAN, MUNIT, SHORT, finish
from safetensors.torch import load_file

from bench.base.errors import BenchError, UsageError
from bench.cli.main import main
from bench.commands import export as module
from bench.commands.export import card_of, chosen_format, export
from bench.commands.score import score_weights
from bench.commands.trained import Trained


@pytest.fixture(scope="module")
def cut(make_toys, tmp_path_factory):
    """Toys with a finished run of CUT."""
    toys = make_toys(tmp_path_factory.mktemp("cut"))
    toys.edit(recipe="horse2zebra")
    return toys, finish(toys, "cut", **CUT, **SHORT)


def scored_images(toys, method, settings, weights):
    found = score_weights(toys.protocol, method, weights, settings, toys.home, lambda *_: None)
    folder = toys.home.root / "scored" / found.key / "images"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def samples(run):
    return {path.name: path.read_bytes() for path in run.folder.samples("test", run.spec.total_epochs).iterdir()}


@pytest.mark.parametrize("format", ["pth", "safetensors"])
def test_score_makes_the_runs_own_samples_of_what_was_exported(cut, tmp_path, format):
    toys, run = cut
    path, card = export(run, format, tmp_path)
    assert path.name == {"pth": "latest_net_G.pth", "safetensors": f"{run.folder.key}.safetensors"}[format]
    assert scored_images(toys, "cut", CUT, path) == samples(run)
    assert json.loads(card_of(path).read_text()) == json.loads(card.model_dump_json())
    assert (card.run, card.epoch, card.checkpoint) == (run.folder.key, 2, "last")
    assert "resized to 16x16 pixels" in card.prepared
    assert card.config["ngf"] == 4


def test_the_originals_layout(cut, tmp_path):
    _, run = cut
    path, card = export(run, "pth", tmp_path / "mine.pth")
    state = torch.load(path, weights_only=True)
    assert list(state)[:2] == ["model.1.weight", "model.1.bias"]
    assert "model.6.filt" not in state or state["model.6.filt"].shape[1] == 1
    own = load_file(run.folder.checkpoints / "epoch-000002.safetensors")
    assert own.keys() == {f"netG.{name}" for name in state}
    assert all(torch.equal(own[f"netG.{name}"], tensor) for name, tensor in state.items())
    assert "latest_net_G.pth" in card.layout


def test_the_generator_of_two_is_that_from_a_to_b(make_toys, tmp_path):
    toys = make_toys(tmp_path)
    toys.edit(recipe="horse2zebra")
    run = finish(toys, "cyclegan", **CYCLEGAN, **SHORT)
    (tmp_path / "out").mkdir()
    path, _ = export(run, "pth", tmp_path / "out")
    assert path.name == "latest_net_G_A.pth"
    assert scored_images(toys, "cyclegan", CYCLEGAN, path) == samples(run)


def test_a_method_of_several_networks(make_toys, tmp_path):
    toys = make_toys(tmp_path)
    toys.edit(recipe="horse2zebra")
    run = finish(toys, "munit", **MUNIT)
    with pytest.raises(
        UsageError, match=r"no layout of an official program is known here for netgen_a, netgen_b of munit;"
    ):
        export(run, "pth", tmp_path / "mine.pth")
    path, card = export(run, "safetensors", tmp_path / "mine.safetensors")
    assert {name.partition(".")[0] for name in load_file(path)} == {"netgen_a", "netgen_b"}
    path, card = export(run, "torchscript", tmp_path / "mine.pt")
    assert card.inputs == {"images": "float32 (1, 3, 16, 16)", "style": "float32 (1, 8, 1, 1)"}
    method = Trained.load(run, "last", "cpu").method
    program = torch.jit.load(path)
    images, style = torch.rand(1, 3, 16, 16) * 2 - 1, torch.randn(1, 8, 1, 1)
    assert torch.equal(program(images, style), method.translate(images, style))
    assert not (tmp_path / "mine.pth").exists()


def test_torchscript_needs_nothing_of_this_package(cut, tmp_path):
    _, run = cut
    path, card = export(run, "torchscript", tmp_path / "mine.pt")
    assert "of 32x32 pixels, too" in card.checked
    program, method = torch.jit.load(path), Trained.load(run, "last", "cpu").method
    images = torch.rand(2, 3, 24, 20) * 2 - 1
    assert torch.equal(program(images), method.translate(images))
    assert path.stat().st_size < 2 * (run.folder.checkpoints / "epoch-000002.safetensors").stat().st_size + 100_000


def test_a_users_method(toys, tmp_path):
    run = finish(toys, toys.method)
    path, card = export(run, "pth", tmp_path / "mine.pth")
    assert torch.load(path, weights_only=True).keys() == {"weight", "bias"}
    assert card.method == "toy"


def test_what_is_not_the_same_when_it_is_read_back_is_not_written(cut, tmp_path, monkeypatch):
    _, run = cut
    whole = module._own
    monkeypatch.setattr(module, "_own", lambda state: {name: tensor + 1e-3 for name, tensor in whole(state).items()})
    with pytest.raises(BenchError, match=r"tensor netG\.model\.1\.weight is not the same once the file is read back"):
        export(run, "pth", tmp_path / "mine.pth")
    with pytest.raises(BenchError, match="is not the same once the file is read back, so it is not written"):
        export(run, "safetensors", tmp_path / "mine.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_formats_and_endings():
    assert chosen_format(None, Path("a.pt")) == "torchscript"
    assert chosen_format("onnx", Path("folder")) == "onnx"
    with pytest.raises(UsageError, match="--format pkl: write one of pth, safetensors, torchscript, onnx"):
        chosen_format("pkl", Path("a"))
    with pytest.raises(UsageError, match=r"a\.pth: is named as pth; write \.safetensors"):
        chosen_format("safetensors", Path("a.pth"))
    with pytest.raises(UsageError, match="does not say which format is wanted; add --format pth, safetensors,"):
        chosen_format(None, Path("a.zip"))


def test_as_a_command(cut, tmp_path, monkeypatch, capsys):
    toys, run = cut
    where = ["--home", str(toys.home.root), "--out", str(tmp_path / "mine.safetensors")]

    def command(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["contrastbench", "export", run.folder.key, *where, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0

    assert command() == 0
    assert "checked: read back, its tensors and the output for an example are the same bits" in capsys.readouterr().out
    assert command("--json") == 0
    assert json.loads(capsys.readouterr().out)["format"] == "safetensors"
    assert command("--format", "pth") == 2
    assert np.isfinite(load_file(tmp_path / "mine.safetensors")["netG.model.1.weight"].numpy()).all()
