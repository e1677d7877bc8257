"""The local executor on a machine of several cards, which are pretended: order, shared cards, full memories."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from bench.base.device import memory_figure
from bench.ledger.folders import read_error
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.local import LocalExecutor

PLUGINS = Path(__file__).parents[3] / "plugins"
FIGURE = "Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 39.39 GiB of which 1.25 GiB is free"


def grid_of(toys, tmp_path, *runs):
    """A grid of (file, class, settings), which write down where they compute."""
    notes = tmp_path / "notes.jsonl"
    grid = Grid(toys.home)
    keys = [
        grid.add_run(
            resolve(f"{PLUGINS / file}:{name}", toys.protocol, "smoke", settings={"notes": str(notes), **settings}),
            seed,
        )
        for seed, (file, name, settings) in enumerate(runs)
    ]
    grid.write_specs()
    return grid, keys, notes


def steps_by_process(notes):
    found = defaultdict(list)
    for line in notes.read_text().splitlines():
        note = json.loads(line)
        found[note["run"][0], note["pid"]].append(note)
    return found


def test_four_cards_do_a_run_each_the_longest_first(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRASTBENCH_FAKE_DEVICES", "4")
    grid, keys, notes = grid_of(toys, tmp_path, *[("seeing.py", "Sees", {"stall": 0.02})] * 6)
    executor = LocalExecutor(toys.home)
    executor.expected = {key: float(number) for number, key in enumerate(keys)}
    begun: list[str] = []
    outcomes = executor.run(grid.runs, lambda active, _: begun.extend(key for key in active if key not in begun))
    assert {outcome.state for outcome in outcomes.values()} == {"done"}
    assert begun[:4] == keys[:1:-1]
    assert {note["card"] for steps in steps_by_process(notes).values() for note in steps} == {
        f"fake-{number}" for number in range(4)
    }


def test_a_run_whose_card_was_full_is_done_again_alone_on_it(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRASTBENCH_FAKE_DEVICES", "1")
    others = [("seeing.py", "Sees", {"stall": 0.05})] * 2
    grid, (greedy, *_), notes = grid_of(toys, tmp_path, ("greedy.py", "Greedy", {"stall": 0.05}), *others)
    outcomes = LocalExecutor(toys.home, per_device=2).run(grid.runs, lambda *_: None)
    assert {outcome.state for outcome in outcomes.values()} == {"done"}
    assert read_error(toys.home.run(greedy)) is None
    processes = steps_by_process(notes)
    first, again = [steps for (name, _), steps in processes.items() if name == "greedy"]
    beside = [note["time"] for (name, _), steps in processes.items() if name == "sees" for note in steps]
    assert any(min(n["time"] for n in first) < time < max(n["time"] for n in first) for time in beside)
    assert not any(min(n["time"] for n in again) <= time <= max(n["time"] for n in again) for time in beside)


def test_a_run_that_needs_more_than_the_whole_card_is_refused_with_the_figure(toys, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRASTBENCH_FAKE_DEVICES", "1")
    grid, (key,), notes = grid_of(toys, tmp_path, ("greedy.py", "Greedy", {"times": 3}))
    outcome = LocalExecutor(toys.home).run(grid.runs, lambda *_: None)[key]
    assert outcome.state == "failed"
    assert outcome.reason.startswith(f"run {key} ran out of the device's memory ({FIGURE}); use ")
    assert outcome.reason.endswith("(it had card fake-0 to itself)")
    assert read_error(toys.home.run(key)).message == outcome.reason
    assert len(steps_by_process(notes)) == 2  # tried twice, no more


@pytest.mark.parametrize(
    ("said", "figure"),
    [
        (f"CUDA out of memory. {FIGURE}. Including non-PyTorch memory, this process has 3 GiB in use.", FIGURE),
        ("full", "torch gives no figure"),
    ],
)
def test_the_figure_is_torchs_own(said, figure):
    assert memory_figure(MemoryError(said)) == figure
