import numpy as np
from written_records import score_content

from bench.base.home import Home
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile
from bench.run.restore import build_method
from bench.run.score_checkpoint import evaluate
from bench.schema.upkeep import Upkeep
from bench.tasks.task import output_files


def test_scores_are_not_made_twice_and_a_missing_one_is_made_again(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    folder, spec = toys.home.run(key), grid.runs[key]
    stamps = {path: path.stat().st_mtime_ns for path in folder.scores.iterdir()}
    assert len(stamps) == 4
    removed = next(iter(stamps))
    content = score_content(removed)
    removed.unlink()
    assert grid.unfinished().keys() == {key}
    execute(toys.home, key, ProgressFile(folder))
    assert score_content(removed) == content
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items() if path != removed)
    assert not grid.unfinished()

    samples = sorted(folder.samples("test", spec.total_epochs).iterdir())
    before = [path.stat().st_mtime_ns for path in samples]
    dataset = grid.dataset(resolve(toys.method, toys.protocol, "smoke"))
    evaluate(folder, spec, build_method(spec), dataset, spec.total_epochs, toys.home, lambda _: None)
    assert [path.stat().st_mtime_ns for path in samples] == before


def test_the_quantised_png_is_what_is_scored(toys):
    grid = Grid(toys.home)
    resolution = resolve(toys.method, toys.protocol, "smoke")
    key = grid.add_run(resolution, 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    import torch
    from PIL import Image

    from bench.data.transforms import quantise, test_transform
    from bench.run.restore import restore_method

    method = restore_method(toys.home, key)
    inputs = grid.dataset(resolution).images("test", "A")
    path = toys.home.run(key).samples("test", 4) / output_files(inputs.names)[1]
    with torch.no_grad():
        expected = quantise(method.translate(test_transform(inputs.image(1), 16)[None]))[0]
    assert np.array_equal(np.asarray(Image.open(path)), expected)


def test_what_is_scored_changes_nothing_of_the_training(toys, tmp_path):
    """Scores of an epoch draw from streams of their own: more of them leave losses and weights as they were."""
    made = []
    for name, count in (("few", 1), ("many", 4)):
        home = Home.open(tmp_path / name, toys.home.datasets)
        grid = Grid(home, upkeep=Upkeep(keep="all"))
        key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
        spec = grid.runs[key]
        evaluation = spec.evaluation.model_copy(update={"scored_checkpoints": count})
        grid.runs[key] = spec.model_copy(update={"evaluation": evaluation})
        grid.write_specs()
        execute(home, key, ProgressFile(home.run(key)))
        folder = home.run(key)
        assert len(list(folder.checkpoints.glob("epoch-*.safetensors"))) == count
        made.append((key, folder.metrics.read_bytes(), (folder.checkpoints / "epoch-000004.safetensors").read_bytes()))
    assert made[0] == made[1]
