import shutil
from pathlib import Path

import pytest
import yaml

from bench.base.errors import UsageError
from bench.base.ranks import ONE, Ranks
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema.run_spec import read_spec
from bench.schema.table import Table

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.fixture
def grid(toys) -> Grid:
    return Grid(toys.home)


@pytest.fixture
def protocol_named(toys, monkeypatch):
    """Protocols that tables can name: copies of the toys' with other keys."""
    known = {}

    def make(name, **changes):
        content = yaml.safe_load(toys.protocol_file.read_text()) | {"name": name} | changes
        known[name] = toys.protocol_file.with_name(f"{name}.yaml")
        known[name].write_text(yaml.safe_dump(content))
        return f"{name}@1"

    monkeypatch.setattr("bench.schema.protocol.protocol_files", lambda: known)
    return make


def table(rows, columns) -> Table:
    """A table of {label: method or (method, overrides)} and {group: (protocol, metric)} that nobody printed."""
    labels = [f"{group} x" for group in columns]
    return Table.model_validate(
        {
            "name": "toys/main",
            "version": 1,
            "title": "toys",
            "paper": "toys",
            "citation": "nobody",
            "where": "nowhere",
            "printed_in": "none.csv",
            "changes": {1: "first"},
            "columns": [
                {
                    "group": group,
                    "heading": "x",
                    "protocol": protocol,
                    "metric": metric,
                    "higher_is_better": False,
                    "printed": {},
                }
                for group, (protocol, metric) in columns.items()
            ],
            "rows": [
                {"label": label, "printed": {}, "not_printed": labels}
                | (method if isinstance(method, dict) else {"method": method})
                for label, method in rows.items()
            ],
        }
    )


def blocked(grid: Grid) -> dict[tuple[str, str], tuple[str, str] | None]:
    return {(cell.entry.row, cell.entry.column): cell.blocked for cell in grid.cells}


MEAN = f"{PLUGINS / 'colour.py'}:MeanColour"


def test_equal_runs_of_rows_and_columns_are_trained_once(toys, grid, protocol_named):
    stand_in = {
        "scales": {"smoke": {"stand_in": str(toys.protocol_file), "why": "a test"}},
        "stand_in_metrics": {MEAN: MEAN},
    }
    columns = {name: (protocol_named(name, **stand_in), MEAN) for name in ("horses", "cats")}
    rows = {"one": toys.method, "same": toys.method, "other": {"method": toys.method, "overrides": {"lr": 0.9}}}
    grid.add_table(table(rows, columns), "smoke", seeds=[0, 1])
    assert len(grid.cells) == 6
    assert len(grid.runs) == 4  # two settings, two seeds
    keys = {(cell.entry.row, cell.entry.column): cell.keys for cell in grid.cells}
    assert keys["one", "horses x"] == keys["one", "cats x"] == keys["same", "horses x"] != keys["other", "horses x"]
    assert list(keys["one", "horses x"]) == [0, 1]
    assert grid.cells[0].template().deviations[0] == "stand-in data toys@1 for horses@1"
    assert grid.cells[0].template().scored_as == MEAN


def test_the_scale_says_how_many_seeds_unless_the_user_does(toys, grid, protocol_named):
    columns = {"a": (protocol_named("a", scales={"smoke": {"why": "a test", "seeds": 3}}), MEAN)}
    grid.add_table(table({"one": toys.method}, columns), "smoke")
    assert list(grid.cells[0].keys) == [0, 1, 2]


def test_a_run_comes_after_the_runs_it_needs(toys, grid):
    student = grid.add_run(resolve(f"{PLUGINS / 'toy.py'}:NeedsTeacher", toys.protocol, "smoke"), 0)
    teacher = grid.runs[student].needs["teacher"]
    assert list(grid.runs) == [teacher, student]
    assert grid.runs[teacher].seed == 0
    assert grid.runs[teacher].config["lr"] == 0.1
    assert grid.names[student] == "needs-teacher on toys, seed 0"
    other = grid.add_run(resolve(f"{PLUGINS / 'toy.py'}:NeedsTeacher", toys.protocol, "smoke", None, {"lr": 0.2}), 0)
    assert grid.runs[other].needs == {"teacher": teacher}
    assert len(grid.runs) == 3


def test_a_method_may_need_a_run_of_itself_with_other_settings(toys, grid):
    """A teacher is often the same method, only wider."""
    student = grid.add_run(resolve(toys.method, toys.protocol, "smoke", {"teacher": True}), 0)
    teacher = grid.runs[student].needs["teacher"]
    assert grid.runs[teacher].config["teacher"] is False


def test_runs_that_need_each_other_are_refused(toys, grid, tmp_path):
    file = tmp_path / "circle.py"
    file.write_text(
        "from bench.plugin.method import RequiredRun\nfrom bench.plugin.discovery import load_method\n"
        f"Toy = load_method({toys.method!r})\n"
        + "".join(
            f"class {name}(Toy):\n    name = '{name.lower()}'\n    task = 'unpaired_translation'\n"
            f"    @classmethod\n    def required_runs(cls, config):\n"
            f"        return {{'other': RequiredRun(f'{{__file__}}:{needs}', {{}})}}\n"
            for name, needs in (("Hen", "Egg"), ("Egg", "Hen"))
        )
    )
    with pytest.raises(UsageError, match="runs need each other in a circle: hen -> egg -> hen"):
        grid.add_run(resolve(f"{file}:Hen", toys.protocol, "smoke"), 0)


def test_what_cannot_be_run_says_why_and_stops_nothing_else(toys, grid, protocol_named):
    here = protocol_named("here")
    gone = protocol_named("gone", data={"family": "folder", "name": "gone"})
    empty = protocol_named("empty", data={"family": "folder", "name": "empty"})
    shutil.copytree(toys.home.datasets / "toys", toys.home.datasets / "empty")
    for file in (toys.home.datasets / "empty" / "testB").iterdir():
        file.unlink()
    columns = {"here": (here, MEAN), "gone": (gone, MEAN), "empty": (empty, MEAN), "new metric": (here, "none-such")}
    grid.add_table(table({"new": "no_such_method", "toy": toys.method, "none": None}, columns), "smoke")
    found = blocked(grid)
    assert found["toy", "here x"] is None
    assert len(grid.runs) == 1
    for column in columns:
        assert found["new", f"{column} x"] == ("not implemented", "method new does not exist yet")
        assert found["none", f"{column} x"][0] == "not implemented"
    state, reason = found["toy", "gone x"]
    assert state == "not available"
    assert "data set gone is not here; put its trainA trainB testA testB under" in reason
    state, reason = found["toy", "empty x"]
    assert state == "failed"
    assert "testB: holds no image" in reason
    assert found["toy", "new metric x"] == ("not implemented", "metric none-such does not exist yet")


def test_a_truncated_image_is_named_in_the_cell(toys, grid, protocol_named):
    image = toys.home.datasets / "toys" / "testA" / "001.png"
    image.write_bytes(image.read_bytes()[:200])
    grid.add_table(table({"toy": toys.method}, {"here": (protocol_named("here"), MEAN)}), "smoke")
    state, reason = grid.cells[0].blocked
    assert state == "failed"
    assert reason.startswith(f"{image}: cannot be read as an image")
    assert "\n" not in reason


def test_a_metric_without_a_stand_in_is_not_replaced_silently(toys, grid, protocol_named):
    stand_in = {"scales": {"smoke": {"stand_in": str(toys.protocol_file), "why": "a test"}}}
    grid.add_table(table({"toy": toys.method}, {"a": (protocol_named("a", **stand_in), "FID")}), "smoke")
    assert grid.cells[0].blocked == ("not implemented", "metric FID does not exist yet on toys@1")
    assert grid.cells[0].template().scored_as is None


def test_rows_left_out_are_not_run_and_settings_do_not_concern_them(toys, grid, protocol_named):
    columns = {"a": (protocol_named("a", recipe="horse2zebra"), MEAN)}
    grid.add_table(table({"cut": "cut", "cyclegan": "cyclegan"}, columns), "smoke", None, ["cut"], {"num_patches": 8})
    assert blocked(grid)["cyclegan", "a x"] == ("not run", "left out by --method")
    (spec,) = grid.runs.values()
    assert spec.config["num_patches"] == 8


def test_what_the_user_got_wrong_is_an_error_not_a_cell(toys, grid, protocol_named):
    columns = {"a": (protocol_named("a"), MEAN)}
    with pytest.raises(UsageError, match="--set lrr: no setting of toy named"):
        grid.add_table(table({"toy": toys.method}, columns), "smoke", settings={"lrr": 1})
    with pytest.raises(UsageError, match=r"no scale of a\.yaml named 'mini'"):
        grid.add_table(table({"toy": toys.method}, columns), "mini")
    with pytest.raises(UsageError, match="no protocol named 'mars'"):
        grid.add_table(table({"toy": toys.method}, {"mars": ("mars@1", MEAN)}), "smoke")


def test_images_that_are_not_as_published_deviate(toys, grid, protocol_named):
    counts = {"family": "folder", "name": "toys", "counts": {"trainA": 6, "testB": 7}}
    columns = {"a": (protocol_named("a", data=counts), MEAN)}
    grid.add_table(table({"toy": toys.method}, columns), "paper", seeds=[0])
    assert grid.cells[0].template().deviations == ["toys/testB holds 4 images, published 7"]


def test_specs_are_written_once_and_say_what_to_do(toys, grid):
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    file = toys.home.run(key).spec
    assert read_spec(file) == grid.runs[key]
    before = file.stat().st_mtime_ns
    grid.write_specs()
    assert file.stat().st_mtime_ns == before
    file.write_text("{}")
    grid.write_specs()
    assert read_spec(file) == grid.runs[key]


def test_a_data_set_is_opened_once(toys, grid, monkeypatch):
    opened = []
    from bench.data.opening import open_dataset

    monkeypatch.setattr("bench.plan.grid.open_dataset", lambda *args: opened.append(args) or open_dataset(*args))
    for seed in range(3):
        grid.add_run(resolve(toys.method, toys.protocol, "smoke"), seed)
    assert len(opened) == 1


def test_a_scale_that_cannot_be_run_is_a_cell_that_says_so_and_the_others_go_on(toys, grid, protocol_named):
    reason = "there is nothing as large"
    columns = {
        "large": (protocol_named("large", scales={"smoke": {"available": False, "why": reason}}), MEAN),
        "small": (protocol_named("small"), MEAN),
    }
    grid.add_table(table({"toy": toys.method}, columns), "smoke", seeds=[0])
    assert blocked(grid) == {
        ("toy", "large x"): ("not available", f"nothing can be run at scale smoke: {reason}; choose another scale"),
        ("toy", "small x"): None,
    }
    assert grid.cells[0].template().ran_as is None
    assert len(grid.runs) == 1


def test_a_rows_subset_names_the_protocol(toys, grid, protocol_named):
    for size in ("1k", "5k"):
        protocol_named(f"faces-{size}")
    rows = {size: {"method": toys.method, "subset": size} for size in ("1k", "5k")}
    grid.add_table(table(rows, {"faces": ("faces-{subset}@1", MEAN)}), "smoke", seeds=[0])
    assert [cell.entry.protocol for cell in grid.cells] == ["faces-1k@1", "faces-5k@1"]
    for wrong in ({"1k": toys.method}, {"a": {"method": toys.method, "subset": "../up"}}):
        with pytest.raises(ValueError, match="subset"):
            table(wrong, {"faces": ("faces-{subset}@1", MEAN)})
    with pytest.raises(ValueError, match="subset: must be given if, and only if"):
        table(rows, {"faces": ("faces@1", MEAN)})


def test_the_precision_is_in_the_key_and_what_was_not_published_a_deviation(toys):
    grids = {precision: Grid(toys.home, precision=precision) for precision in ("fp32", "bf16")}
    keys = {}
    for precision, grid in grids.items():
        resolution = resolve(toys.method, toys.protocol, "smoke")
        keys[precision] = grid.add_run(resolution, 0)
        assert grid.runs[keys[precision]].precision == precision
    assert keys["fp32"] == Grid(toys.home).add_run(resolution, 0) != keys["bf16"]


def test_ranks_are_those_of_the_runs_asked_for_and_not_of_what_they_need(toys):
    shared = f"{Path(toys.method).with_name('shared_toy.py')}:SharedToy"
    alone = Grid(toys.home, ranks=Ranks(count=2, per_rank=("batch_norm",)))
    key = alone.add_run(resolve(shared, toys.protocol, "smoke", settings={"teacher": True}), 0)
    assert alone.runs[key].ranks.count == 2
    assert [run.ranks for name, run in alone.runs.items() if name != key] == [ONE]
    assert alone.deviations == ["batch_norm whole batch -> per rank of 2"]


@pytest.mark.parametrize(("count", "says"), [(2, "makes its steps in one process"), (3, "batch_size 2; change one")])
def test_what_cannot_be_run_on_ranks_is_refused_in_one_line(toys, count, says):
    shared = f"{Path(toys.method).with_name('shared_toy.py')}:SharedToy"
    method = toys.method if count == 2 else shared
    with pytest.raises(UsageError, match=f"--ranks {count}: .*{says}"):
        Grid(toys.home, ranks=Ranks(count=count)).add_run(resolve(method, toys.protocol, "smoke"), 0)
