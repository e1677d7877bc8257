import os
from pathlib import Path

import pytest

from bench.base.errors import UsageError
from bench.base.home import Home, expanded
from bench.base.words import shown_path


def test_a_home_is_made_and_left_clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = Home.open(Path("new/runs"), Path("~/images"))
    assert home.root == tmp_path / "new" / "runs"
    assert home.datasets == Path.home() / "images"
    assert list(home.root.iterdir()) == []


def test_a_file_in_the_place_of_a_home_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(UsageError, match=rf"--home {place}: cannot be written \(.*\); choose another place with"):
            Home.open(place, tmp_path)


def test_a_read_only_home_is_one_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(UsageError, match=r"cannot be written \(Read-only file system\); choose another place"):
        Home.open(tmp_path, tmp_path)


def test_runs_are_the_folders_with_a_spec(tmp_path):
    home = Home.open(tmp_path, tmp_path)
    for name in ("cut-2", "cut-1", "cache"):
        (tmp_path / name).mkdir()
    assert home.runs() == []
    for name in ("cut-2", "cut-1"):
        home.run(name).spec.write_text("{}")
    assert [folder.key for folder in home.runs()] == ["cut-1", "cut-2"]


def test_everything_a_run_writes_is_below_its_folder(tmp_path):
    folder = Home.open(tmp_path, tmp_path).run("cut-1")
    for path in (folder.spec, folder.metrics, folder.progress, folder.error, folder.log, folder.lock, folder.checkpoints,
                 folder.scores, folder.result, folder.samples("test", 4)):  # fmt: skip
        assert path.is_relative_to(tmp_path / "cut-1")
    assert folder.samples("test", 4).name == "test-epoch-000004"


def test_a_tables_folder_says_paper_table_and_scale(tmp_path):
    assert Home.open(tmp_path, tmp_path).table("src-hdce/main", "smoke") == tmp_path / "tables" / "src-hdce-main-smoke"


def test_paths_are_shown_as_people_type_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "runs" / "a.png") == "runs/a.png"
    assert shown_path(tmp_path.parent / "x") == str(tmp_path.parent / "x")


def test_the_tilde_is_what_it_is_in_a_shell(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert [str(expanded(Path(text))) for text in ("~/runs", "runs/~", "~nobody-of-that-name/x")] == [
        "/somewhere/runs", "runs/~", "~nobody-of-that-name/x",
    ]  # fmt: skip
