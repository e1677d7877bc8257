"""A flipped bit in any record of a finished home changes no table, no curve and no resumed run without a word.

`--flips 2000` tries more of them. Weights have a checksum of their own, pixels and rendered tables are not read back.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.base.checked import Checked
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.commands.status import run_row
from bench.compare.findings import Findings
from bench.ledger.facts import facts_of
from bench.ledger.folders import metric_rows, run_scores
from bench.report.contents import read_table
from bench.run.loss_log import LossLog
from bench.run.ticket import read_tickets
from bench.schema.run_spec import read_spec

SPLITS = ("train", "validation", "test")


@pytest.fixture
def home(root: Home, tmp_path: Path) -> Home:
    """A copy of the finished home that may be damaged."""
    kept = shutil.ignore_patterns("cache", "samples", "*.safetensors")
    return Home(shutil.copytree(root.root, tmp_path / "copy", ignore=kept), root.datasets)


def records(home: Home) -> list[Path]:
    """Every file that is read back and is no checkpoint."""
    of_runs = [
        path
        for run in home.runs()
        for path in (run.spec, run.metrics, run.result, run.progress, *run.scores.iterdir(), *run.tickets.glob("*"))
        if path.exists()
    ]
    return sorted(of_runs + home.table_cells() + home.comparisons())


def of_run(folder: RunFolder, checked: Checked) -> Iterator[Callable[[], Any]]:
    """Everything that is made from a run's records, also by commands that remember what was whole."""
    spec = read_spec(folder.spec, checked)
    yield lambda: spec.model_dump()
    yield lambda: read_spec(folder.spec).model_dump()
    yield lambda: run_row(folder, spec, checked).model_dump()
    yield lambda: facts_of(folder, spec, SPLITS, checked)
    yield lambda: [row._replace(reason="") for row in run_scores(folder, spec, SPLITS)]
    yield lambda: metric_rows(folder)
    yield lambda: LossLog(folder.metrics).truncate(folder.metrics.stat().st_size)  # what a resumed run does first
    yield lambda: run_row(folder, spec).model_dump()
    yield lambda: len(read_tickets(folder)) >= 0


def shown(home: Home, path: Path, checked: Checked) -> tuple[list[Any], list[str]]:
    """What is shown of the place where a record stands, and what is said to be wrong there."""
    values, said = [], []
    try:
        if path.name == "cells.json":
            makers = iter([lambda: read_table(path).cells])
        elif path.name == "comparison.json":
            makers = iter([lambda: Findings.of_folder(path)])
        else:
            makers = of_run(RunFolder(home.root / path.relative_to(home.root).parts[0]), checked)
        for make in makers:
            try:
                values.append(make())
            except BenchError as error:
                said.append(str(error))
    except BenchError as error:
        said.append(str(error))
    said += [value["reason"] for value in values if isinstance(value, dict) and value.get("state") == "damaged"]
    return values, said


def test_no_flipped_bit_changes_what_is_shown_without_a_word(home: Home, request: pytest.FixtureRequest) -> None:
    rng = random.Random(0)
    paths = records(home)
    assert {"spec.json", "metrics.jsonl", "result.json", "cells.json", "comparison.json"} <= {p.name for p in paths}
    checked = Checked()
    whole = {path: shown(home, path, checked) for path in paths}
    assert len(checked.take_new()) == 2 * len(home.runs())  # so that none is checked again below
    assert not [said for _, said in whole.values() if said]
    silent = []
    for _ in range(request.config.getoption("flips")):
        path = rng.choice(paths)
        content = path.read_bytes()
        bit = rng.randrange(8 * len(content))
        spoiled = bytearray(content)
        spoiled[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoiled)
        values, said = shown(home, path, checked)
        path.write_bytes(content)
        if not said and values != whole[path][0]:
            silent.append(f"{path}, bit {bit}")
        assert all("\n" not in line for line in said)
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("value", [None, True, "12", float("nan"), [], {}])
def test_no_other_value_is_taken_for_a_number(home: Home, value: object) -> None:
    """By hand, which leaves the seal as it was, or removes it, or makes the record look like one of before seals."""
    run = home.runs()[0]
    score = next(path for path in sorted(run.scores.iterdir()) if json.loads(path.read_text())["state"] == "done")
    for path, name in ((score, "value"), (run.result, "train_seconds"), (run.result, "steps")):
        whole = path.read_text()
        content = json.loads(whole) | {name: value}
        for removed in (
            (),
            ("seal",),
            ("seal", "format"),
            ("seal", "format", "made", "checkpoint", "parts", "losses", "time"),
        ):
            path.write_text(json.dumps({key: kept for key, kept in content.items() if key not in removed}))
            _, said = shown(home, path, Checked())
            assert said, (path, removed)
            assert str(path) in said[0]
        path.write_text(whole)


def test_another_ones_record_is_refused(home: Home) -> None:
    first, second = home.runs()[:2]
    shutil.copy(first.result, second.result)
    assert any(str(second.result) in line for line in shown(home, second.result, Checked())[1])
    one, other = sorted(first.scores.iterdir())[:2]
    shutil.copy(one, other)
    assert any(str(other) in line for line in shown(home, other, Checked())[1])
