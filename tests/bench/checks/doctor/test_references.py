from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.base.errors import UsageError
from bench.checks.doctor import references
from bench.checks.doctor.references import reference_error, reference_findings
from bench.plugin.discovery import find_plugin, load_reference, plugins
from bench.plugin.reference import ReferenceCheck, relative_error
from methods.networks.instance_norm import InstanceNorm

THEIRS = """
import torch
from bench.plugin.reference import ReferenceCheck, largest_error

class Doubled(ReferenceCheck):
    name = "doubled"
    what = "twice one"

    def error(self, numbers, device="cpu"):
        return largest_error(numbers, {"two": torch.ones(1, device=device) * 2})
"""


def test_every_number_is_right_here() -> None:
    found = list(reference_findings())
    assert [finding.mark for finding in found if finding.name != "torch's own norm"] == ["ok"] * 8, found
    names = [finding.name for finding in found]
    assert names == [*["losses"] * 6, "instance norm", "torch's own norm", "training step"]


def test_a_wrong_network_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_another_eps(self: InstanceNorm, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.group_norm(features, self.channels, eps=1e-3)

    monkeypatch.setattr(InstanceNorm, "forward", with_another_eps)
    (step,) = [finding for finding in reference_findings() if finding.name == "training step"]
    assert step.mark == "FAIL"
    assert "do not trust results" in step.detail


def test_a_package_brings_its_own_numbers(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    theirs = load_reference(f"{tmp_path / 'theirs.py'}:Doubled")()
    with pytest.raises(UsageError, match="reference 'doubled' has its numbers there"):
        reference_error(theirs)
    np.savez(tmp_path / "numbers.npz", two=np.array([2.0]))
    assert reference_error(theirs) == 0
    np.savez(tmp_path / "numbers.npz", two=np.array([4.0]))
    assert reference_error(theirs) == 0.5


def test_a_reference_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ReferenceCheck):
        name = "lsgan"
        what = "nothing"

    monkeypatch.setattr(references, "plugins", lambda kind: {"lsgan": find_plugin("reference", "lsgan")})
    monkeypatch.setattr(references, "load_reference", lambda name: Broken)
    monkeypatch.setattr(Broken, "numbers", lambda self: {})
    (finding,) = reference_findings()
    assert finding.mark == "FAIL"
    assert "Broken must define error(numbers, device)" in finding.detail


def test_other_devices_are_asked_where_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        references, "reference_error", lambda reference, device: asked.append((reference.name, device)) or 0
    )
    found = list(reference_findings(["cuda:0"]))
    assert [name for name, device in asked if device == "cuda:0"] == [
        "patchnce",
        "instance_norm",
        "torch_instance_norm",
    ]
    assert any(finding.detail.endswith("PatchNCE and its gradient, on cuda:0") for finding in found)


def test_relative_error() -> None:
    assert relative_error(np.array([3.0, 4.0]), np.array([3.0, 4.0])) == 0
    assert relative_error(np.array([0.0, 0.0]), np.array([3.0, 4.0])) == 1
    assert relative_error(np.array([0.0]), np.array([3.0, 4.0])) == float("inf")
    assert relative_error(np.array([np.nan]), np.array([3.0])) == float("inf")


def test_names_are_known_without_importing() -> None:
    assert {plugin.literals["what"] for plugin in plugins("reference").values()} >= {"PatchNCE and its gradient"}
