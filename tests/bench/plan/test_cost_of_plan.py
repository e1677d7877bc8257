from dataclasses import replace

import pytest
from safetensors.torch import load_file
from written_records import write_result

from bench.base.home import Home
from bench.base.words import size_text
from bench.plan.cost_of_plan import PlannedRun, RunCost, Totals, run_costs, totals, waiting_costs
from bench.plan.cost_of_step import Calibrations, Workload, sizes
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.restore import build_method
from bench.schema.table import load_table
from bench.schema.upkeep import NOTHING_SAID, Upkeep


def planned(toys, *settings, upkeep=NOTHING_SAID):
    grid = Grid(toys.home, upkeep=upkeep)
    keys = [grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings=one), 0) for one in settings]
    grid.write_specs()
    return grid, keys


def test_a_step_costs_the_same_however_many_there_are(toys):
    grid, (short, long, other) = planned(toys, {}, {"n_epochs": 50, "images_per_epoch": 6}, {"crop_size": 12})
    write_result(toys.home.run(short), train_seconds=8.0)
    costs = run_costs(grid, calibrate=False, say=print)
    assert [costs[key].steps for key in (short, long, other)] == [16, 52 * 6, 16]
    assert costs[long].seconds_per_step == 0.5
    assert costs[long].expected_seconds == 156.0
    assert costs[long].measured == "median of 1 earlier run"
    assert costs[other].expected_seconds is None


def test_memory_is_the_most_that_a_finished_run_of_the_kind_held(toys):
    grid, keys = planned(toys, {}, {"n_epochs": 50}, {"n_epochs": 60}, {"n_epochs": 70}, {"crop_size": 12})
    for key, held in zip(keys[:3], (3 * 10**9, 4 * 10**9, None), strict=True):
        write_result(toys.home.run(key), memory_bytes=held)
    costs = run_costs(grid, calibrate=False, say=print)
    assert [costs[key].memory_bytes for key in keys] == [4 * 10**9] * 4 + [None]


@pytest.mark.parametrize("keep", ["all", "best", "last", "none"])
def test_disk_is_what_a_run_leaves_behind(toys, keep):
    grid, (key,) = planned(toys, {}, upkeep=Upkeep(keep=keep, save_minutes=1e-9))
    predicted = run_costs(grid, calibrate=False, say=print)[key]
    seen = [0]

    class Looks(ProgressFile):
        """Looks at the disk after each step."""

        def __call__(self, update):
            seen.append(bytes_of(toys.home.run(key)))

    execute(toys.home, key, Looks(toys.home.run(key)))
    kept, state = sizes(build_method(grid.runs[key]))
    counters = 2 * 4  # Adam counts its steps, four bytes a tensor
    assert predicted.peak_bytes == 2 * kept + 3 * state
    assert state < max(seen) <= predicted.peak_bytes + 3 * counters
    assert bytes_of(toys.home.run(key)) <= predicted.disk_bytes
    left = len(list(toys.home.run(key).checkpoints.glob("*.safetensors")))
    assert predicted.disk_bytes == {"all": 2, "best": 2, "last": 1, "none": 0}[keep] * kept
    assert left == {"all": 2, "best": left, "last": 1, "none": 0}[keep]


def bytes_of(folder):
    """Bytes of all tensors of a run."""
    files = folder.checkpoints.glob("*.safetensors")
    return sum(tensor.numel() * tensor.element_size() for file in files for tensor in load_file(file).values())


def test_what_a_kill_costs_is_the_time_between_two_states(toys):
    grid, (short, long) = planned(toys, {}, {"n_epochs": 5000}, upkeep=Upkeep(save_minutes=2.0))
    write_result(toys.home.run(short), steps=16, train_seconds=8.0)
    costs = run_costs(grid, calibrate=False, say=print)
    assert costs[short].kill_costs_seconds == 8.0  # all of it
    assert costs[long].kill_costs_seconds == 120.5
    _, state = sizes(build_method(grid.runs[long]))
    assert costs[long].state_bytes_an_hour == 30 * state


def test_calibration_measures_once_and_is_remembered(toys):
    grid, keys = planned(toys, {"stall": 0.01}, {"stall": 0.01, "n_epochs": 9})
    said = []
    costs = run_costs(grid, calibrate=True, say=said.append)
    assert len(said) == 1  # both have the same step
    assert 0.01 <= costs[keys[0]].seconds_per_step < 0.5
    assert costs[keys[0]].measured == "calibration, 32 steps on cpu"
    assert costs[keys[0]].memory_bytes > 10**8  # torch alone
    again = run_costs(grid, calibrate=True, say=said.append)
    assert len(said) == 1
    assert again == costs


def test_steps_that_ranks_share_are_another_workload(toys):
    grid, (key,) = planned(toys, {})
    write_result(toys.home.run(key), train_seconds=8.0)
    alone = Workload.of_spec(grid.runs[key], grid.runs)
    known = Calibrations(toys.home)
    assert known.seconds_per_step(alone) == 0.5
    assert known.seconds_per_step(replace(alone, ranks=2)) is None


def test_a_slow_step_is_measured_once_or_twice(toys, monkeypatch):
    monkeypatch.setattr("bench.plan.cost_of_step.SECONDS", 0.2)
    grid, (key,) = planned(toys, {"stall": 0.15})
    cost = Calibrations(toys.home).calibrate(Workload.of_spec(grid.runs[key], grid.runs))
    assert cost.source == "calibration, 1 step on cpu"
    assert cost.seconds_per_step >= 0.15


def test_runs_that_wait_for_data_are_counted_too(tmp_path):
    grid = Grid(Home.open(tmp_path / "runs", tmp_path / "nothing"))
    grid.add_table(
        load_table("src-hdce/main"), "paper", only_methods=["cut"], settings={"ngf": 2, "ndf": 2, "netF_nc": 4}
    )
    waiting = waiting_costs(grid, calibrate=False, say=print)
    assert {(one.method, one.data, one.protocol, one.runs) for one in waiting} == {
        ("cut", "horse2zebra", "horse2zebra@1", 3),
        ("cut", "cityscapes", "cityscapes@2", 3),
        ("drn", "cityscapes-full", "cityscapes-segmentation@1", 1),  # which scores its images
    }
    steps = {one.data: one.steps for one in waiting}
    assert steps == {"horse2zebra": 400 * 1334, "cityscapes": 400 * 2975, "cityscapes-full": 250 * (2975 // 32)}
    total = totals([], waiting)
    assert (total.runs, total.unmeasured, total.device_hours) == (7, 7, 0)


def test_totals_count_what_is_left():
    known = {"peak_bytes": 9, "disk_bytes": 7, "kill_costs_seconds": 1.0, "state_bytes_an_hour": 3}
    cost = RunCost(steps=10, seconds_per_step=None, measured="", expected_seconds=None, **known).model_dump()
    rows = [
        PlannedRun(state=state, step=step, **cost | {"expected_seconds": seconds})
        for state, step, seconds in (("done", 10, 100.0), ("not run", 5, 7200.0), ("not run", 0, None))
    ]
    assert totals(rows, []) == Totals(runs=2, device_hours=1.0, unmeasured=1, peak_bytes=18, disk_bytes=14)


def test_trained_parameters_count_three_times_in_a_state(toys):
    from bench.base.randomness import Draws
    from bench.plugin.discovery import load_method

    method_class = load_method(toys.method)
    weights, state = sizes(method_class(method_class.Config(), Draws(0)))
    assert (weights, state) == (4 * (9 + 3 + 3), 4 * (9 + 3 + 3) + 2 * 4 * 12)  # 1x1 convolution and a buffer of three


def test_sizes_for_people():
    assert [size_text(n) for n in (1500, 12_345_678, 4_700_000_000, 5e12)] == ["1.5 kB", "12.3 MB", "4.7 GB", "5 TB"]


def test_costs_are_the_same_where_runs_share_nothing_in_memory(toys):
    grid = Grid(toys.home)
    for settings in ({}, {"n_epochs": 9}):
        resolution = resolve(toys.method, toys.protocol, "smoke", settings=settings)
        for seed in (0, 1, 2):
            grid.add_run(resolution, seed)
    together = run_costs(grid, False, print)
    grid.runs = {key: spec.model_copy(deep=True) for key, spec in grid.runs.items()}
    assert run_costs(grid, False, print) == together
    assert len({cost.model_dump_json() for cost in together.values()}) == 2
