from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from bench.checks.doctor import machine, norm, numbers
from bench.checks.doctor.finding import Finding
from bench.checks.doctor.norm import gradient_error, norm_findings
from bench.checks.doctor.numbers import number_findings, relative_error
from methods.networks.instance_norm import InstanceNorm


@pytest.fixture
def stored() -> Iterator[dict[str, np.ndarray]]:
    with np.load(numbers.NUMBERS) as arrays:
        yield {key: arrays[key] for key in arrays.files}


def test_every_number_is_right_here() -> None:
    found = list(number_findings())
    assert [finding.mark for finding in found] == ["ok"] * 11, found
    assert {finding.name for finding in found} == {"losses", "training step", "transforms", "metrics"}


def failing(stored: dict[str, np.ndarray], key: str) -> list[str]:
    """What fails when one stored number is moved in its sixth digit."""
    moved = stored | {key: stored[key] * (1 + 1e-5) if stored[key].dtype.kind == "f" else stored[key] ^ 1}
    wrong = []
    for _, what, tolerance, error_of in numbers._CHECKS:
        if what.startswith(("losses", "features")):  # the slow ones
            continue
        if error_of(moved) > tolerance:
            wrong.append(what.split()[0])
    return wrong


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("patchnce/losses", "PatchNCE"),
        ("patchnce/gradient", "PatchNCE"),
        ("negcut/losses", "NCE"),
        ("negcut/gradient_negatives", "NCE"),
        ("src_hdce/losses", "SRC"),
        ("src_hdce/gradient", "SRC"),
        ("src_hdce/relation", "SRC"),
        ("src_hdce/relation_gradient", "SRC"),
        ("cfl/losses", "contrastive"),
        ("cfl/gradient_k", "contrastive"),
        ("dual/loss", "dual"),
        ("dual/gradient_real", "dual"),
        ("dual/gradient_fake", "dual"),
        ("lsgan/loss_G", "LSGAN"),
        ("lsgan/gradient_D", "LSGAN"),
        ("frechet/value", "Frechet"),
        ("kernel/value", "Frechet"),
        ("l1/value", "L1"),
        ("ssim/value", "L1"),
        ("quantise/y", "resizing,"),
        ("transform/test_tensor_sha256", "resizing,"),
        ("transform/resized286_sha256", "resizing,"),
    ],
)
def test_each_number_counts(key: str, what: str, stored: dict[str, np.ndarray]) -> None:
    assert failing(stored, key) == [what]


def test_a_wrong_network_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_another_eps(self: InstanceNorm, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.group_norm(features, self.channels, eps=1e-3)

    monkeypatch.setattr(InstanceNorm, "forward", with_another_eps)
    (step,) = [finding for finding in number_findings() if finding.name == "training step"]
    assert step.mark == "FAIL"
    assert "do not trust results" in step.detail


def test_relative_error() -> None:
    assert relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.0])) == 0
    assert relative_error(np.array([0.0, 0.0]), np.array([3.0, 4.0])) == 1
    assert relative_error(np.array([0.0]), np.array([3.0, 4.0])) == float("inf")
    assert relative_error(np.array([np.nan]), np.array([3.0])) == float("inf")


def test_a_gradient_error_is_measured() -> None:
    assert gradient_error(norm._formula) == 0
    assert gradient_error(lambda x: nn.functional.group_norm(x, 8)) < 1e-14
    assert gradient_error(lambda x: 2 * nn.functional.group_norm(x, 8)) == pytest.approx(1)
    centred = gradient_error(lambda x: (x - x.mean((2, 3), keepdim=True)) / x.detach().std((2, 3), keepdim=True))
    assert 0.01 < centred < 1  # the term through the variance forgotten


def found_of(monkeypatch: pytest.MonkeyPatch, ours: float, torchs: float) -> list[Finding]:
    errors = [ours, torchs]
    monkeypatch.setattr(norm, "gradient_error", lambda normalise, device: errors.pop(0))
    return list(norm_findings(["cpu"]))


def test_whose_norm_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.mark for finding in found_of(monkeypatch, 1e-16, 1e-16)] == ["ok", "ok"]
    ours, torchs = found_of(monkeypatch, 1e-16, 1.4)
    assert (ours.mark, torchs.mark) == ("ok", "note")
    assert "itself is WRONG here; contrastbench does not use it" in torchs.detail
    ours, _ = found_of(monkeypatch, 1.4, 1.4)
    assert ours.mark == "FAIL"


def test_ours_is_right_on_this_torch() -> None:
    ours, torchs = norm_findings(["cpu"])
    assert ours.mark == "ok"
    assert torchs.name == "torch's own norm"


def test_convolution_error_tells_short_floats() -> None:
    assert machine.convolution_error("cpu") < 1e-6
