import shlex

from typer.main import get_command

from bench.cli.app import app_of
from bench.report.commands import cell_command, rerun_command, table_command
from bench.report.contents import read_contents


def test_commands_name_what_they_make(root):
    (result,) = read_contents(root).tables
    by_place = {(cell.row, cell.column): cell for cell in result.cells}
    table = "contrastbench reproduce src-hdce/main --scale paper"
    assert table_command(result) == table
    cut = by_place["CUT", "Cityscapes FID"].model_copy(update={"device": "cuda"})
    assert cell_command(result, cut) == f"{table} --method cut --seeds 2 --device cuda"
    assert cell_command(result, by_place["SRC+hDCE", "Horse→Zebra FID"]).startswith(f"{table} --method src_hdce")
    assert cell_command(result, by_place["MUNIT", "Cityscapes FID"]) == ""  # nothing has it


def test_words_are_quoted_where_a_shell_needs_it(root):
    (result,) = read_contents(root).tables
    own = result.cells[0].model_copy(update={"method": "my file.py:Mine", "train_keys": {}})
    assert cell_command(result, own).endswith("--method 'my file.py:Mine'")
    assert rerun_command("cut-1") == "contrastbench rerun cut-1"


def test_every_option_is_one_of_its_verb(root):
    (result,) = read_contents(root).tables
    cut = result.cells[0].model_copy(update={"method": "cut", "train_keys": {0: "cut-1"}, "device": "cpu"})
    for text in (cell_command(result, cut), rerun_command("cut-1")):
        words = shlex.split(text)[1:]
        verb = get_command(app_of([words[0]])).commands[words[0]]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
