from __future__ import annotations

import pytest
import torch

from bench.base.errors import BenchError
from bench.checks.replay.recorded_draws import RecordedDraws


def test_draws_come_in_the_recorded_order_by_kind() -> None:
    record = {f"step2/uniform_{i:02d}": torch.tensor([i / 200]) for i in range(120)}
    record |= {
        "step2/index_00": torch.tensor([4]),
        "step2/flipped": torch.tensor([1]),
        "step1/flipped": torch.tensor([0]),
    }
    draws = RecordedDraws(record, 2)
    assert [draws.uniform("a") for _ in range(120)] == pytest.approx([i / 200 for i in range(120)])
    assert draws.bernoulli("any name") is True
    with pytest.raises(BenchError, match="below 3, the record has 4"):
        draws.integer("b", 3)
    draws.finish()
    with pytest.raises(BenchError, match="no step2/flipped left"):
        draws.bernoulli("again")
    with pytest.raises(BenchError, match=r"'init\.x'"):
        draws.generator("init.x")


def test_noise_of_one_image_stands_for_a_batch_and_keeps_the_replays_precision() -> None:
    noise = torch.randn(1, 3, 2, dtype=torch.float64)
    record = {"step0/noise_00": noise, "step0/noise_01": noise}
    draws = RecordedDraws(record, 0)
    found = draws.normal("n", (4, 3, 2), torch.float32)
    assert torch.equal(found, noise.expand(4, 3, 2))
    assert torch.equal(draws.normal("n", (3, 2)), noise[0])


def test_ids_may_keep_an_axis_of_one_and_any_integer_type() -> None:
    draws = RecordedDraws({"step0/patch_ids_00": torch.tensor([[2, 0]], dtype=torch.int32)}, 0)
    assert torch.equal(draws.permutation("ids", 3, 2), torch.tensor([2, 0]))


def test_a_flip_that_did_not_happen_need_not_be_asked_for() -> None:
    RecordedDraws({"step0/flipped": torch.tensor([0])}, 0).finish()
    with pytest.raises(BenchError, match="never used step0/flipped"):
        RecordedDraws({"step0/flipped": torch.tensor([1])}, 0).finish()
