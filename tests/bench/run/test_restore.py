"""From a specification to its method; with weights it is in test_retention.py and test_checkpoint.py."""

import shutil

import pytest
import torch

from bench.base.errors import BenchError
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.named import name_file
from bench.run.restore import build_method


@pytest.fixture
def copy(toys, tmp_path):
    """The toy as a user's own file, and a run of it."""
    file = tmp_path / "mine.py"
    shutil.copy(toys.method.rpartition(":")[0], file)
    name_file(f"{file}:Toy")
    grid = Grid(toys.home)
    key = grid.add_run(resolve(f"{file}:Toy", toys.protocol, "smoke"), 0)
    return file, grid.runs[key]


def test_weights_depend_on_the_seed_alone(copy):
    _, spec = copy
    first, again = build_method(spec), build_method(spec)
    other = build_method(spec.model_copy(update={"seed": 1}))
    assert torch.equal(first.netG.weight, again.netG.weight)
    assert not torch.equal(first.netG.weight, other.netG.weight)


def test_a_file_that_changed_or_went_since_the_run_was_planned_is_refused(copy):
    file, spec = copy
    whole = file.read_text()
    file.write_text(whole + "\nX = 1\n")
    with pytest.raises(BenchError, match=r"mine\.py: changed since this run was planned"):
        build_method(spec)
    file.unlink()
    with pytest.raises(BenchError, match=r"mine\.py: changed since this run was planned"):
        build_method(spec)
    file.write_text(whole)
    build_method(spec)


def test_a_configuration_that_does_not_fit_is_named_with_its_run(copy):
    _, spec = copy
    with pytest.raises(BenchError, match=rf"^configuration of {spec.label}: n_epochs"):
        build_method(spec.model_copy(update={"config": spec.config | {"n_epochs": 0}}))
