"""Authors' own checkpoints and images as a third number: where it comes from, what it is compared with, what is refused."""

import json
import shutil

import pytest
import torch
from rich.console import Console

from bench.base.errors import UsageError
from bench.commands import officials as module
from bench.commands.officials import print_officials, score_officials, write_officials
from bench.commands.score import score_images, score_weights
from bench.schema.cell import Cell, Measured
from bench.schema.table import Table, TableColumn, TableRow
from methods.networks.resnet_generator import ResnetGenerator

SMALL = {"ngf": 4, "ndf": 4, "n_blocks": 1, "netF_nc": 8, "load_size": 16, "crop_size": 16}


@pytest.fixture
def given(toys, tmp_path, monkeypatch):
    """The toys' protocol under a paper's name, a table over it, and a folder of an author's files."""
    toys.edit(recipe="horse2zebra")
    protocol = toys.protocol
    monkeypatch.setattr(module, "load_protocol", lambda identity: protocol)
    metric = protocol.metrics[0].metric
    column = TableColumn(
        group="Toys", heading="colour", protocol="toys@1", metric=metric, higher_is_better=False, printed={}
    )
    rows = [
        TableRow(label="CUT", method="cut", overrides=SMALL, printed={}),
        TableRow(label="CUT small", method="cut", overrides=SMALL, printed={}),
        TableRow(label="FastCUT", method="fastcut", overrides=SMALL, printed={}),
    ]
    table = Table(
        name="toy/main", version=1, title="t", paper="toy", citation="c", where="w", printed_in="f", columns=[column],
        rows=rows, changes={1: "first"},
    )  # fmt: skip
    common = {
        "paper": "toy", "table": "toy/main", "column": column.label, "protocol": "toys@1", "ran_as": "toys@1",
        "scale": "paper", "metric": metric, "scored_as": metric, "higher_is_better": False, "state": "not run",
    }  # fmt: skip
    trained = Measured(metric=metric, checkpoint="last", values={0: 9.0}, score_keys={}, mean=9.0)
    ours = {"state": "done", "comparability": "as published", "measured": {"last": trained}}
    cells = [
        Cell(row="CUT", method="cut", published=4.0, **common | ours),
        Cell(row="CUT small", method="cut", published=None, **common),
        Cell(row="FastCUT", method="fastcut", published=3.0, **common),
    ]
    folder = tmp_path / "official"
    (folder / "CUT" / "toys").mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(ResnetGenerator(ngf=4, n_blocks=1).state_dict(), folder / "CUT" / "toys" / "latest_net_G.pth")
    shutil.copytree(toys.home.datasets / "toys" / "testB", folder / "fastcut" / "toys")
    return toys, table, cells, folder


def scored(given):
    toys, table, cells, folder = given
    return score_officials(table, cells, folder, toys.home, "cpu", lambda *_: None)


def test_a_checkpoint_and_images_are_scored_as_score_does(given):
    toys, _, _, folder = given
    weights = folder / "CUT" / "toys" / "latest_net_G.pth"
    by_weights = score_weights(toys.protocol, "cut", weights, SMALL, toys.home, lambda *_: None)
    by_images = score_images(toys.protocol, folder / "fastcut" / "toys", toys.home)
    first, last = scored(given).cells
    assert (first.row, last.row) == ("CUT", "FastCUT")
    assert first.theirs == pytest.approx(by_weights.scores[0].value)
    assert last.theirs == by_images.scores[0].value
    assert first.deviations == []  # a row's own settings are what is published
    assert last.deviations == by_images.deviations
    assert toys.home.root.joinpath("scored", first.scored, "result.json").is_file()


def test_a_gap_splits_into_evaluation_and_training(given, capsys, tmp_path):
    found = scored(given)
    first, last = found.cells
    assert first.of_evaluation == pytest.approx(first.theirs - 4.0)
    assert first.of_training == pytest.approx(9.0 - first.theirs)
    assert last.of_training is None
    print_officials(found, Console(width=150))
    said = " ".join(capsys.readouterr().out.split())
    assert f"CUT Toys colour 4 {first.theirs:.4g} 9 {first.of_evaluation:+.4g} {first.of_training:+.4g}" in said
    as_json, as_csv = write_officials(found, tmp_path / "table")
    assert json.loads(as_json.read_text())["cells"][0]["ours"] == 9.0
    assert as_csv.read_text().splitlines()[0].startswith("row,column,metric,published,theirs,ours,of_evaluation")


def test_stand_ins_of_ours_are_left_out(given):
    toys, table, cells, folder = given
    cells[0] = cells[0].model_copy(update={"ran_as": "earth@1"})
    assert scored((toys, table, cells, folder)).cells[0].ours is None


def test_what_cannot_be_scored_says_why_and_the_rest_goes_on(given):
    folder = given[-1]
    torch.save(ResnetGenerator(ngf=5, n_blocks=1).state_dict(), folder / "CUT" / "toys" / "latest_net_G.pth")
    first, last = scored(given).cells
    assert (first.state, first.theirs, last.state) == ("failed", None, "done")
    assert "of another network than cut's generator" in first.reason
    shutil.copy(folder / "CUT" / "toys" / "latest_net_G.pth", folder / "CUT" / "toys" / "100_net_G.pth")
    assert "holds 100_net_G.pth, latest_net_G.pth; leave one checkpoint" in scored(given).cells[0].reason


def test_a_method_of_several_rows_is_called_by_its_label(given):
    folder = given[-1]
    (folder / "CUT").rename(folder / "cut")
    assert [cell.row for cell in scored(given).cells] == ["FastCUT"]
    (folder / "cut").rename(folder / "CUT small")
    assert [cell.row for cell in scored(given).cells] == ["CUT small", "FastCUT"]
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match="official: no such folder"):
        scored(given)
    folder.mkdir()
    with pytest.raises(
        UsageError, match=r"holds nothing for toy/main; it wants ROW/PROTOCOL/ .*official/CUT/toys; rows: CUT,"
    ):
        scored(given)
