from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.errors import BenchError, UsageError
from bench.method import Method, MethodConfig, StepContext
from bench.randomness import Draws
from bench.replay import RecordedDraws, replay


class ScalingConfig(MethodConfig):
    n_epochs: int = Field(2, ge=1)
    n_epochs_decay: int = Field(3, ge=0)
    lr: float = 0.5
    draws_noise: bool = True


class Scaling(Method):
    """One weight w and a loss that can be worked out by hand: mean (w A + noise - B)^2 / 2, plain gradient descent."""

    name = "scaling"
    task = "unpaired_translation"
    Config = ScalingConfig
    config: ScalingConfig

    def __init__(self, config: ScalingConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.netG = nn.Linear(1, 1)
        self.netE = nn.Linear(1, 1, bias=False)  # never updated
        self.moments: list[tuple[int, int, int]] = []
        self.image = torch.zeros(())

    def training_step(self, batch: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        self.moments.append((context.step, context.epoch, context.total_epochs))
        noise = context.draw.normal("n", tuple(batch["A"].shape)) if self.config.draws_noise else 0.0
        ids = context.draw.permutation("ids", 4, 2)
        fake = self.netG(batch["A"] + noise)
        loss = (fake[ids] - batch["B"][ids]).square().mean() / 2
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.netG.parameters():
                parameter -= self.config.lr * parameter.grad
        self.image = fake.detach()
        return {"G": loss.detach()}

    def visuals(self) -> dict[str, Tensor]:
        return {"fake_B": self.image}


def make_record(steps: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    record = {
        "init/G.000.weight": torch.full((1, 1), 2.0),
        "init/G.001.bias": torch.full((1,), 0.5),
        "init/E.000.weight": torch.full((1, 1), 7.0),
    }
    for step in range(steps):
        for name in ("input_A", "input_B", "noise_00"):
            record[f"step{step}/{name}"] = torch.randn(4, 1, generator=generator, dtype=torch.float64)
        record[f"step{step}/patch_ids_00"] = torch.tensor([3, 1])
    return record


def by_hand(record: dict[str, Tensor], steps: int = 2) -> dict[str, Tensor]:
    w, b, found = 2.0, 0.5, {}
    for step in range(steps):
        x = (record[f"step{step}/input_A"] + record[f"step{step}/noise_00"])[[3, 1]]
        residual = w * x + b - record[f"step{step}/input_B"][[3, 1]]
        gw, gb = float((residual * x).mean()), float(residual.mean())
        w, b = w - 0.5 * gw, b - 0.5 * gb
        found |= {
            f"step{step}/loss_G": (residual.square().mean() / 2).reshape(1),
            f"grad_step{step}/G.000.weight": torch.full((1, 1), gw, dtype=torch.float64),
            f"grad_step{step}/G.001.bias": torch.full((1,), gb, dtype=torch.float64),
            f"after_step{step}/G.000.weight": torch.full((1, 1), w, dtype=torch.float64),
            f"after_step{step}/G.001.bias": torch.full((1,), b, dtype=torch.float64),
        }
    return found


def test_losses_gradients_and_weights_of_every_step() -> None:
    record = make_record()
    result = replay(Scaling, {}, record, epoch=4)
    for key, expected in by_hand(record).items():
        torch.testing.assert_close(result.tensors[key], expected, rtol=1e-12, atol=1e-14)
    assert set(result.losses) == {"step0/loss_G", "step1/loss_G"}
    assert len(result.gradients) == len(result.weights) == 2 * 3
    assert result.gradients["grad_step1/E.000.weight"] == 0  # no update reached it
    assert result.weights["after_step1/E.000.weight"] == 7
    assert result.tensors["step1/fake_B"].shape == (4, 1)
    assert result.method.moments == [(0, 4, 5), (1, 4, 5)]
    errors = result.compare(record | by_hand(record))
    assert errors.keys() == by_hand(record).keys()
    assert max(errors.values()) < 1e-12


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_records_are_read_from_files(tmp_path: Path, suffix: str) -> None:
    record, path = make_record(), tmp_path / f"record{suffix}"
    if suffix == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in record.items()})
    else:
        save_file(record, path)
    assert torch.equal(
        replay(Scaling, ScalingConfig(), path).losses["step1/loss_G"],
        replay(Scaling, {}, record).losses["step1/loss_G"],
    )


def test_fewer_steps_and_single_precision() -> None:
    record = make_record()
    result = replay(Scaling, {}, record, steps=1, dtype=torch.float32)
    assert set(result.losses) == {"step0/loss_G"}
    assert result.losses["step0/loss_G"].dtype == torch.float32
    errors = result.compare(record | by_hand(record))
    assert all(key.partition("/")[0].endswith("step0") for key in errors)
    assert 0 < max(errors.values()) < 1e-5


def test_the_result_does_not_depend_on_initial_weights_or_the_global_generator() -> None:
    torch.manual_seed(0)
    one = replay(Scaling, {}, make_record())
    torch.manual_seed(1)
    other = replay(Scaling, {}, make_record())
    assert all(torch.equal(value, other.tensors[key]) for key, value in one.tensors.items())


def test_a_comparison_cannot_pass_by_leaving_out() -> None:
    result = replay(Scaling, {}, make_record(), steps=1)
    errors = result.compare(
        {
            "step0/loss_G": result.losses["step0/loss_G"] * 1.5,
            "step0/loss_other": torch.zeros(1),
            "after_step0/G.000.weight": torch.zeros(2, 2),
            "grad_step0/G.000.weight": torch.full((1, 1), float("nan")),
            "grad_step0/E.000.weight": torch.full((1, 1), 1e-12),
        }
    )
    assert errors["step0/loss_G"] == pytest.approx(1 / 3)
    for key in ("step0/loss_other", "after_step0/G.000.weight", "grad_step0/G.000.weight"):
        assert errors[key] == float("inf")
    assert errors["grad_step0/E.000.weight"] < 1e-6  # rounding noise, below the floor


def without(*keys: str) -> dict[str, Tensor]:
    return {key: value for key, value in make_record().items() if key not in keys}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (without("init/G.001.bias"), "init/G.001.bias is missing"),
        (make_record() | {"init/D.000.weight": torch.zeros(1)}, "init/D.000.weight which the method does not have"),
        (make_record() | {"init/G.000.weight": torch.zeros(2, 2)}, r"init/G.000.weight has shape \(2, 2\).*\(1, 1\)"),
        (without("step1/input_B"), "step1/input_B is missing"),
        (without("step1/noise_00"), "draws 'n'.*no step1/noise left"),
        (make_record() | {"step0/noise_01": torch.zeros(4, 1)}, "never used step0/noise_01"),
        (make_record() | {"step0/flipped": torch.ones(1)}, "never used step0/flipped"),
        (make_record() | {"step0/noise_00": torch.zeros(3, 1)}, r"step0/noise_00.*\(4, 1\).*\(3, 1\)"),
        (make_record() | {"step0/patch_ids_00": torch.arange(3)}, "step0/patch_ids_00.*draws 2 of 4 positions"),
        (make_record() | {"step0/patch_ids_00": torch.tensor([0, 4])}, "step0/patch_ids_00.*in 0..4"),
    ],
)
def test_a_record_that_does_not_fit_names_the_key(record: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        replay(Scaling, {}, record)
    assert "\n" not in str(caught.value)


def test_what_does_not_exist_is_said() -> None:
    with pytest.raises(UsageError, match="no such record"):
        replay(Scaling, {}, "nowhere.npz")
    with pytest.raises(BenchError, match="holds 2 steps, 3 were asked for"):
        replay(Scaling, {}, make_record(), steps=3)
    with pytest.raises(BenchError, match="never used step0/noise_00"):
        replay(Scaling, {"draws_noise": False}, make_record())


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
