"""One check that fails, or takes its process with it, leaves the others alone."""

import json
import time
from pathlib import Path

from tests.gpu.page import page
from tests.gpu.setting import Setting, read, run, write


def setting(folder, left=60.0):
    return Setting("cpu", True, time.time() + left, folder)


def broken():
    raise ValueError("no such\nthing")


def test_each_check_is_on_its_own(tmp_path):
    checks = [("one", broken), ("two", lambda: {"ok": False, "error": 1.0}), ("three", lambda: {"rate": 2.0})]
    assert run("part", setting(tmp_path), checks)
    rows = {row["name"]: row for row in read(tmp_path / "rows.jsonl") if row["state"] != "begun"}
    assert [row["state"] for row in rows.values()] == ["broken", "failed", "measured"]
    assert rows["one"]["values"] == {"problem": "ValueError: no such"}
    assert rows["three"]["values"] == {"rate": 2.0}


def test_another_process_goes_on_behind_the_check_that_the_first_died_in(tmp_path):
    write(tmp_path / "rows.jsonl", {"part": "part", "name": "one", "state": "begun"})
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"half a r\n')
    made = []
    checks = [("one", lambda: made.append("one") or {}), ("two", lambda: made.append("two") or {})]
    for _ in range(2):
        run("part", setting(tmp_path), checks)
    assert made == ["two"]
    states = [(row["name"], row["state"]) for row in read(tmp_path / "rows.jsonl")]
    assert states == [("one", "begun"), ("one", "broken"), ("two", "begun"), ("two", "measured")]


def test_nothing_is_begun_when_no_time_is_left(tmp_path):
    assert run("part", setting(tmp_path, left=-1.0), [("one", broken)])
    assert [row["state"] for row in read(tmp_path / "rows.jsonl")] == ["skipped"]


def test_the_committed_page_is_of_nothing_or_of_a_card():
    text = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text()
    assert text == page(None) or "Measured on NVIDIA" in text


def test_a_page_can_be_made_of_whatever_there_is():
    row = {"part": "speed", "name": "cut: plain", "state": "broken", "seconds": 1.0, "values": {"problem": "a | b"}}
    text = page({"machine": {}, "seconds": 1.0, "rows": [row]})
    assert "| speed | cut: plain | broken | a / b |" in text
    assert json.dumps(row)
