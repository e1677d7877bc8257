import json
import shutil
import sys

import pytest

from bench.cli.main import main


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run a command: (status, standard output, standard error)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["contrastbench", "report", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_says_what_it_wrote(cli, root, tmp_path):
    output = tmp_path / "deep" / "page.html"
    where = ("--home", root.root, "--data", root.datasets)
    status, out, _ = cli("toy-vs-other", *where, "--output", output, "--json")
    assert status == 0
    said = json.loads(out)
    assert said == {
        "report": str(output), "bytes": output.stat().st_size, "runs": {"done": 4}, "problems": [], "tables": [],
        "comparisons": ["toy-vs-other"],
    }  # fmt: skip


def test_the_default_place_and_words(cli, other_root):
    status, out, _ = cli("--home", other_root.root)
    assert status == 0
    page = other_root.root / "report.html"
    first, second = out.splitlines()
    assert first.startswith(f"{page}: 1 table, 0 comparisons, ")
    assert second == f"open it in a browser: {page.as_uri()}"


def test_used_wrongly_is_one_line(cli, other_root, tmp_path):
    status, out, err = cli("--home", tmp_path / "nowhere")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "contrastbench reproduce src-hdce/main --scale smoke" in err
    status, _, err = cli("cut/ablation", "--home", other_root.root)
    assert status == 2
    assert "there is src-hdce/main" in err


def test_failed_is_one_line(cli, other_root):
    other_root.table_cells()[0].write_text("{")
    status, _, err = cli("--home", other_root.root)
    assert status == 1
    assert err.count("\n") == 1
    assert "cells.json: is damaged" in err


def test_help_has_an_example(cli):
    status, out, _ = cli("--help")
    assert status == 0
    assert "contrastbench report src-hdce/main" in out


def test_what_is_damaged_is_said_and_the_rest_is_shown(cli, root, tmp_path):
    copy = shutil.copytree(root.root, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    home = type(root)(copy, root.datasets)
    home.comparisons()[0].write_text("{")
    run = home.runs()[0]
    run.result.write_text(run.result.read_text().replace('"steps": ', '"steps": 1'))
    status, out, err = cli("--home", home.root, "--data", home.datasets)
    assert status == 1
    assert out.startswith(f"{home.root / 'report.html'}: 1 table, 0 comparisons, ")
    assert {line.split(": ")[2] for line in err.splitlines()} == {str(home.comparisons()[0]), str(run.result)}
    page = (home.root / "report.html").read_text()
    assert f"Not shown: {run.result}: is not what was written of {run.key}" in page
    assert "<b>1</b> run damaged" in page
