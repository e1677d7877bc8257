"""What is drawn is the recording: a record of any method's steps replays to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.checks.conformance.subject import Subject
from bench.checks.replay.record import record
from bench.checks.replay.replay import replay
from bench.plugin.discovery import plugins

STEPS = 3  # a pool of two images fills and is exchanged, a regularisation has two turns
EXAMPLE = Path(__file__).parents[4] / "examples" / "learned_temperature.py"
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in plugins("method")} | {
    "memory bank": ("cut", {"key_path": "momentum", "loss": "memory_bank", "loss_options": {"size": 20}}),
    "separate keys": ("negcut", {"key_path": "separate"}),
    "learned temperature": ("cut", {"loss": f"{EXAMPLE}:LearnedTemperature"}),
}


def recorded(subject: Subject, seed: int = 3) -> dict[str, torch.Tensor]:
    method = subject.build(seed)
    batches = [subject.batch(method.streams, step) for step in range(STEPS)]
    return record(method, batches, Draws(seed), epoch=2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_method_replays_its_own_steps_to_the_bit(variant: str, tmp_path: Path) -> None:
    name, settings = VARIANTS[variant]
    subject = Subject.of_method(name, settings)
    steps = recorded(subject)
    save_file(steps, tmp_path / "steps.safetensors")
    result = replay(name, subject.config, tmp_path / "steps.safetensors", dtype=torch.float32)
    assert result.steps == STEPS
    assert result.unknown(steps) == []
    results = {key for key in steps if key.startswith(("grad_", "after_")) or "/loss_" in key}
    assert {f"step{step}/loss_" for step in range(STEPS)} <= {key.partition("loss_")[0] + "loss_" for key in results}
    assert results <= result.tensors.keys()
    for key, tensor in result.tensors.items():
        assert torch.equal(tensor, steps[key].to(tensor.dtype)), key  # constants may be kept in double precision


def test_it_records_what_training_would_have_done() -> None:
    subject = Subject.of_method("fastnegcut")
    steps = recorded(subject, seed=0)
    method = subject.build(seed=0)
    for step in range(STEPS):
        batch = subject.batch(method.streams, step)
        losses = method.training_step(batch, subject.context(step, Draws(0).at(step)))
        assert torch.equal(steps[f"step{step}/loss_G"], losses["G"].reshape(1))
    assert {"step0/drawn/flip", "step0/drawn/nce.ids/translation/4", "step2/drawn/adversary/translation/noise.0"} <= (
        steps.keys()
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("step1/drawn/flip", None, "step1/drawn/flip is missing, which the method draws"),
        ("step0/drawn/more", torch.zeros(1), "step0/drawn/more is nothing that the method draws"),
        (
            "step0/drawn/nce.ids/translation/0",
            torch.arange(3),
            r"translation/0 has shape \(3,\), the method draws \(16,\)",
        ),
        ("init_state/loss.bank", torch.zeros(2), "init_state/loss.bank does not fit the state of fastcut"),
    ],
)
def test_a_record_that_does_not_fit_names_the_key(key: str, value: torch.Tensor | None, message: str) -> None:
    subject = Subject.of_method("fastcut")
    steps = recorded(subject)
    if value is None:
        del steps[key]
    else:
        steps[key] = value
    with pytest.raises(BenchError, match=message) as caught:
        replay("fastcut", subject.config, steps, dtype=torch.float32)
    assert "\n" not in str(caught.value)


def test_what_was_drawn_decides_not_the_seed_of_the_replay() -> None:
    subject = Subject.of_method("fastcut")
    steps = recorded(subject)
    mirrored = steps | {"step0/drawn/flip": ~steps["step0/drawn/flip"]}
    one, other = (replay("fastcut", subject.config, given, steps=1, dtype=torch.float32) for given in (steps, mirrored))
    assert one.losses["step0/loss_NCE"] != other.losses["step0/loss_NCE"]
