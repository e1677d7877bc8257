import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from rich.console import Console

from bench.base.errors import BenchError, UsageError
from bench.checks.doctor import examine as examine_module
from bench.checks.doctor import machine, supplies, versions
from bench.checks.doctor.examine import examine, show, summary
from bench.checks.doctor.finding import Finding, guarded
from bench.checks.doctor.machine import available_memory, machine_findings
from bench.data.verbs import DataState
from bench.features.extractor import Extractor


def by_name(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "not" / "there"
    found = by_name(machine_findings(home))
    assert found["disk"].mark == "ok"
    assert "(not there yet)" in found["disk"].detail
    assert not home.parent.exists()
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 1 << 29})())
    assert by_name(machine_findings(home))["disk"].mark == "warn"
    monkeypatch.setattr(machine.os, "access", lambda place, mode: False)
    unwritable = by_name(machine_findings(tmp_path))["disk"]
    assert unwritable.mark == "FAIL"
    assert f"{tmp_path} is not writable; choose another place with --home" in unwritable.detail


@pytest.mark.parametrize(("gib", "mark"), [(0.5, "warn"), (2, "note"), (9, "ok"), (None, "note")])
def test_memory_marks(gib: float | None, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: None if gib is None else int(gib * machine.GIB))
    assert by_name(machine_findings(tmp_path))["memory"].mark == mark


def test_available_memory_is_the_least_of_system_and_container(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert available_memory(tmp_path) == 4000 * 1024
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) == 4000 * 1024
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("1000000\n")
    assert available_memory(tmp_path) == 2000000


def test_installed_versions_satisfy_the_project() -> None:
    found = by_name(versions.version_findings())
    assert found["requirements"].mark == "ok"
    assert "torch 2." in found["installed"].detail


def test_what_is_missing_or_too_old_is_named() -> None:
    wanted = [Requirement("numpy>=2.0"), Requirement("numpy>=99"), Requirement("no-such-package>=1")]
    found = list(versions.requirement_findings(wanted))
    assert [finding.mark for finding in found] == ["FAIL", "FAIL"]
    assert found[0].detail == f'is {np.__version__}; run: python -m pip install "numpy>=99"'
    assert found[1].detail == 'is missing; run: python -m pip install "no-such-package>=1"'


def test_traps(monkeypatch: pytest.MonkeyPatch) -> None:
    def mismatched(library: object) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    import torch

    assert versions.torchvision_finding().mark == "ok"
    with monkeypatch.context() as patched:
        patched.setattr(torch.ops, "load_library", mismatched)
        trap = versions.torchvision_finding()
        assert trap.mark == "warn"
        assert "(libcudart.so.13: cannot open shared object file), so there is no FID; install both" in trap.detail
        patched.setattr(versions, "find_spec", lambda name: None)
        assert "(it is not installed)" in versions.torchvision_finding().detail
    right = versions.installed_version
    monkeypatch.setattr(versions, "installed_version", lambda name: "1.18.1" if name == "scipy" else right(name))
    assert "pytorch-fid's own distance function" in by_name(versions.version_findings())["scipy"].detail


def test_every_extractor_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CONTRASTBENCH_WEIGHTS", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    found = by_name(supplies.weight_findings(tmp_path / "weights"))
    assert found["efficientnet-lite0"].mark == "ok"
    fid = found["fid-inception-2015-12-05"]
    assert fid.mark == "none"
    assert "put it into the folder weights of --home" in fid.detail
    assert all(issubclass(extractor, Extractor) for extractor in supplies.extractors())


def test_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [
        DataState(name="earth", state="present"),
        DataState(name="earth", state="present"),
        DataState(name="zebra", state="present", deviations=["zebra/trainA holds 2 images, published 3", "another"]),
        DataState(name="absent", state="not here", message="get it"),
        DataState(name="another", state="not here", message="get it"),
        DataState(name="broken", state="damaged", message="is damaged"),
    ]
    monkeypatch.setattr("bench.data.verbs.data_rows", lambda cache, root: states)
    found = list(supplies.data_findings(tmp_path / "none", tmp_path))
    assert [(finding.name, finding.mark) for finding in found] == [
        ("here and complete", "ok"),
        ("not here", "none"),
        ("zebra", "note"),
        ("broken", "FAIL"),
    ]
    assert found[0].detail == "earth"
    assert found[1].detail == "absent, another; how to get them: contrastbench data list"
    assert found[2].detail.endswith("holds 2 images, published 3 and 1 more (contrastbench data list)")


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("s", "first", "ok", "")
        raise RuntimeError("it\nbroke")

    def explained() -> Iterator[Finding]:
        raise BenchError("one line")
        yield

    assert [finding.detail for finding in guarded("s", "n", broken)] == ["", "RuntimeError: it"]
    assert [(f.mark, f.detail) for f in guarded("s", "n", explained)] == [("FAIL", "one line")]


ALL = [
    Finding("versions", "installed", "ok", "torch"),
    Finding("data", "zebra", "none", "get it from https://example.org/" + "long/" * 30),
]


def test_shown_without_a_terminal_every_finding_is_one_line() -> None:
    console = Console(width=60)
    with console.capture() as capture:
        assert show(iter(ALL), console) == ALL
    lines = capture.get().splitlines()
    assert [line.split()[0] for line in lines] == ["versions", "ok", "data", "none", "all"]
    assert lines[3].endswith("long/long/")


def test_shown_on_a_terminal_nothing_is_cut_off() -> None:
    console = Console(width=60, force_terminal=True, color_system=None)
    with console.capture() as capture:
        show(iter(ALL), console)
    assert max(len(line) for line in capture.get().splitlines()) <= 60
    assert capture.get().replace("\n", "").replace(" ", "").count("long/") == 30
    assert "…" not in capture.get()


@pytest.mark.parametrize(
    ("marks", "line"),
    [
        ("ok note", "all is well"),
        ("ok none none", "all is well; what is marked none (2) is needed for some tables only"),
        ("ok warn", "usable, but see what is marked warn (1)"),
        ("ok warn FAIL", "1 of 3 checks FAIL; see the lines marked so"),
    ],
)
def test_summary(marks: str, line: str) -> None:
    assert summary([Finding("s", "n", mark, "") for mark in marks.split()]) == line  # type: ignore[arg-type]


def test_one_part_that_does_not_import_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Iterator[Finding]:
        raise ModuleNotFoundError("No module named 'torch'")

    for name in ("_numbers", "_data"):
        monkeypatch.setattr(examine_module, name, lambda *arguments: missing())
    found = by_name(examine(tmp_path, tmp_path))
    assert found["numbers"].detail == "ModuleNotFoundError: No module named 'torch'"
    assert found["disk"].mark == "ok"


def test_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(reference: str) -> None:
        raise BenchError(f"{reference} is wrong")

    import bench.checks.conformance

    suite = {"it learns": wrong, "it stops": lambda reference: None}
    with monkeypatch.context() as patched:
        patched.setattr(bench.checks.conformance, "checks_for", lambda reference: suite)
        found = list(examine(tmp_path, tmp_path, "toy"))
    assert [(f.section, f.mark, f.detail) for f in found] == [
        ("plugin toy", "FAIL", "it learns: toy is wrong"),
        ("plugin toy", "ok", "it stops"),
    ]
    with pytest.raises(UsageError, match="did you mean"):
        list(examine(tmp_path, tmp_path, "fastcutt"))


@pytest.mark.parametrize("mark", ["ok", "FAIL"])
def test_the_verb(mark: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from bench.cli.app import app_of

    finding = Finding("numbers", "losses", mark, "x")  # type: ignore[arg-type]
    monkeypatch.setattr(examine_module, "examine", lambda home, data, plugin: iter([finding]))
    run: Callable[..., object] = CliRunner().invoke
    for arguments in (["doctor"], ["doctor", "--json"]):
        result = run(app_of(), arguments)
        assert result.exit_code == (1 if mark == "FAIL" else 0)  # type: ignore[attr-defined]
    assert json.loads(result.output) == {"ok": mark == "ok", "findings": [vars(finding)]}  # type: ignore[attr-defined]
