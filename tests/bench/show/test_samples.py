import shutil
from dataclasses import replace

import numpy as np

from bench.data.contact_sheet import contact_sheet
from bench.data.opening import open_dataset
from bench.schema.run_spec import read_spec
from bench.show.samples import collect_samples, samples_without_inputs, write_sheet
from bench.tasks.sheet import sheet_columns, sheet_files
from bench.tasks.task import Selection, task_of


def specs(trained):
    keys = {label: seeds[0] for label, seeds in trained.keys.items()}
    return {label: read_spec(trained.home.run(key).spec) for label, key in keys.items()}


def test_every_method_on_the_same_inputs(trained):
    runs = specs(trained)
    first = next(iter(runs.values()))
    dataset = open_dataset(first.data, trained.home.datasets, trained.home.cache)
    samples = collect_samples(trained.home, dataset, runs)
    assert [row.label for row in samples.rows] == ["input A", "toy", "needs-teacher"]
    assert samples.has_outputs
    inputs = dataset.images("test", "A")
    assert samples.names == list(inputs.names)
    for i, pixels in enumerate(samples.rows[0].images):
        assert np.array_equal(pixels, inputs.pixels(i))
    assert not np.array_equal(samples.rows[1].images[0], samples.rows[2].images[0])


def test_a_picture_whose_look_is_taken_stands_below_the_input(trained, monkeypatch):
    runs = specs(trained)
    dataset = open_dataset(next(iter(runs.values())).data, trained.home.datasets, trained.home.cache)

    def columns(groups, count):
        return [replace(column, exemplar=column.given[::-1]) for column in sheet_columns(groups, count)]

    monkeypatch.setattr("bench.show.samples.sheet_columns", columns)
    rows = collect_samples(trained.home, dataset, runs).rows
    assert [(row.label, row.kind) for row in rows[:3]] == [
        ("input A", "input"), ("target B", "exemplar"), ("toy", "output")
    ]  # fmt: skip
    assert np.array_equal(rows[1].images[0], rows[0].images[0][::-1])


def test_a_run_without_images_is_said(trained, tmp_path):
    runs = specs(trained)
    elsewhere = type(trained.home)(tmp_path, trained.home.datasets)
    first = next(iter(runs.values()))
    dataset = open_dataset(first.data, trained.home.datasets, trained.home.cache)
    samples = collect_samples(elsewhere, dataset, runs)
    assert not samples.has_outputs
    assert samples.missing == {"toy": "the run is not finished", "needs-teacher": "the run is not finished"}


def test_without_the_data_what_was_made_is_shown_alone(trained):
    runs = specs(trained)
    samples = samples_without_inputs(trained.home, runs)
    assert [(row.label, row.kind, len(row.images)) for row in samples.rows] == [
        ("toy", "output", len(samples.names)), ("needs-teacher", "output", len(samples.names))
    ]  # fmt: skip
    assert samples.names == ["000.png", "001.png", "002.png"]


def test_a_damaged_picture_leaves_its_method_out_and_is_said(trained, tmp_path):
    runs = specs(trained)
    shutil.copytree(trained.home.root, tmp_path / "runs")
    home = type(trained.home)(tmp_path / "runs", trained.home.datasets)
    first = next(iter(runs.values()))
    picture = sorted(home.run(first.train_key).samples("test", first.total_epochs).glob("*.png"))[0]
    picture.write_bytes(b"no picture")
    dataset = open_dataset(first.data, home.datasets, home.cache)
    samples = collect_samples(home, dataset, runs)
    assert [row.label for row in samples.rows] == ["input A", "needs-teacher"]
    assert samples.missing["toy"].startswith(f"{picture}: cannot be read as an image")
    assert [row.label for row in samples_without_inputs(home, runs).rows] == ["needs-teacher"]


def test_a_sheet_is_drawn_again_only_if_what_it_shows_has_changed(trained, tmp_path, monkeypatch):
    runs = specs(trained)
    first = next(iter(runs.values()))
    shutil.copytree(trained.home.root, tmp_path / "runs")
    home, path = type(trained.home)(tmp_path / "runs", trained.home.datasets), tmp_path / "sheet.png"
    dataset = open_dataset(first.data, home.datasets, home.cache)
    drawn = []

    def counted(rows, title):
        drawn.append(title)
        return contact_sheet(rows, title)

    monkeypatch.setattr("bench.show.samples.contact_sheet", counted)
    folder = home.run(first.train_key).samples("test", first.total_epochs)
    second = sorted(folder.glob("*.png"))[1]

    def as_drawn(title, runs=runs):
        """The sheet, whether it was drawn for it, and that it is what drawing gives."""
        before = len(drawn)
        assert write_sheet(home, dataset, runs, title, path) == path
        rows = [(row.label, row.images) for row in collect_samples(home, dataset, runs).rows]
        contact_sheet(rows, title).save(tmp_path / "again.png")
        assert path.read_bytes() == (tmp_path / "again.png").read_bytes()
        return len(drawn) > before

    assert as_drawn("A sheet of its own")
    assert not as_drawn("A sheet of its own")
    assert as_drawn("A sheet, renamed")
    assert as_drawn("A sheet of its own")  # its file shows something else by now
    path.write_bytes(path.read_bytes()[:-1])
    assert as_drawn("A sheet of its own")
    path.unlink()
    assert as_drawn("A sheet of its own")
    assert as_drawn("A sheet of its own", {"renamed": first})
    assert as_drawn("A sheet of its own", dict(reversed(runs.items())))
    assert as_drawn("A sheet of its own")
    shutil.copy(sorted(folder.glob("*.png"))[0], second)  # as large as before, perhaps as old
    assert as_drawn("A sheet of its own")
    assert not as_drawn("A sheet of its own")
    home.run(first.train_key).result.unlink()
    assert as_drawn("A sheet of its own")
    second.unlink()
    assert not as_drawn("A sheet of its own")


def test_no_sheet_without_a_finished_run(trained, tmp_path):
    runs = specs(trained)
    first = next(iter(runs.values()))
    dataset = open_dataset(first.data, trained.home.datasets, trained.home.cache)
    elsewhere = type(trained.home)(tmp_path, trained.home.datasets)
    for _ in range(2):
        assert write_sheet(elsewhere, dataset, runs, "Nothing yet", tmp_path / "sheet.png") is None
    assert not (tmp_path / "sheet.png").exists()


def test_the_files_of_a_sheet_are_known_without_reading_a_picture(trained):
    first = next(iter(specs(trained).values()))
    dataset = open_dataset(first.data, trained.home.datasets, trained.home.cache)
    groups = task_of(first).groups(dataset, Selection.of_run(first, "test"))
    for count in (1, 2, 8):
        assert sheet_files(groups, count) == [column.file for column in sheet_columns(groups, count)]
