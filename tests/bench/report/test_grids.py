from bench.report.grids import grid
from results.tables.document import Block, Line, Text


def prepared(*lines, groups=("", "")):
    block = Block("T", "intro", ("Method", ""), groups, ("FID ↓", "mAP ↑"), lines)
    given = set()

    def anchor(place):
        return "" if place in given else given.add(place) or f"at-{place[1]}"

    return grid(block, lambda mark: f"note-{mark}", lambda place: f"cell-{place[1]}", anchor)


PAPER = Line((Text("CUT", ("‡",)), Text("paper")), (Text("45.5", place=("CUT", "FID")), Text("24.7")))
OURS = Line(
    (Text(""), Text("ours")), (Text("61.5 ± 2.0 ▼", ("a",), "strong", ("CUT", "FID")), Text("not run", style="quiet"))
)


def test_signs_become_words_and_cells_become_links():
    cell = prepared(PAPER, OURS).lines[1].cells[0]
    assert (cell.text, cell.mark, cell.mark_class, cell.mark_words) == (
        "61.5 ± 2.0",
        "▼",
        "worse",
        "worse than published",
    )
    assert (cell.link, cell.of, cell.notes[0].anchor) == ("cell-FID", "CUT, FID", "note-a")


def test_the_way_back_leads_to_our_number():
    lines = prepared(PAPER, OURS).lines
    assert (lines[0].cells[0].anchor, lines[1].cells[0].anchor) == ("", "at-FID")
    assert lines[0].cells[0].link == "cell-FID"
    assert lines[0].cells[1].link == ""


def test_a_label_spans_the_lines_without_one():
    lines = prepared(PAPER, OURS, PAPER).lines
    assert [[stub.rows for stub in line.stubs] for line in lines] == [[2, 1], [1], [1, 1]]
    assert lines[0].stubs[0].notes[0].mark == "‡"


def test_neighbouring_columns_share_a_heading():
    assert prepared(PAPER, groups=("Cityscapes", "Cityscapes")).groups == [("Cityscapes", 2)]
    assert prepared(PAPER).groups == []
