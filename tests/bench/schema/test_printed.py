"""The printed numbers: structure of the files, and look-ups that must find exactly one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.base.errors import BenchError, UsageError
from bench.schema.printed import PAPERS, SECOND_HAND, printed_value, published, published_files

MAIN = "src_hdce_main_comparison.csv"


@pytest.mark.parametrize("file", published_files())
def test_structure(file: str) -> None:
    frame = published(file)
    middle = ["loss", "dataset", "resolution", "n_train"] if file.startswith("dual_") else ["variant", "dataset"]
    assert list(frame.columns) == [
        *("paper", "table", "row", "method"), *middle, *("metric", "value", "higher_is_better", "note")
    ]  # fmt: skip
    assert set(frame["paper"]) <= set(PAPERS)
    assert frame["paper"].nunique() == 1
    assert (frame["row"] >= 1).all()
    assert (frame["metric"] != "").all()
    assert not frame.duplicated([name for name in frame.columns if name not in ("value", "note")]).any()
    assert (frame.loc[frame["value"].isna(), "note"] != "").all(), "a blank cell must say why it is blank"


def test_all_files_are_there() -> None:
    assert len(published_files()) == 21
    assert sum(len(published(file)) for file in published_files()) == 452


@pytest.mark.parametrize("file", [name for name in published_files() if name.endswith("_secondhand.csv")])
def test_second_hand_numbers_say_so(file: str) -> None:
    frame = published(file)
    assert frame["note"].str.startswith(SECOND_HAND).all()
    row = frame.iloc[0]
    found = printed_value(file, {name: row[name] for name in ("method", "dataset", "metric")})
    assert SECOND_HAND in found.source


def test_first_hand_numbers_do_not() -> None:
    found = printed_value(MAIN, {"method": "CUT", "dataset": "horse2zebra", "metric": "FID"})
    assert found.value == 45.5
    assert found.source.startswith("Jung et al. 2022")
    assert SECOND_HAND not in found.source
    assert "46.6" in found.note


def test_blank_cell_is_none_with_its_reason() -> None:
    found = printed_value(MAIN, {"method": "LSeSim", "dataset": "cityscapes", "metric": "mAP"})
    assert found.value is None
    assert "did not report" in found.note


def test_frames_are_copies() -> None:
    frame = published(MAIN)
    frame["value"] = 0.0
    assert published(MAIN)["value"].max() == 155.3


@pytest.mark.parametrize(
    ("file", "filters", "said"),
    [
        (MAIN, {"method": "CUT"}, f"{MAIN}: 5 rows match method=CUT"),
        (MAIN, {"method": "CUTE", "metric": "FID"}, f"{MAIN}: no row matches method=CUTE, metric=FID"),
        (MAIN, {"metod": "CUT"}, f"column in {MAIN} named 'metod'; did you mean method"),
        ("src_hdce_main.csv", {}, "no file of printed numbers named 'src_hdce_main.csv'; did you mean"),
    ],
)
def test_errors_name_file_and_filter(file: str, filters: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        printed_value(file, filters)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_digits_are_the_papers() -> None:
    found = printed_value("dual_contrastive_table5.csv", {"method": "U-Net GAN", "dataset": "CLEVR", "metric": "FID"})
    assert (found.value, found.text) == (33.3, "33.3")
    whole = printed_value("dual_contrastive_table7.csv", {"row": "5", "dataset": "CelebA"})
    assert (whole.value, whole.text) == (6.0, "6.00")
    blank = printed_value(MAIN, {"method": "LSeSim", "dataset": "cityscapes", "metric": "mAP"})
    assert blank.text == ""


HEADER = "paper,table,row,method,variant,dataset,metric,value,higher_is_better,note"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Jung2022_SRC,1,1,CUT,,d,FID,inf,false,", "line 3: value 'inf' is no finite number"),
        ("Jung2022_SRC,1,1,CUT,,d,FID,nan,false,", "line 3: value 'nan' is no finite number"),
        ("Jung2022_SRC,1,1,CUT,,d,FID,1e999,false,", "line 3: value '1e999' is no finite number"),
        ("Jung2022_SRC,1,1,CUT,,d,FID,about 3,false,", "line 3: value 'about 3' is no finite number"),
        ("Jung2022_SRC,1,first,CUT,,d,FID,3,false,", "line 3: row 'first' is no number"),
        ("Jung2022_SRC,1,1,CUT,,d,FID,3,maybe,", "line 3: higher_is_better 'maybe' is none of"),
        ("Jung2022_SRC,1,1,CUT", "line 3: lacks the column value"),
        ("Jung2022_SRC,1,1,CUT,,d,FID,3,false,,more", "line 3: has more cells"),
        ('Jung2022_SRC,1,1,"CUT', "is no table of printed numbers"),
    ],
)
def test_other_than_finite_numbers_are_refused_by_file_and_line(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "published").mkdir()
    sound = "Jung2022_SRC,1,1,CUT,,d,FID,3.5,false,"
    (tmp_path / "published" / "own.csv").write_text("\n".join([HEADER, sound, line]) + "\n")
    monkeypatch.setattr("bench.schema.printed.files", lambda package: tmp_path)
    with pytest.raises(BenchError, match=rf"own\.csv.*{message}"):
        published("own.csv")
