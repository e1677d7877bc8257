"""The examples keep every promise of a plugin, and the package with a method of its own is found and run."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench.checks.conformance import checks_for, problem

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PACKAGE = EXAMPLES / "contrastbench-example-method"
FOCAL = f"{EXAMPLES / 'focal_nce.py'}:FocalNCE"
REFERENCES = (
    FOCAL,
    f"{EXAMPLES / 'adversarial_negatives.py'}:AdversarialNegatives",
    f"{EXAMPLES / 'learned_temperature.py'}:LearnedTemperature",
    f"{PACKAGE / 'src' / 'contrastbench_example' / 'mirrorgan.py'}:MirrorGAN",
)


@pytest.mark.slow
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.rpartition(":")[2])
def test_an_example_keeps_every_promise(reference):
    failed = {name: problem(check, reference) for name, check in checks_for(reference).items()}
    assert not any(failed.values()), failed


def test_the_first_example_is_short_and_is_the_formula():
    import torch

    from bench.plugin.discovery import load_loss
    from bench.plugin.loss import LossContext

    assert len((EXAMPLES / "focal_nce.py").read_text().splitlines()) <= 20
    generator = torch.Generator().manual_seed(1)
    query, key = (torch.nn.functional.normalize(torch.randn(2, 6, 4, generator=generator), dim=2) for _ in range(2))
    found = load_loss(FOCAL)()(query, key, LossContext(0.5))
    for b in range(2):
        for i in range(6):
            p = torch.softmax(key[b] @ query[b, i] / 0.5, dim=0)[i]
            assert found[b, i] == pytest.approx(float(-((1 - p) ** 2) * p.log()), abs=1e-4)


def test_the_learned_temperature_starts_as_patchnce_and_moves():
    import torch

    from bench.checks.conformance.subject import Subject
    from bench.plugin.discovery import load_loss
    from bench.plugin.loss import LossContext
    from methods.losses.patchnce import patchnce

    reference = f"{EXAMPLES / 'learned_temperature.py'}:LearnedTemperature"
    loss = load_loss(reference)()
    query, key = torch.nn.functional.normalize(
        torch.randn(2, 2, 6, 4, generator=torch.Generator().manual_seed(1)), dim=3
    )
    torch.testing.assert_close(loss(query, key, LossContext(0.5)), patchnce(query, key, 0.07), rtol=1e-4, atol=1e-5)
    subject = Subject.of_loss(reference)
    method = subject.build()
    start = method.loss.log_scale.item()
    subject.train(method, stop=1)
    assert list(method.optimizers()) == list(method.schedulers()) == ["G", "D", "F", "loss"]
    assert abs(method.loss.log_scale.item() - start) == pytest.approx(2e-4, rel=0.01)  # Adam's first step is lr


def install(target: Path) -> None:
    """Put the package and what an installer would write for it into a folder."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    (source,) = (PACKAGE / "src").iterdir()
    for file in source.glob("*.py"):
        (target / source.name).mkdir(parents=True, exist_ok=True)
        (target / source.name / file.name).write_text(file.read_text())
    info = target / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_an_installed_package_is_listed_and_run(tmp_path, toys):
    target = tmp_path / "installed"
    install(target)
    environment = os.environ | {"PYTHONPATH": str(target)}

    def contrastbench(*arguments: str) -> str:
        code = "from bench.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    entries = {entry["name"]: entry for entry in json.loads(contrastbench("list", "methods", "--json"))["methods"]}
    assert entries["mirrorgan"]["origin"] == "contrastbench-example-method 0.1.0"
    small = [f"--set={setting}" for setting in ("ngf=2", "ndf=2", "n_blocks=1", "load_size=64", "crop_size=64",
             "n_epochs=1", "n_epochs_decay=1", "images_per_epoch=2")]  # fmt: skip
    found = json.loads(
        contrastbench(
            "compare", "--method", "mirrorgan", "--against", toys.method, "--protocol", str(toys.protocol_file),
            "--scale", "smoke", "--seeds", "1", "--home", str(toys.home.root), "--data", str(toys.home.datasets),
            "--no-mlflow", "--json", *small,
        )
    )  # fmt: skip
    mirrorgan, toy = found["contenders"]
    assert (mirrorgan["label"], toy["label"]) == ("mirrorgan", "toy")
    assert mirrorgan["problems"] == toy["problems"] == []
    assert len(mirrorgan["scores"]) == 1
    assert [duel["judgement"] for duel in found["duels"]] == ["too few seeds"]
