from types import SimpleNamespace

import pytest

from bench.base.ranks import Ranks
from bench.run.slurm.options import SlurmOptions
from bench.run.slurm.packing import BASE_GB, MOST_TASKS, arrays, memory_gb


def run(*after, label="cut", device="cpu", ranks=1, **config):
    several = Ranks(count=ranks)
    return SimpleNamespace(label=label, device=device, ranks=several, threads=2, config=config, comes_after=list(after))


def laid_out(specs, expected=None, together=1, **options):
    return arrays(specs, expected or {}, SlurmOptions(**options), together)


def test_runs_of_one_kind_are_one_array_and_unknown_ones_have_a_job_each():
    (array,) = laid_out({"a": run(), "b": run(), "c": run()})
    assert array.packs == [["a"], ["b"], ["c"]]
    assert array.request.minutes == 24 * 60
    assert array.request.cpus == 2
    assert array.request.name == "contrastbench-cut"


def test_a_run_of_several_ranks_has_a_device_threads_and_memory_for_each():
    one, four = laid_out({"a": run(device="cuda"), "b": run(device="cuda", ranks=4)})
    assert [(array.request.ranks, array.request.cpus) for array in (one, four)] == [(1, 2), (4, 8)]
    assert four.request.memory_gb == 4 * one.request.memory_gb


def test_short_runs_of_several_methods_share_jobs_and_long_ones_have_their_own():
    specs = {"a": run(), "b": run(label="src"), "c": run(), "long": run()}
    expected = {"a": 600.0, "b": 600.0, "c": 900.0, "long": 36000.0}
    short, long = sorted(laid_out(specs, expected), key=lambda array: array.request.minutes)
    assert short.packs == [["a", "b"], ["c"]]
    assert short.request.name == "contrastbench-runs"
    assert long.packs == [["long"]]
    assert long.request.minutes == 10 + 1.5 * 600 + 2


def test_a_number_of_runs_in_a_job_can_be_asked_for():
    (array,) = laid_out({name: run() for name in "abcde"}, pack=2)
    assert array.packs == [["a", "b"], ["c", "d"], ["e"]]


def test_no_job_asks_for_more_than_the_limit():
    (array,) = laid_out({"a": run()}, {"a": 1e6}, hours=4)
    assert array.request.minutes == 240


def test_several_runs_at_once_take_the_cpus_and_memory_of_all():
    (array,) = laid_out({"a": run(), "b": run()}, {"a": 600.0, "b": 600.0}, together=2, memory_gb=6)
    assert array.packs == [["a", "b"]]
    assert (array.request.cpus, array.request.memory_gb) == (4, 6)
    (twice,) = laid_out({"a": run()}, together=2)
    (once,) = laid_out({"a": run()})
    assert twice.request.memory_gb == pytest.approx(2 * once.request.memory_gb, abs=1)


def test_runs_that_others_need_come_first_and_devices_are_kept_apart():
    specs = {"teacher": run(), "student": run("teacher"), "card": run(device="cuda")}
    found = laid_out(specs)
    assert [array.request.level for array in found] == [0, 0, 1]
    assert found[-1].packs == [["student"]]
    assert {array.request.device for array in found} == {"cpu", "cuda"}


def test_an_array_is_no_larger_than_slurm_takes():
    found = laid_out({str(number): run() for number in range(MOST_TASKS + 1)})
    assert [len(array.packs) for array in found] == [MOST_TASKS, 1]


def test_memory_grows_with_the_image_and_a_card_has_its_own():
    assert memory_gb(run(crop_size=64)) < memory_gb(run(crop_size=256)) < 12
    assert memory_gb(run(device="cuda", crop_size=1024)) == 4


def test_a_run_that_had_too_little_memory_has_a_job_of_its_own_kind():
    specs = {"a": run(), "b": run()}
    usual, more = arrays(specs, {}, SlurmOptions(), 1, {"b": 64.0})
    assert (usual.packs, more.packs) == ([["a"]], [["b"]])
    assert more.request.memory_gb == 64


def test_memory_grows_with_the_batch_and_the_width():
    usual = memory_gb(run(crop_size=256, batch_size=1, ngf=64))
    assert memory_gb(run()) == usual
    assert memory_gb(run(batch_size=4)) - BASE_GB == pytest.approx(4 * (usual - BASE_GB))
    assert memory_gb(run(ngf=32)) - BASE_GB == pytest.approx((usual - BASE_GB) / 2)


def test_short_runs_fill_their_job_to_the_minute():
    (array,) = laid_out({name: run() for name in "abc"}, dict.fromkeys("abc", 900.0), pack_minutes=30)
    assert array.packs == [["a", "b"], ["c"]]


def test_a_run_as_long_as_a_shared_job_has_its_own():
    (array,) = laid_out({"a": run()}, {"a": 1800.0}, pack_minutes=30)
    assert array.request.name == "contrastbench-cut"
