"""Table files: the paper's layout, every printed number in its place, and errors that name file and key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.base.errors import UsageError
from bench.schema.printed import published
from bench.schema.table import Table, load_table, read_table, table_names
from bench.schema.yaml_files import table_files

# Typed from the paper's text (section 4.1), not from the CSV. None: blank in the paper.
PRINTED = {
    "CycleGAN": (77.2, 20.4, 55.9, 25.4, 76.3),
    "MUNIT": (133.8, 16.9, 56.5, 22.5, 91.4),
    "DRIT": (140.0, 17.0, 58.7, 22.2, 155.3),
    "DistanceGAN": (72.0, 8.4, 42.2, 12.6, 81.8),
    "GcGAN": (86.7, 21.2, 63.2, 26.6, 105.2),
    "CUT": (45.5, 24.7, 68.8, 30.7, 56.4),
    "FastCUT": (73.4, None, None, None, 68.8),
    "NEGCUT": (39.6, 27.6, 71.4, 35.0, 48.5),
    "LSeSim": (38.0, None, 73.2, None, 49.7),
    "SRC+hDCE": (34.4, 29.0, 73.5, 35.6, 46.4),
}


@pytest.fixture
def main() -> Table:
    return load_table("src-hdce/main")


def test_rows_and_numbers_are_the_papers(main: Table) -> None:
    assert [row.label for row in main.rows] == list(PRINTED)
    found: dict[str, list[float | None]] = {}
    for cell in main.cells():
        found.setdefault(cell.row, []).append(cell.published)
    assert {row: tuple(values) for row, values in found.items()} == PRINTED


def test_every_line_of_the_csv_is_used_once(main: Table) -> None:
    frame = published("src_hdce_main_comparison.csv")
    used = [cell for cell in main.cells() if cell.published_source.startswith("Jung")]
    assert len(used) == len(frame) == 45
    assert sorted(v for cell in used if (v := cell.published) is not None) == sorted(frame["value"].dropna())


def test_second_hand_and_extra(main: Table) -> None:
    extra = [cell for cell in main.cells() if cell.extra]
    assert {cell.row for cell in extra} == {"FastCUT"}
    assert all("second-hand" in cell.published_source for cell in extra if cell.published is not None)
    assert not any("second-hand" in cell.published_source for cell in main.cells() if not cell.extra)


def test_names(main: Table) -> None:
    assert "src-hdce/main" in table_names()
    assert (main.id, main.paper) == ("src-hdce/main@3", "src-hdce")
    assert len({column.label for column in main.columns}) == 5


@pytest.mark.parametrize("name", ["src-hdce/mian", "src-hdce-main", "hdce"])
def test_unknown_name_gives_the_nearest(name: str) -> None:
    with pytest.raises(UsageError, match=rf"no table named '{name}'; .*src-hdce/main"):
        load_table(name)


def _edited(tmp_path: Path, edit: Any) -> Path:
    content = yaml.safe_load(table_files()["src-hdce-main"].read_text(encoding="utf-8"))
    edit(content)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c.update(colour="red"), "mine.yaml: colour: unknown key"),
        (lambda c: c["rows"][2].update(metod="drit"), "mine.yaml: rows.2.metod: unknown key"),
        (lambda c: c.update(version="one"), "mine.yaml: version: "),
        (lambda c: c["columns"][0].update(protocol="horse2zebra"), "mine.yaml: columns.0.protocol: "),
        (lambda c: c["rows"][5].pop("printed"), "mine.yaml: rows.5.printed: Field required"),
        (lambda c: c["rows"][5].update(label="DRIT"), "mine.yaml: rows: 'DRIT' is given twice"),
        (lambda c: c["rows"][6].update(not_printed=["Cityscape mAP"]), "did you mean Cityscapes mAP"),
        (lambda c: c.update(paper="cut"), "mine.yaml: paper: 'cut'"),
        (lambda c: c.update(version=4), "mine.yaml: changes: no line for version 4"),
    ],
)
def test_wrong_files_are_one_line_with_file_and_key(tmp_path: Path, edit: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(_edited(tmp_path, edit))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_selector_that_finds_nothing_is_an_error(tmp_path: Path) -> None:
    table = read_table(_edited(tmp_path, lambda c: c["rows"][6].update(not_printed=[])))
    with pytest.raises(UsageError, match=r"cut_main_secondhand.csv: no row matches method=FastCUT, dataset=cityscapes"):
        table.cells()


def test_a_direction_that_contradicts_the_print_is_an_error(tmp_path: Path) -> None:
    table = read_table(_edited(tmp_path, lambda c: c["columns"][0].update(higher_is_better=True)))
    with pytest.raises(UsageError, match=r"no row matches .*higher_is_better=True"):
        table.cells()


def test_names_are_listed_without_heavy_imports() -> None:
    code = "import sys, bench.schema.table as t; t.table_names(); print([m for m in ('torch','pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_table_is_loaded_though_another_file_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-broken.yaml").write_text("name: [")
    known = table_files() | {"a-broken": tmp_path / "a-broken.yaml"}
    monkeypatch.setattr("bench.schema.table.table_files", lambda: known)
    assert load_table("src-hdce/main").name == "src-hdce/main"


def test_every_table_is_found_by_its_name_alone() -> None:
    for name in table_names():
        assert load_table(name).name == name
