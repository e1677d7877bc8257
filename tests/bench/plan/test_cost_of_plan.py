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


def planned(toys, *settings):
    grid = Grid(toys.home)
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


def test_disk_is_what_a_run_leaves_behind(toys):
    grid, (key,) = planned(toys, {})
    predicted = run_costs(grid, calibrate=False, say=print)[key].disk_bytes
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    files = sorted(toys.home.run(key).checkpoints.glob("*.safetensors"))
    weights, state = sizes(build_method(grid.runs[key]))
    for file in files:
        size = sum(tensor.numel() * tensor.element_size() for tensor in load_file(file).values())
        steps = 2 * 4 if file.name.startswith("state") else 0  # Adam counts its steps, four bytes a tensor
        assert size == (state + steps if file.name.startswith("state") else weights)
    assert predicted == 2 * weights + 2 * state
    assert sum(file.name.startswith("epoch") for file in files) == 2


def test_calibration_measures_once_and_is_remembered(toys):
    grid, keys = planned(toys, {"stall": 0.01}, {"stall": 0.01, "n_epochs": 9})
    said = []
    costs = run_costs(grid, calibrate=True, say=said.append)
    assert len(said) == 1  # both have the same step
    assert 0.01 <= costs[keys[0]].seconds_per_step < 0.5
    assert costs[keys[0]].measured == "calibration, 32 steps on cpu"
    again = run_costs(grid, calibrate=True, say=said.append)
    assert len(said) == 1
    assert again == costs


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
    }
    steps = {one.data: one.steps for one in waiting}
    assert steps == {"horse2zebra": 400 * 1334, "cityscapes": 400 * 2975}
    total = totals([], waiting)
    assert (total.runs, total.unmeasured, total.device_hours) == (6, 6, 0)


def test_totals_count_what_is_left():
    cost = RunCost(steps=10, seconds_per_step=None, measured="", expected_seconds=None, disk_bytes=7).model_dump()
    rows = [
        PlannedRun(state=state, step=step, **cost | {"expected_seconds": seconds})
        for state, step, seconds in (("done", 10, 100.0), ("not run", 5, 7200.0), ("not run", 0, None))
    ]
    assert totals(rows, []) == Totals(runs=2, device_hours=1.0, unmeasured=1, disk_bytes=14)


def test_trained_parameters_count_three_times_in_a_state(toys):
    from bench.base.randomness import Draws
    from bench.plugin.discovery import load_method

    method_class = load_method(toys.method)
    weights, state = sizes(method_class(method_class.Config(), Draws(0)))
    assert (weights, state) == (4 * (9 + 3 + 3), 4 * (9 + 3 + 3) + 2 * 4 * 12)  # 1x1 convolution and a buffer of three


def test_sizes_for_people():
    assert [size_text(n) for n in (1500, 12_345_678, 4_700_000_000, 5e12)] == ["1.5 kB", "12.3 MB", "4.7 GB", "5 TB"]
