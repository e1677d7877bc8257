import pytest

from bench.report.wording import comparability_text, headline, interval_text, number, verdict_text
from bench.schema.cell import Interval


@pytest.fixture
def by_row(cells):
    """Cells of the first column, by row."""
    return {cell.row: cell for cell in cells if cell.column == "Horse→Zebra FID"}


def test_what_is_judged_says_what_it_was_held_against(by_row):
    agrees = headline(by_row["CycleGAN"])
    assert agrees.startswith(
        "Agrees with the paper. The published 77.2 lies where one further run of ours would fall 95 times"
    )
    # 79.23 ± t(2) * 0.907 * sqrt(4/3)
    assert "(74.7 to 83.7)" in agrees
    assert headline(by_row["CUT"]).startswith("Ours is worse than published. The published 45.5 lies outside of")
    assert headline(by_row["SRC+hDCE"]).startswith("Ours is better than published. The published 34.4 lies outside of")


def test_what_is_not_judged_says_why(by_row, cells):
    deviating = by_row["NEGCUT"]
    assert "no verdict: agreement would mean nothing" in headline(deviating)
    assert "(1 deviation, below)" in headline(deviating)
    assert verdict_text(deviating) == "none: the setting deviates"
    stand_in = next(cell for cell in cells if cell.comparability == "stand-in")
    assert "data set earth-land2sat@3 in place of cityscapes@2" in headline(stand_in)
    assert verdict_text(stand_in) == "none: a stand-in is never judged"


def test_counted_images_are_no_measurement(by_row):
    counted = by_row["NEGCUT"].model_copy(
        update={"method": None, "train_keys": {}, "metric": "images", "scored_as": "images"}
    )
    assert (
        headline(counted) == "Images counted on this machine: another number than published. Nothing is trained for it."
    )
    assert verdict_text(counted) == "none: images are counted, nothing is trained"
    as_many = counted.model_copy(update={"comparability": "as published", "deviations": []})
    assert headline(as_many) == "Images counted on this machine: as many as published. Nothing is trained for it."


def test_a_single_seed_decides_nothing(by_row):
    few = by_row["CUT"].model_copy(deep=True)
    few.measured["last"] = few.measured["last"].model_copy(update={"values": {0: 72.0}, "verdict": "underpowered"})
    assert headline(few) == "Measured as published with 1 seed; a verdict needs 3, so this decides nothing."


def test_every_state_has_words(cells):
    seen = {cell.state: headline(cell) for cell in cells if cell.state != "done"}
    assert set(seen) == {"failed", "running", "not run", "not available", "not implemented"}
    assert len(set(seen.values())) == len(seen)
    assert seen["failed"] == "A run of this cell failed. Loss G is nan at step 12; lower lr."
    running = next(cell for cell in cells if cell.state == "running")
    assert comparability_text(running) == "stand-in, once it is done"


def test_numbers():
    assert number(-1.25, 1) == "−1.2"
    assert interval_text(Interval(low=-0.5, high=12, kind="seeds", method="t"), 1) == "−0.5 to 12.0 (95 %)"
