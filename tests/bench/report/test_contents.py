import json
import shutil

import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home
from bench.report.contents import read_contents


def cells_file(home):
    return home.table_cells()[0]


def test_reads_tables_and_comparisons(root, cells):
    found = read_contents(root)
    assert [(one.table.name, one.scale, one.cells) for one in found.tables] == [
        ("src-hdce/main", cells[0].scale, cells)
    ]
    assert [one.name for one in found.comparisons] == ["toy-vs-other"]


def test_names_choose(root):
    assert read_contents(root, ["src-hdce/main"]).comparisons == []
    chosen = read_contents(root, ["toy-vs-other"])
    assert (len(chosen.tables), len(chosen.comparisons)) == (0, 1)


def test_an_empty_home_says_how_to_fill_it(tmp_path):
    with pytest.raises(
        UsageError, match=r"no table and no comparison to report; make one with: contrastbench reproduce"
    ):
        read_contents(Home(tmp_path / "nothing", tmp_path))
    assert not (tmp_path / "nothing").exists()


def test_a_table_that_is_not_there_says_which_are_and_how_to_make_it(root):
    with pytest.raises(UsageError) as error:
        read_contents(root, ["cut/ablation"], "mini")
    assert "no table cut/ablation; there is src-hdce/main, toy-vs-other" in str(error.value)
    assert f"contrastbench reproduce cut/ablation --scale mini --home {root.root}" in str(error.value)


def test_a_scale_that_is_not_there(root):
    with pytest.raises(UsageError, match=r"src-hdce/main is there at scale \w+, not at mini; make it with:"):
        read_contents(root, ["src-hdce/main"], "mini")
    with pytest.raises(UsageError, match="nothing of scale mini"):
        read_contents(root, [], "mini")
    with pytest.raises(UsageError, match="no scale named 'tiny'"):
        read_contents(root, [], "tiny")


def test_a_name_that_nothing_has_gets_the_nearest(root):
    with pytest.raises(
        UsageError, match=r"no table or comparison in .* named 'src-hdce/man'; did you mean src-hdce/main"
    ):
        read_contents(root, ["src-hdce/man"])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"table": "src-hdce/main@3", "cells": []}', '{"table": 3, "cells": [{}]}']
)
def test_a_damaged_table_is_named(other_root, text):
    cells_file(other_root).write_text(text)
    with pytest.raises(BenchError) as error:
        read_contents(other_root)
    assert str(cells_file(other_root)) in str(error.value)
    assert "\n" not in str(error.value)
    assert "run its reproduce command again" in str(error.value)


def test_a_table_of_another_version_or_of_nobody(other_root, damage):
    damage(cells_file(other_root), {"table": "src-hdce/main@7"})
    with pytest.raises(BenchError, match=r"is of src-hdce/main@7, installed is src-hdce/main@3; run its reproduce"):
        read_contents(other_root)
    damage(cells_file(other_root), {"table": "mine/own@1"})
    with pytest.raises(BenchError, match=r"cells.json: no table named 'mine/own'"):
        read_contents(other_root)


def test_a_table_that_lacks_a_cell(other_root, damage):
    file = cells_file(other_root)
    damage(file, {"cells": json.loads(file.read_text())["cells"][:-1]})
    with pytest.raises(
        BenchError, match=r"cells.json: table src-hdce/main: cell \(SRC\+hDCE, Cityscapes FID\) is missing"
    ):
        read_contents(other_root)


def test_a_damaged_comparison_is_named(root, other_root, damage):
    source = root.comparisons()[0]
    copy = other_root.root / "comparisons" / "broken" / "comparison.json"
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    for spoil, what in (
        (lambda: None, "is not what was written of broken"),  # another one's record
        (lambda: damage(copy, {"seeds": "five"}), "seeds: Input should be a valid array"),
        (lambda: copy.write_text(json.dumps([1])), "holds no JSON object"),
    ):
        spoil()
        found = read_contents(other_root)
        assert ([len(found.tables)], found.comparisons) == ([1], [])  # the others are shown
        (problem,) = found.problems
        assert problem.startswith(f"{copy}: {what}")
        assert problem.endswith("run its compare command again, or remove its folder to go on without it")
