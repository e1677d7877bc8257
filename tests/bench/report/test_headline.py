import pytest

from bench.report.anchors import Anchors
from bench.report.contents import Contents, TableResult, read_contents
from bench.report.headline import counts_as_data, headline, outcome


@pytest.fixture
def first(paper_table, tmp_path):
    """The headline of a page with these cells."""

    def of(cells):
        result = TableResult(paper_table, "smoke", cells, tmp_path / "main" / "cells.json")
        return headline(Contents([result], []), Anchors())

    return of


def test_the_answer_is_what_agrees(first, cells):
    found = first(cells)
    assert found.number == "1 of 3"
    assert found.sentence == ("numbers measured as published agrees with the paper; 1 is better; 1 is worse.")


def test_what_cannot_be_judged_is_no_disagreement(first, every_kind):
    found = first(every_kind)  # with one underpowered cell
    assert (found.number, "; 1 more cannot be judged yet." in found.sentence) == ("1 of 3", True)
    few = [cell for cell in every_kind if outcome(cell) in ("unjudged", "open")]
    assert first(few).number == f"1 of {len(few)}"
    assert "none can be judged yet, which takes 3 seeds" in first(few).sentence


def test_stand_ins_reproduce_nothing(first, smoke):
    found = first(smoke)
    stand_ins = sum(cell.method is not None for cell in smoke)
    assert found.number == f"0 of {len(smoke)}"
    assert found.sentence == f"numbers are reproduced as published; {stand_ins} are measured on stand-ins."
    assert [text.split()[0] for text in found.cautions] == ["Stand-ins", "Scale"]


def test_nothing_measured(first, kinds, table):
    assert first([kinds.cell(entry) for entry in table.cells()]).sentence == "numbers are measured yet."


def test_bars_hold_every_cell_once(first, cells):
    (bar,) = first(cells).bars
    assert sum(part.count for part in bar.parts) == len(cells)
    assert sum(part.share for part in bar.parts) == pytest.approx(100, abs=0.1)
    assert bar.words.startswith(f"{len(cells)} cells: 1 agrees with the paper, 1 better than published, ")


def test_counts_as_data_are_those_of_the_bars(paper_table, cells, tmp_path):
    (line,) = counts_as_data([TableResult(paper_table, "smoke", cells, tmp_path / "main" / "cells.json")])
    done = [cell for cell in cells if cell.state == "done"]
    assert line == {
        "table": "src-hdce/main", "scale": "smoke", "cells": len(cells), "as_published": 3, "deviating": 1,
        "stand_in": sum(cell.comparability == "stand-in" for cell in done),
    }  # fmt: skip


def test_a_comparison_says_how_many_differences_are_shown(root):
    contents = read_contents(root, ["toy-vs-other"])
    (findings,) = contents.comparisons
    found = headline(contents, Anchors())
    assert found.number == f"0 of {len(findings.duels)}"
    assert found.sentence == "difference is shown; what is not shown may still be there."
    shown = findings.model_copy(
        update={"duels": [duel.model_copy(update={"judgement": "worse"}) for duel in findings.duels]}
    )
    assert headline(Contents([], [shown]), Anchors()).number == "1 of 1"
    single = findings.model_copy(
        update={
            "duels": [duel.model_copy(update={"paired": None, "judgement": "too few seeds"}) for duel in findings.duels]
        }
    )
    assert "takes two finished seeds" in headline(Contents([], [single]), Anchors()).sentence
