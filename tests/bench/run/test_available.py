"""Official weights that a method needs: asked for before anything is planned, loaded once, never needed again."""

from pathlib import Path

import pytest

from bench.base.home import Home
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.train import Stopped
from bench.schema.protocol import load_protocol

NEEDY = '''
from pathlib import Path

import importlib.util

from bench.base.weight_files import WeightFile

spec = importlib.util.spec_from_file_location("toy_of_needy", {toy!r})
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)


class Needy(toy.Toy):
    """Starts from a weight file."""

    name = "needy"
    task = "unpaired_translation"
    citation = "nobody"

    @classmethod
    def weight_files(cls, config):
        return [WeightFile(name="official", sha256="", purpose="needy", origin="nobody")]

    def load_pretrained(self, weights):
        self.netG.bias.data.fill_(float((weights / "official").read_text()))
'''


@pytest.fixture
def needy(tmp_path: Path) -> str:
    file = tmp_path / "needy.py"
    toy = Path(__file__).parents[2] / "plugins" / "toy.py"
    file.write_text(NEEDY.format(toy=str(toy)))
    return f"{file}:Needy"


def test_a_run_without_its_weights_is_not_planned(toys, needy):
    from bench.base.errors import NotAvailable

    grid = Grid(toys.home)
    with pytest.raises(NotAvailable, match="put it into"):
        grid.add_run(resolve(needy, toys.protocol, "smoke"), 0)
    assert not grid.runs


def test_weights_are_where_training_starts(toys, needy):
    toys.home.weights.mkdir(parents=True)
    (toys.home.weights / "official").write_text("0.25")
    grid = Grid(toys.home)
    key = grid.add_run(resolve(needy, toys.protocol, "smoke", settings={"lr": 0.0}), 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    from bench.run.restore import restore_method

    (toys.home.weights / "official").unlink()  # a trained method does not ask for it any more
    assert restore_method(toys.home, key).netG.bias.tolist() == [0.25] * 3


def test_a_run_that_goes_on_asks_for_no_weights(toys, needy):
    toys.home.weights.mkdir(parents=True)
    (toys.home.weights / "official").write_text("0.25")
    grid = Grid(toys.home)
    key = grid.add_run(resolve(needy, toys.protocol, "smoke", settings={"lr": 0.0}), 0)
    grid.write_specs()
    folder = toys.home.run(key)
    progress = ProgressFile(folder)
    steps = iter([False] * 4)
    progress.should_stop = lambda: next(steps, True)
    with pytest.raises(Stopped):
        execute(toys.home, key, progress)
    (toys.home.weights / "official").unlink()
    execute(toys.home, key, ProgressFile(folder))
    from bench.run.restore import restore_method

    assert restore_method(toys.home, key).netG.bias.tolist() == [0.25] * 3


def test_a_cell_says_what_is_missing(tmp_path, monkeypatch):
    from bench.schema.table import load_table

    for variable in ("XDG_CACHE_HOME", "TORCH_HOME", "CONTRASTBENCH_WEIGHTS"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    home = Home.open(tmp_path / "runs", tmp_path / "data")
    table = load_table("cfl/supp-1")
    cells = [column.model_copy(update={"protocol": "earth-land2sat-paired@3"}) for column in table.columns]
    grid = Grid(home)
    grid.add_table(table.model_copy(update={"columns": cells}), "paper", seeds=[0])
    blocked = {cell.entry.row: cell.blocked for cell in grid.cells if cell.entry.metric == "FID"}
    missing = {row for row, found in blocked.items() if found is not None}
    assert missing == {row for row in blocked if " pretrained" in row and "not pretrained" not in row}
    assert len(missing) == 3
    for row in missing:
        state, reason = blocked[row]
        assert state == "not available"
        assert "resnet50-0676ba61.pth" in reason
        assert "put it into the folder weights of --home" in reason
        assert str(home.root) not in reason
    assert load_protocol("cityscapes-paired").recipe == "cityscapes"
