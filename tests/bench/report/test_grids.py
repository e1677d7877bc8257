import pytest

from bench.report.grids import Places, Said, grid
from results.tables.document import Block, Line, Text


def prepared(*lines, groups=("", ""), headings=("FID ↓", "mAP ↑"), stubs=("Method", ""), **fields):
    block = Block("A. Published, and reproduced", "intro", stubs, groups, headings, lines, **fields)
    given = set()

    def origin(place):
        return "" if place in given else given.add(place) or f"at-{place[1]}"

    places = Places(
        note=lambda mark: f"note-{mark}",
        evidence=lambda place: f"cell-{place[1]}",
        origin=origin,
        blocks={"see B": "block-b"},
        floor=lambda place: "39.2" if place[1] == "mAP" else "",
    )
    return grid(block, "block-a", places)


def lines_of(found):
    return [line for body in found.bodies for line in body.lines]


def quiet(text, column, marks=()):
    return Text(text, marks, "quiet", ("CUT", column))


PAPER = Line(
    (Text("CUT", ("‡",)), Text("paper")), (Text("45.5", place=("CUT", "FID")), Text("24.7", place=("CUT", "mAP")))
)
OURS = Line((Text(""), Text("ours")), (Text("61.5 ± 2.0 ▼", ("a",), "strong", ("CUT", "FID")), quiet("not run", "mAP")))


def test_signs_become_words_and_cells_become_links():
    cell = lines_of(prepared(PAPER, OURS))[1].cells[0]
    assert (cell.text, cell.mark, cell.mark_class, cell.mark_words) == (
        "61.5 ± 2.0",
        "▼",
        "worse",
        "worse than published",
    )
    assert (cell.link, cell.of, cell.notes[0].anchor) == ("cell-FID", "CUT, FID", "note-a")


def test_the_way_back_leads_to_our_number():
    lines = lines_of(prepared(PAPER, OURS))
    assert (lines[0].cells[0].anchor, lines[1].cells[0].anchor) == ("", "at-FID")
    assert lines[0].cells[0].link == "cell-FID"


def test_a_label_spans_the_lines_without_one_and_readers_choose_by_it():
    found = prepared(PAPER, OURS, PAPER)
    assert [[[stub.rows for stub in line.stubs] for line in body.lines] for body in found.bodies] == [
        [[2, 1], [1]],
        [[1, 1]],
    ]
    assert lines_of(found)[0].stubs[0].notes[0].mark == "‡"
    assert [body.method for body in found.bodies] == ["CUT", "CUT"]
    real_images = Line((Text("real images"), Text("")), (Text(""), Text("39.2")))
    assert prepared(PAPER, real_images).bodies[-1].method == ""  # stays, whatever is chosen


def test_neighbouring_columns_share_a_heading():
    assert prepared(PAPER, groups=("Cityscapes", "Cityscapes")).groups == [("Cityscapes", (0, 1))]
    assert prepared(PAPER).groups == []


def test_headings_name_the_metric_that_readers_choose():
    assert [heading.metric for heading in prepared(PAPER).headings] == ["FID", "mAP"]
    assert [heading.metric for heading in prepared(PAPER, is_detail=True).headings] == ["", ""]
    assert [heading.metric for heading in prepared(PAPER, headings=("p (Holm)", "gap")).headings] == ["", ""]


def test_neighbours_of_one_reason_are_one_cell():
    ours = Line((Text(""), Text("ours")), (quiet("failed", "FID", ("a",)), quiet("failed", "mAP", ("a",))))
    paper, found = lines_of(prepared(PAPER, ours))
    assert [(cell.text, cell.columns, cell.anchor) for cell in found.cells] == [("failed", (0, 1), "at-FID")]
    # the second cell's place is its published number, which leads to its evidence
    assert [(cell.columns, cell.anchor, cell.link) for cell in paper.cells] == [
        ((0,), "", "cell-FID"),
        ((1,), "at-mAP", "cell-mAP"),
    ]
    other = Line((Text(""), Text("ours")), (quiet("failed", "FID", ("a",)), quiet("failed", "mAP", ("b",))))
    assert len(lines_of(prepared(PAPER, other))[1].cells) == 2  # two reasons
    numbers = Line((Text(""), Text("ours")), (Text("1.0", place=("CUT", "FID")), Text("1.0", place=("CUT", "mAP"))))
    assert len(lines_of(prepared(PAPER, numbers))[1].cells) == 2  # two measurements


def test_what_is_measured_elsewhere_leads_there():
    ours = Line((Text(""), Text("ours")), (Text("61.5", place=("CUT", "FID")), quiet("see B", "mAP")))
    cell = lines_of(prepared(PAPER, ours))[1].cells[1]
    assert (cell.link, cell.of, cell.anchor) == ("block-b", "", "at-mAP")


def test_lines_of_ours_without_any_number_are_said_once():
    ours = Line((Text(""), Text("ours")), (quiet("not run", "FID"), quiet("see B", "mAP")))
    found = prepared(PAPER, ours, PAPER, ours)
    assert found.said == [Said(2, "not run", ""), Said(2, "see B", "block-b")]
    assert [[len(line.stubs) for line in body.lines] for body in found.bodies] == [[1], [1]]
    assert found.stubs == ("Method",)
    assert found.title == "A. Published"
    assert lines_of(found)[-1].cells[0].anchor == "at-FID"
    with_reason = Line((Text(""), Text("ours")), (quiet("failed", "FID", ("a",)), quiet("see B", "mAP")))
    assert prepared(PAPER, with_reason).said == []  # whose note would be lost


def test_what_real_images_get_stands_beside_a_number():
    ours = Line((Text(""), Text("ours")), (Text("61.5", place=("CUT", "FID")), Text("24.0", place=("CUT", "mAP"))))
    assert [cell.floor for cell in lines_of(prepared(PAPER, ours))[1].cells] == ["", "39.2"]
    assert [cell.floor for cell in lines_of(prepared(PAPER, OURS))[1].cells] == ["", ""]


@pytest.mark.parametrize(("stubs", "expected"), [(("Method", ""), True), (("metric", "minus"), False)])
def test_lines_of_one_unit_can_be_sorted(stubs, expected):
    assert prepared(PAPER, OURS, PAPER, stubs=stubs).is_sortable is expected
    assert prepared(PAPER, OURS, stubs=stubs).is_sortable is False  # one label
