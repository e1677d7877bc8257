"""Programs of other formats: refused where they make other images, or where their library is not there."""

from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.base.errors import BenchError, NotAvailable
from bench.commands import programs
from bench.commands.programs import as_module, write_onnx, write_torchscript


class Small(nn.Module):
    """A method of one convolution; `odd` makes something of its input that no trace shows."""

    def __init__(self, odd: bool = False) -> None:
        super().__init__()
        self.netG, self.netD, self.odd = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 1, 1), odd

    @classmethod
    def networks_to_keep(cls) -> tuple[str, ...]:
        return ("netG",)

    @torch.no_grad()
    def translate(self, images: torch.Tensor) -> torch.Tensor:
        made = self.netG(images).tanh()
        return -made if self.odd and bool(images[0, 0, 0, 0] > images[0, 0, -1, -1]) else made


class Broken(Small):
    def translate(self, images: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("two\nlines")


def task(method: Small) -> SimpleNamespace:
    images = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)
    return SimpleNamespace(as_function=lambda _: (method.translate, {"images": images}))


def test_a_program_holds_what_makes_images_and_no_more(tmp_path):
    method = Small()
    said = write_torchscript(method, task(method), tmp_path / "p.pt")
    assert said == "read back, it makes the same bits of two inputs; of 16x16 pixels, too"
    program = torch.jit.load(tmp_path / "p.pt")
    assert {name.partition(".")[0] for name in program.state_dict()} == {"netG"}
    assert as_module(method, method.translate).training == method.training


def test_a_program_that_makes_other_images_is_refused(tmp_path):
    method = Small(odd=True)
    with pytest.raises(
        BenchError, match=r"the TorchScript program makes other images than the method \(by [\d.]+ where"
    ):
        write_torchscript(method, task(method), tmp_path / "p.pt")


def test_what_cannot_be_traced_is_one_line(tmp_path):
    method = Broken()
    with pytest.raises(
        BenchError, match=r"TorchScript cannot hold how this method makes images \(two\); --format safetensors"
    ):
        write_torchscript(method, task(method), tmp_path / "p.pt")


def test_without_its_library_onnx_is_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    method = Small()
    with pytest.raises(
        NotAvailable, match=r"needs the package onnx, which contrastbench does not: pip install onnx; or"
    ):
        write_onnx(method, task(method), tmp_path / "p.onnx")
    assert not (tmp_path / "p.onnx").exists()


@pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is no dependency")
def test_onnx_makes_the_same_images(tmp_path):
    method = Small()
    assert write_onnx(method, task(method), tmp_path / "p.onnx").startswith("read back, it makes the same images")
