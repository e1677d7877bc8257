import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from written_records import reseal, write_losses

from bench.base.errors import BenchError, UsageError
from bench.base.home import RunFolder
from bench.commands.rerun import compare_runs, print_rerun, rerun
from bench.ledger.checkpoint_files import drop_weights, read_weights, write_record
from bench.ledger.folders import metric_rows
from bench.ledger.scores import score_identity
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.process import ProgressFile


@pytest.fixture
def finished(toys, tmp_path):
    """A finished run of a user's file, and its specification."""
    file = tmp_path / "mine.py"
    file.write_text(Path(toys.method.rpartition(":")[0]).read_text())
    grid = Grid(toys.home)
    key = grid.add_run(resolve(f"{file}:Toy", toys.protocol, "smoke"), 0)
    grid.write_specs()
    execute(toys.home, key, ProgressFile(toys.home.run(key)))
    return toys.home.run(key), grid.runs[key], file


def test_once_more_from_the_record_is_the_same_to_the_bit(toys, finished, capsys):
    folder, spec, file = finished
    found = rerun(toys.home, folder, debug=False, quiet=True)
    assert found.identical, found
    assert found.weights == {"epoch 2": "same", "epoch 4": "same"}
    assert found.losses == {"16 rows": "same"}
    assert set(found.scores.values()) == {"same"}
    assert len(found.scores) == 4
    assert found.rerun == str(toys.home.root / "reruns" / folder.key / "1" / folder.key)
    assert found.rerun != found.run
    print_rerun(found)
    assert "weights: bit-identical (epoch 2, epoch 4)" in capsys.readouterr().out

    # what differs is found: one weight by its last bit, one loss, one score
    again = type(folder)(type(folder.path)(found.rerun))
    weights = again.checkpoints / "epoch-000004.safetensors"
    tensors = load_file(weights)
    tensors["netG.bias"][1] = torch.nextafter(tensors["netG.bias"][1], torch.tensor(9.0))
    save_file(tensors, weights)
    rows = metric_rows(again)
    rows[6] = rows[6] | {"G": rows[6]["G"] + 1.0}
    reseal(again.result, "result", again.key, losses=write_losses(again, rows).model_dump())
    score = next(path for path in sorted(again.scores.iterdir()) if json.loads(path.read_text())["split"] == "test")
    reseal(score, "score", score_identity(again.key, score.stem), value=1e9)
    found = compare_runs(folder, again, spec)
    assert not found.identical
    assert found.weights["epoch 2"] == "same"
    assert found.weights["epoch 4"].startswith("1 of 3 tensors differ, by ")
    assert found.losses == {"16 rows": "differ from row 7 of 16"}
    assert sum(text != "same" for text in found.scores.values()) == 1
    print_rerun(found)
    assert "the run is not deterministic" in capsys.readouterr().out

    file.write_text(file.read_text() + "\n# another idea\n")
    with pytest.raises(
        BenchError, match=r"mine\.py: is not the file of sha256 \w+\.\.\. that run toy-\w+ was planned with"
    ):
        rerun(toys.home, folder, debug=False, quiet=True)


def test_weights_that_went_are_compared_by_their_checksums(toys, finished):
    folder, spec, _ = finished
    record = read_weights(folder.checkpoints, 4, folder.key)
    drop_weights(folder.checkpoints, record, "--keep none")
    again = copy_of(folder, toys.home.root / "again" / folder.key)
    assert compare_runs(folder, again, spec).weights == {"epoch 2": "same", "epoch 4": "same"}
    write_record(again.checkpoints, record.model_copy(update={"sha256": "0" * 64}))
    assert compare_runs(folder, again, spec).weights["epoch 4"].startswith("other weights, by their checksums")


def copy_of(folder: RunFolder, place: Path) -> RunFolder:
    shutil.copytree(folder.path, place)
    return RunFolder(place)


def test_an_unfinished_run_is_refused(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    grid.write_specs()
    with pytest.raises(UsageError, match="is not finished; finish it first"):
        rerun(toys.home, toys.home.run(key), debug=False, quiet=True)


def test_a_run_whose_losses_are_not_what_was_written_is_refused_before_anything_is_trained(toys, finished):
    folder, _, _ = finished
    folder.metrics.write_bytes(b"".join(folder.metrics.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(BenchError, match=r"metrics\.jsonl: has 15 rows that are not the 16 that the run wrote"):
        rerun(toys.home, folder, debug=False, quiet=True)
    assert not (toys.home.root / "reruns").exists()


@pytest.mark.parametrize("damage", ["gone", "cut short"])
def test_a_run_whose_weights_are_lost_is_refused_before_anything_is_trained(toys, finished, damage):
    folder, _, _ = finished
    weights = folder.checkpoints / "epoch-000004.safetensors"
    weights.unlink() if damage == "gone" else weights.write_bytes(weights.read_bytes()[:20])
    with pytest.raises(BenchError, match=r"epoch-000004\.safetensors: is missing or damaged, so a rerun has nothing"):
        rerun(toys.home, folder, debug=False, quiet=True)
    assert not (toys.home.root / "reruns").exists()


def test_what_a_job_is_asked_for_is_said_of_an_executor_that_submits_none(toys, finished):
    folder, _, _ = finished
    with pytest.raises(UsageError, match="--job partition: executor local submits no jobs"):
        rerun(toys.home, folder, debug=False, quiet=True, job={"partition": "gpu"})
