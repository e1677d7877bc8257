from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.config import MethodConfig
from bench.plugin.method import Method, StepContext


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

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        self.moments.append((context.step, context.epoch, context.total_epochs))
        noise = {"n": context.draw.normal("n", context.shapes["A"])} if self.config.draws_noise else {}
        return noise | {"ids": context.draw.permutation("ids", 4, 2)}

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        noise, ids = drawn.get("n", 0.0), drawn["ids"]
        fake = self.netG(batch["A"] + noise)
        loss = (fake[ids] - batch["B"][ids]).square().mean() / 2
        self.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.netG.parameters():
                parameter -= self.config.lr * parameter.grad
        self._visuals = {"fake_B": fake.detach()}
        return {"G": loss.detach()}


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


class Curriculum(Scaling):
    """As Scaling, saying that the epoch matters."""

    depends_on_epoch = True


def test_the_moment_comes_from_the_call_or_the_record() -> None:
    record = make_record()
    assert replay(Scaling, {}, record).method.moments == [(0, 1, 5), (1, 1, 5)]
    with pytest.raises(BenchError, match=r"changes with the epochs.*add epoch=N"):
        replay(Curriculum, {}, record)
    assert replay(Curriculum, {}, record, epoch=4).method.moments == [(0, 4, 5), (1, 4, 5)]
    said = record | {"step0/epoch": torch.tensor([2]), "epoch": torch.tensor(3), "total_epochs": torch.tensor([400])}
    assert replay(Curriculum, {}, said).method.moments == [(0, 2, 400), (1, 3, 400)]
    assert replay(Curriculum, {}, said, epoch=7, total_epochs=9).method.moments == [(0, 7, 9), (1, 7, 9)]
    assert replay(Curriculum, {}, said).unknown(said) == []


def test_arrays_of_numpy_and_of_single_precision_are_records_too(tmp_path: Path) -> None:
    record = make_record()
    expected = replay(Scaling, {}, record).losses["step1/loss_G"]
    arrays = {key: value.numpy() for key, value in record.items()}
    np.savez(tmp_path / "record.npz", **arrays)
    assert torch.equal(replay(Scaling, {}, arrays).losses["step1/loss_G"], expected)
    with np.load(tmp_path / "record.npz") as opened:
        result = replay(Scaling, {}, opened)
        assert torch.equal(result.losses["step1/loss_G"], expected)
        assert result.compare(opened) == {}
    single = {key: value.float() if value.is_floating_point() else value for key, value in record.items()}
    torch.testing.assert_close(replay(Scaling, {}, single).losses["step1/loss_G"], expected, rtol=1e-5, atol=0)


def test_single_numbers_have_any_shape_of_one_element() -> None:
    record = make_record()
    record["init/G.001.bias"] = record["init/G.001.bias"].reshape(())
    result = replay(Scaling, {}, record)
    found = by_hand(record)
    scalars = {key: value.reshape(()) for key, value in found.items() if "/loss_" in key or key.endswith("bias")}
    assert max(result.compare(found | scalars).values()) < 1e-12


def test_what_only_the_record_has_is_named_and_hides_nothing() -> None:
    record = make_record()
    result = replay(Scaling, {}, record)
    strange = ["meta/author", "step0/loss_div", "step1/real_A"]
    recorded = record | by_hand(record) | {key: torch.zeros(1) for key in strange}
    assert result.unknown(recorded) == strange
    errors = result.compare(recorded)
    assert {key for key, error in errors.items() if error > 1e-12} == {"step0/loss_div", "step1/real_A"}
    lines = result.summary(recorded | {"after_step1/G.000.weight": torch.zeros(1, 1)}).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["losses", "2"], ["gradients", "4"], ["weights", "4"]]
    assert all(line.split("error ")[1].split()[0] < "9e-13" or "weights" in line for line in lines[:3])
    assert lines[2].endswith("(after_step1/G.000.weight)")
    assert lines[3:] == [f"scaling has no {key}" for key in strange]


def test_a_record_without_steps_is_not_a_success() -> None:
    weights = {key: value for key, value in make_record().items() if key.startswith("init/")}
    with pytest.raises(BenchError, match=r"holds no step.*nothing to replay"):
        replay(Scaling, {}, weights)


def test_a_wrong_configuration_is_one_line() -> None:
    with pytest.raises(UsageError, match="configuration of scaling: rate: unknown key") as caught:
        replay(Scaling, {"rate": 1.0}, make_record())
    assert "\n" not in str(caught.value)


def test_another_kind_of_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "record.pt").write_bytes(b"")
    with pytest.raises(UsageError, match=r"record\.pt: is neither \.safetensors nor \.npz"):
        replay(Scaling, {}, tmp_path / "record.pt")


class Measuring(Scaling):
    """It keeps the mean of what it measured."""

    def __init__(self, config: ScalingConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        self.register_buffer("mean", torch.zeros(()))

    def measure(self, batches: Iterator[dict[str, Tensor]]) -> None:
        self.mean.copy_(torch.cat([batch["B"] - batch["A"] for batch in batches]).mean())


def test_what_is_measured_before_the_first_step() -> None:
    batches = {f"statistics/{name}_{j:02d}": torch.full((1, 1), v) for name, j, v in (("A", 0, 1.0), ("A", 1, 2.0))}
    batches |= {"statistics/B_00": torch.full((1, 1), 5.0), "statistics/B_01": torch.full((1, 1), 8.0)}
    record = make_record() | batches | {"statistics/mean": torch.tensor([5.0])}
    result = replay(Measuring, {}, record)
    assert result.compare(record) == {"statistics/mean": 0.0}
    assert result.unknown(record) == []
    without = {key: value for key, value in record.items() if key not in batches}
    assert replay(Measuring, {}, without).method.mean == 5
    with pytest.raises(BenchError, match="statistics/mean is nothing that scaling measures"):
        replay(Scaling, {}, without)


def test_a_network_that_the_steps_do_not_use_may_be_missing() -> None:
    record = {key: value for key, value in make_record().items() if "/E." not in key}
    result = replay(Scaling, {}, record)
    assert max(result.compare(record | by_hand(record)).values()) < 1e-12
    with pytest.raises(BenchError, match=r"init/G\.001\.bias is missing"):
        replay(Scaling, {}, {key: value for key, value in record.items() if "bias" not in key})


def test_the_number_of_steps_of_the_run_can_be_said() -> None:
    totals: list[int] = []

    class Watching(Scaling):
        def draw(self, context: StepContext) -> dict[str, Tensor]:
            totals.append(context.total_steps)
            return super().draw(context)

    replay(Watching, {}, make_record(), steps=1)
    replay(Watching, {}, make_record(), steps=1, total_steps=90)
    replay(Watching, {}, make_record() | {"total_steps": torch.tensor([70])}, steps=1)
    assert totals == [1, 90, 70]


class Twice(Scaling):
    """It says that half of its gradient was that of a later update."""

    def later_gradients(self) -> dict[str, dict[nn.Parameter, Tensor]]:
        return {"second": {self.netG.weight: self.netG.weight.grad / 2}}


def test_gradients_of_a_later_update_of_a_step() -> None:
    record = make_record()
    expected = {"grad_second_step0/G.000.weight": by_hand(record)["grad_step0/G.000.weight"] / 2}
    assert max(replay(Twice, {}, record).compare(record | expected).values()) < 1e-12
    without = replay(Scaling, {}, record)
    assert without.compare(record | expected) == {"grad_second_step0/G.000.weight": float("inf")}


def test_an_image_may_be_recorded_by_some_rows_or_by_two_numbers() -> None:
    record = make_record()
    result = replay(Scaling, {}, record)
    image = result.tensors["step0/fake_B"]
    parts = {
        "step0/fake_B_rows_1_to_2": image[1:3],
        "step0/fake_B_mean_std": torch.tensor([image.mean(), image.std()]),
    }
    assert result.compare(parts) == dict.fromkeys(parts, 0.0)
    assert result.unknown(parts) == []
    assert min(result.compare({key: value + 1 for key, value in parts.items()}).values()) > 0.1
    assert result.unknown({"step0/fake_A_mean_std": torch.zeros(2)}) == ["step0/fake_A_mean_std"]
