"""The layout: where each number may stand, and that everything needed to read it is said."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from bench.base.errors import BenchError
from bench.schema.cell import Cell
from bench.schema.table import Table, load_table
from results.tables.document import Block, Document, Footnotes
from results.tables.layout import lay_out


def texts(block: Block) -> list[str]:
    return [text.text for line in block.lines for text in (*line.stub, *line.cells)]


def numbers(block: Block) -> set[float]:
    return {float(found) for text in texts(block) for found in re.findall(r"\d+\.\d+", text)}


def of(document: Document, row: str, whose: str) -> list[str]:
    """The cells of one row's line in block A, with their marks."""
    lines = document.blocks[0].lines
    first = next(number for number, line in enumerate(lines) if line.stub[0].text == row)
    line = lines[first if whose == "paper" else first + 1]
    return [" ".join((text.text, *text.marks)) for text in line.cells]


@pytest.mark.parametrize("name", ["every_kind", "smoke", "no_data"])
def test_no_stand_in_number_is_ever_in_block_a(name: str, table: Table, request: pytest.FixtureRequest) -> None:
    cells: list[Cell] = request.getfixturevalue(name)
    document = lay_out(table, cells)
    for block in document.blocks:
        published = {round(cell.published, 1) for cell in cells if cell.published is not None}
        if block.title.startswith("A"):
            assert not any(number >= 690 for number in numbers(block)), block.title
        else:
            assert "not comparable with the published numbers" in block.title
            assert not numbers(block) & published


@pytest.mark.parametrize("lie", ["as published", "deviating"])
def test_a_stand_in_that_claims_to_be_comparable_stays_out(table: Table, kinds: SimpleNamespace, lie: str) -> None:
    cells = [kinds.stand_in(entry, [777.7], comparability=lie) for entry in table.cells()]
    assert 777.7 not in numbers(lay_out(table, cells).blocks[0])


def test_every_published_number_is_in_block_a(table: Table, smoke: list[Cell]) -> None:
    block = lay_out(table, smoke).blocks[0]
    printed = [f"{cell.published:.1f}" for cell in smoke if cell.published is not None]
    shown = [text.text for line in block.lines[::2] for text in line.cells if text.text != "–"]
    assert shown == printed
    assert len(printed) == 45


def test_states_verdicts_and_marks(table: Table, every_kind: list[Cell]) -> None:
    document = lay_out(table, every_kind)
    notes = {note: mark for mark, note in document.notes}
    deviates = notes["deviates from the published setting: batch_size 1 -> 4"]
    assert of(document, "CycleGAN", "ours")[0] == "79.2 ± 1.5 ≈"
    assert of(document, "CUT", "ours")[0] == "63.9 ± 1.5 ▼"
    assert of(document, "FastCUT", "ours")[0] == "72.0 (n=1) ?"
    assert of(document, "NEGCUT", "ours")[0] == f"56.3 ± 1.5 ≠ {deviates}"
    assert of(document, "SRC+hDCE", "ours") == ["33.2 ± 1.5 ▲", "see B", "see B", "see B", "see B"]
    assert of(document, "MUNIT", "ours") == ["not implemented"] * 5
    assert of(document, "FastCUT", "paper") == ["73.4 †", "–", "–", "–", "68.8 †"]
    assert of(document, "LSeSim", "paper")[1].startswith("– ")  # a blank cell with the note that says why
    legend = next(text for text in document.paragraphs if text.startswith("Marks"))
    assert all(mark in legend for mark in "≈▲▼?≠")


def test_reasons_are_notes(table: Table, no_data: list[Cell], every_kind: list[Cell]) -> None:
    assert any(note.startswith("not available: horse2zebra") for _, note in lay_out(table, no_data).notes)
    document = lay_out(table, every_kind)
    mark = next(mark for mark, note in document.notes if note.startswith("failed: loss G is nan"))
    stand_in = next(block for block in document.blocks if block.title.startswith("B."))
    line = next(line for line in stand_in.lines if line.stub[0].text == "NEGCUT")
    assert {(text.text, text.marks) for text in line.cells} == {("failed", (mark,))}


def test_reasons_for_what_was_not_begun_are_one_paragraph(table: Table, every_kind: list[Cell]) -> None:
    text = next(text for text in lay_out(table, every_kind).paragraphs if text.startswith("Not implemented"))
    assert text.count("method MUNIT does not exist yet") == 1
    assert text.count("method LSeSim does not exist yet") == 1


def test_stand_ins_name_data_scale_metric_and_deviations(table: Table, smoke: list[Cell]) -> None:
    document = lay_out(table, smoke)
    assert [block.title[:3] for block in document.blocks] == ["A. ", "B1.", "B1,", "B2.", "B2,"]
    assert document.blocks[1].intro.startswith("earth-relief2sat@1 in place of horse2zebra@1, scale smoke")
    assert document.blocks[1].headings == ("FD-EffLite0 ↓", "KD-EffLite0 ↓", "L1 ↓", "SSIM ↑")
    assert document.blocks[2].headings == ("last", "best-on-validation", "best-on-test", "gap")
    text = "\n".join(document.paragraphs)
    assert "Stand-ins do not reproduce the paper" in text
    assert "FD-EffLite0 instead of FID" in text
    assert "What else differs in B1 and B2: ngf 64 -> 8; 20 epochs instead of 400." in text


def test_a_deviation_of_some_rows_names_them(table: Table, smoke: list[Cell]) -> None:
    cells = [
        cell.model_copy(update={"deviations": [*cell.deviations, "no flip"]}) if cell.row == "CUT" else cell
        for cell in smoke
    ]
    assert any("no flip (CUT)" in text for text in lay_out(table, cells).paragraphs)


def test_another_metric_on_the_published_data_is_apart_too(table: Table, kinds: SimpleNamespace) -> None:
    cells = [
        kinds.stand_in(entry, [777.7], ran_as=entry.protocol) if entry.metric == "FID" else kinds.cell(entry)
        for entry in table.cells()
    ]
    document = lay_out(table, cells)
    assert document.blocks[1].title.startswith("B1. Measured on the published data by another metric (not comparable")
    assert 777.7 not in numbers(document.blocks[0])


def test_rank_agreement_needs_three_methods(table: Table, every_kind: list[Cell]) -> None:
    def tau(cells: list[Cell]) -> list[str]:
        return [text for text in lay_out(table, cells).paragraphs if text.startswith("Kendall")]

    assert "Horse→Zebra FID +1.00 (3 methods)" in tau(every_kind)[0]  # not FastCUT (extra), not NEGCUT (deviating)
    fewer = [
        cell.model_copy(update={"comparability": "deviating"})
        if cell.row == "CUT" and cell.ran_as == cell.protocol
        else cell
        for cell in every_kind
    ]
    assert tau(fewer) == []


def test_part_of_a_table_may_be_shown(table: Table, smoke: list[Cell]) -> None:
    document = lay_out(table, [cell for cell in smoke if cell.row in ("CUT", "MUNIT")])
    assert [line.stub[0].text for line in document.blocks[0].lines[::2]] == ["MUNIT", "CUT"]
    assert not any(mark == "‡" for mark, _ in document.notes)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda cells: cells[:-1], r"cell \(SRC\+hDCE, Cityscapes FID\) is missing"),
        (lambda cells: [*cells, cells[3]], r"cell \(CycleGAN, Cityscapes cAcc\) is there twice"),
        (
            lambda cells: [*cells[1:], cells[0].model_copy(update={"row": "X"})],
            r"cell \(X, Horse→Zebra FID\) stands in no",
        ),
    ],
)
def test_cells_must_fill_the_table(table: Table, smoke: list[Cell], edit: object, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        lay_out(table, edit(smoke))  # type: ignore[operator]


def test_footnotes_share_letters_and_never_run_out() -> None:
    footnotes = Footnotes()
    marks = [footnotes.mark(str(number)) for number in range(60)]
    assert marks[:2] == ["a", "b"]
    assert footnotes.mark("1") == "b"
    assert len(set(marks)) == 60


def test_published_numbers_keep_the_papers_digits(kinds: SimpleNamespace) -> None:
    """A paper may give 17.6 and 4.01 in one column; 17.60 is not what it prints."""
    table = load_table("dual-contrastive/5")
    document = lay_out(table, [kinds.cell(entry) for entry in table.cells()])
    assert [text.split()[0] for text in of(document, "U-Net GAN, Adv", "paper")][5:10] == [
        "17.6",
        "504",
        "0.48",
        "0.03",
        "11.7",
    ]
    assert [text.split()[0] for text in of(document, "StyleGAN2, Adv", "paper")][5:10] == [
        "4.01",
        "976",
        "0.59",
        "0.32",
        "4.54",
    ]


def test_a_block_for_many_data_sets_names_them_once(kinds: SimpleNamespace) -> None:
    table = load_table("dual-contrastive/7")
    cells = [
        kinds.cell(
            entry, state="done", comparability="stand-in", ran_as="earth-sat@2", scored_as="FD-EffLite0",
            deviations=[f"stand-in data earth-sat@2 for {entry.protocol}", "crop_size 128 -> 32"],
        )
        for entry in table.cells()
    ]  # fmt: skip
    document = lay_out(table, cells)
    assert (
        "in place of celeba-128-30k@1, animal-face-128-30k@1, lsun-bedroom-128-30k@1 and lsun-"
        in document.blocks[1].intro
    )
    assert "What else differs in B: crop_size 128 -> 32." in document.paragraphs
    assert "Published numbers: Yu et al. 2021, supplement, Table 7." in document.paragraphs
