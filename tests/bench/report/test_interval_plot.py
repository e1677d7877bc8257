import pytest

from bench.report.interval_plot import interval_plot, panels
from bench.show.drawing import style


@pytest.fixture
def by_title(paper_table, cells):
    return {panel.title: panel for panel in panels(paper_table, cells)}


def test_comparable_columns_show_the_published_number(by_title):
    panel = by_title["Horse→Zebra FID (lower is better)"]
    assert [(label, published) for label, _, published in panel.rows] == [
        ("CycleGAN", 77.2), ("CUT", 45.5), ("NEGCUT", 39.6), ("SRC+hDCE", 34.4)
    ]  # fmt: skip
    with style():
        axis = interval_plot(panel).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["CycleGAN", "CUT", "NEGCUT", "SRC+hDCE"]
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
    assert [float(line.get_xdata()[0]) for line in hollow] == [77.2, 45.5, 39.6, 34.4]


def test_stand_ins_never_show_it(by_title):
    stand_ins = [panel for title, panel in by_title.items() if "on earth-land2sat@3" in title]
    assert {panel.title.split()[0] for panel in stand_ins} >= {"FD-EffLite0", "KD-EffLite0", "L1", "SSIM"}
    assert "SSIM on earth-land2sat@3 (higher is better)" in by_title
    for panel in stand_ins:
        assert {published for _, _, published in panel.rows} == {None}
        with style():
            axis = interval_plot(panel).axes[0]
        assert not [line for line in axis.lines if line.get_markerfacecolor() == "none"]


def test_what_real_images_get_is_a_dashed_line(by_title):
    def dashed(title):
        with style():
            axis = interval_plot(by_title[title]).axes[0]
        return [float(line.get_xdata()[0]) for line in axis.lines if line.get_linestyle() == "--"]

    assert dashed("land-mIoU on earth-land2sat@3 (higher is better)") == [799.75]
    assert dashed("SSIM on earth-land2sat@3 (higher is better)") == []
