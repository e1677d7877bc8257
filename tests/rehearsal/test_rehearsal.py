"""The rehearsal itself: made-up things are named so and are otherwise as published, and one day of it works in small."""

import dataclasses
import re
import sys

import pytest
import torch
from PIL import Image

from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256
from bench.features.fid_inception import WEIGHTS
from bench.schema.protocol import Protocol
from bench.schema.table import Table, load_table
from tests.rehearsal import page, paper, pictures, weights
from tests.rehearsal.__main__ import main, methods, prepare
from tests.rehearsal.commands import Stage
from tests.rehearsal.rehearse import Rehearsed, append, read, rehearse

SMALL = paper.Length(
    images=150,
    overrides={"ngf": 4, "ndf": 4, "netF_nc": 8, "num_patches": 16, "load_size": 36, "crop_size": 32},
    counts={"trainA": 4, "trainB": 3, "testA": 2, "testB": 2, "train": 3, "test": 2},
)
ROW = Rehearsed(
    "cut", 8, None, "2026-01-01", 2, 0.5, steps=16, paper_steps=1600, plan_seconds=2.0, seconds=2.5,
    plan_paper_seconds=3200.0, plan_peak=100, peak=90, plan_after=50, after=50, plan_memory=2**30,
    memory=2**30, killed_after=1, went_on_after=1, scores=4, wall=60.0,
)  # fmt: skip


@pytest.mark.parametrize("name", paper.PROTOCOLS)
def test_a_made_up_protocol_differs_from_the_published_one_in_names_alone(name, tmp_path):
    made, published = paper.protocol(name, paper.Length()), paper.original(name)
    assert made["name"] == f"made-up-{name}"
    assert made["title"].startswith("MADE UP, no result")
    assert made["data"]["name"].startswith("made-up-")
    assert made["scales"]["paper"] == published["scales"]["paper"]
    assert made["recipe"] == published["recipe"]
    assert made["data"]["counts"] == published["data"]["counts"]
    assert {use["metric"] for use in made["metrics"]}.isdisjoint(
        {"FID"}
    )  # only the official network's may be called so


def test_no_cell_of_a_made_up_table_has_a_published_number():
    for content in paper.tables().values():
        table = Table.model_validate(content)
        assert table.name.startswith("made-up-")
        assert "no result" in table.title
        for cell in table.cells():
            assert cell.published is None
            assert cell.protocol.startswith("made-up-")
            assert cell.column.startswith("made-up ")
    assert sorted(name.removeprefix("made-up-") for name in methods()) == sorted(
        [*(row.method or "" for row in load_table("src-hdce/main").rows), "drn"]
    )


def test_pictures_have_published_counts_sizes_and_formats(tmp_path):
    folder = pictures.pictures_of(paper.protocol("horse2zebra", paper.Length()))
    assert len(folder) == 1067 + 1334 + 120 + 140
    assert {name.rpartition(".")[2] for name in folder} == {"jpg"}
    prepared = pictures.pictures_of(paper.protocol("cityscapes", paper.Length()))
    assert len(prepared) == 2 * (2975 + 500)
    assert "made-up-cityscapes/testB/499_B.jpg" in prepared
    streets = pictures.pictures_of(paper.protocol("cityscapes-segmentation", paper.Length()))
    assert len(streets) == 2 * (2975 + 500)
    assert set(streets.values()) == {("picture", (2048, 1024)), ("labels", (2048, 1024))}
    for name in (min(folder), min(prepared), min(streets), max(streets)):
        shown, size = (folder | prepared | streets)[name]
        path = tmp_path / name.rpartition("/")[2]
        pictures.draw(path, name, shown, size)
        first = path.read_bytes()
        pictures.draw(path, name, shown, size)
        assert path.read_bytes() == first
        with Image.open(path) as image:
            assert (image.size, image.mode) == (size, "L" if "labelIds" in name else "RGB")
            assert image.format == {"jpg": "JPEG", "png": "PNG"}[name.rpartition(".")[2]]


def test_pictures_that_are_there_stay_and_the_folder_says_what_they_are(tmp_path):
    content = paper.protocol("horse2zebra", SMALL)
    assert pictures.write_pictures(tmp_path, content, "horse2zebra", lambda done, total: None) == 11
    next(tmp_path.rglob("*.jpg")).unlink()
    assert pictures.write_pictures(tmp_path, content, "horse2zebra", lambda done, total: None) == 1
    assert "made up" in (tmp_path / "made-up-horse2zebra" / "MADE-UP.txt").read_text()


def test_the_made_up_protocols_are_valid():
    for name in paper.PROTOCOLS:
        content = paper.protocol(name, paper.Length())
        content["metrics"] = [{"metric": "KD-EffLite0"}]
        Protocol.model_validate(content | {"select_by": "KD-EffLite0"})


def test_random_weights_are_never_taken_for_official_ones(tmp_path):
    """By design: they have names of their own, and under the official name they are refused."""
    assert "made-up" in paper.CODE
    (tmp_path / WEIGHTS.name).write_bytes(b"random")
    with pytest.raises(NotAvailable, match=r"needs the official .*; replace it by the file from"):
        WEIGHTS.find(tmp_path)


def test_only_the_weights_that_are_wanted_are_made_and_once(tmp_path, monkeypatch):
    made = []
    layouts = {
        name: (f"{name}.pth", lambda name=name: made.append(name) or {"w": torch.ones(2)})
        for name in ("INCEPTION", "VGG16")
    }
    monkeypatch.setattr(weights, "LAYOUTS", layouts)
    for _ in range(2):
        assert weights.write_weights(tmp_path, ["INCEPTION"], print) == {
            "INCEPTION": file_sha256(tmp_path / "INCEPTION.pth")
        }
    assert made == ["INCEPTION"]


def test_the_page_has_what_was_measured_and_says_what_was_not(tmp_path):
    broken = dataclasses.replace(ROW, method="cyclegan", problem="went on after 0 steps though 1 were saved")
    page.write_page(tmp_path / "page.md", ["cut", "cyclegan", "munit"], {"cut": ROW, "cyclegan": broken}, None)
    text = (tmp_path / "page.md").read_text()
    cut, cyclegan, munit = (re.search(rf"^\| {name} \|.*$", text, re.M)[0] for name in ("cut", "cyclegan", "munit"))
    assert "| 2.00 | 2.50 | 1.25 |" in cut
    assert "| 0.90 |" in cut
    assert "busy" not in text
    assert page.UNKNOWN in cyclegan
    assert page.UNKNOWN in munit
    assert "cyclegan: went on after 0 steps" in text
    assert f"--scale paper`: {page.UNKNOWN}" in text
    page.write_page(tmp_path / "page.md", ["cut"], {"cut": dataclasses.replace(ROW, load=7.0)}, None)
    assert "load 7.0 when it began (a busy machine:" in (tmp_path / "page.md").read_text()


def test_the_page_lays_the_whole_plan_beside_the_published_tables(tmp_path):
    totals = {"runs": 61, "peak_bytes": 324 * 10**9, "disk_bytes": 10**10}
    whole = {"seconds": 70, "totals": totals, "published": totals}
    page.write_page(tmp_path / "page.md", [], {}, whole)
    text = (tmp_path / "page.md").read_text()
    assert "| `made-up-src-hdce/main`, on made-up data | 61 | 324 GB |" in text
    assert "| `src-hdce/main`, whose data is not here | 61 | 324 GB |" in text


def test_results_are_read_line_by_line_and_a_cut_line_is_none(tmp_path):
    file = tmp_path / "build" / "results.jsonl"
    assert read(file) == {}
    append(file, ROW)
    with file.open("a") as results:
        results.write('{"method": "cyc')
    assert read(file) == {"cut": ROW}


def test_report_rehearses_nothing(tmp_path, monkeypatch, capsys):
    append(tmp_path / "results.jsonl", ROW)
    monkeypatch.setattr(
        sys, "argv", ["rehearsal", "--report", "--folder", str(tmp_path), "--page", str(tmp_path / "page.md")]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"results.jsonl", "page.md"}


@pytest.mark.slow
def test_a_day_in_small(tmp_path):
    """Planned, started, killed, moved, resumed, scored at two checkpoints; sizes on disk are as predicted."""
    stage = Stage(tmp_path)
    prepare(stage, SMALL, paper.PROTOCOLS[:1], ["INCEPTION"])
    row = rehearse(stage, "cut", SMALL, print)
    assert row.problem == ""
    assert row.steps == 300
    assert 0 < row.killed_after <= row.went_on_after < 300
    assert row.scores == 4
    assert row.after == pytest.approx(row.plan_after, rel=0.25)
    assert row.memory == pytest.approx(row.plan_memory, rel=0.5)
    assert row.memory > 100e6
