"""Recorded steps with a stand-in for CUDA graphs; the real ones are checked on a card by `python -m tests.gpu`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.base.randomness import Draws
from bench.checks.conformance.subject import Subject
from bench.plugin.config import MethodConfig
from bench.plugin.method import Method, StepContext
from bench.run.captured_step import WARM_UP, CapturedStep, Drawn
from tests.gpu.graphs import Pretended
from tests.gpu.workload import difference, state


class Config(MethodConfig):
    n_epochs: int = 1
    n_epochs_decay: int = 1


class Shift(Method):
    """Learns to shift images by noise, in two phases and one whose shapes change."""

    name = "shift"
    Config = Config
    eager_phases = frozenset({"third"})

    def __init__(self, config, draws) -> None:
        super().__init__(config, draws)
        self.netG = torch.nn.Linear(4, 4)
        torch.nn.init.ones_(self.netG.weight)
        torch.nn.init.zeros_(self.netG.bias)
        self.register_buffer("seen", torch.zeros(()))
        self._optimizers = {"G": torch.optim.Adam(self.netG.parameters(), lr=0.1, fused=True)}

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        return {
            "flip": torch.tensor(context.draw.bernoulli("flip")),
            "ids": context.draw.permutation("ids", 4),
            "weight": torch.tensor(context.step / 7, dtype=torch.float64),
            "noise": context.draw.normal("noise", context.shapes["A"]),
        }

    def phase(self, context: StepContext, drawn) -> str:
        return "third" if context.step % 5 == 4 else "second" if bool(drawn["flip"]) else "first"

    def step(self, batch: dict[str, Tensor], drawn, phase: str) -> dict[str, Tensor]:
        target = batch["B"].flip(1) if phase == "second" else batch["B"]
        self.seen += 1
        made = self.netG(batch["A"]).index_select(1, drawn["ids"])
        self._visuals = {"fake_B": made.detach()}
        loss = (made - drawn["weight"] * drawn["noise"] - target).square().mean()
        self._optimizers["G"].zero_grad()
        loss.backward()
        self._optimizers["G"].step()
        return {"L": loss.detach(), "twice": 2 * loss.detach()}


def train(method: Method, step, first: int = 0, stop: int = 30, rates: dict[int, float] | None = None) -> list[Tensor]:
    made = []
    for number in range(first, stop):
        generator = torch.Generator().manual_seed(number)
        images = {stream: torch.rand(3, 4, generator=generator) for stream in "AB"}
        if number in (rates or {}):
            method._optimizers["G"].param_groups[0]["lr"] = rates[number]
        losses = step(images, StepContext(number, 1, 30, 2, Draws(0).at(number)))
        assert list(losses) == ["L", "twice"]
        made.append(losses["L"])
    return [float(loss) for loss in made]  # read at the end, as a window of the log is


@pytest.fixture
def method() -> Shift:
    return Shift(Config(), Draws(0))


def test_recorded_steps_are_the_eager_steps_to_the_bit(method) -> None:
    eager = Shift(Config(), Draws(0))
    rates = {17: 0.05, 24: 0.01}
    expected = train(eager, eager.training_step, rates=rates)
    lines: list[str] = []
    step = CapturedStep(method, recorder=Pretended(method), say=lines.append)
    assert train(method, step, rates=rates) == expected
    assert difference(state(eager), state(method))["ok"]
    assert torch.equal(eager.visuals()["fake_B"], method.visuals()["fake_B"])
    assert step.recorded == ["first", "second"]
    assert lines == ["steps of shift in phase 'third' are not recorded as a graph: its shapes change from step to step"]


def test_a_phase_is_recorded_after_it_was_made_and_again_when_a_setting_changes(method) -> None:
    recordings = []

    class Counting(Pretended):
        def record(self, work):
            recordings.append(int(method.seen))
            return super().record(work)

    step = CapturedStep(method, recorder=Counting(method), say=lambda line: None)
    method.phase = lambda context, drawn: "first"
    train(method, step, stop=10)
    assert recordings == [WARM_UP]
    train(method, step, 10, 12, rates={11: 0.5})
    assert recordings == [WARM_UP, 11]
    assert method._optimizers["G"].param_groups[0]["capturable"] is False


def test_what_cannot_be_recorded_is_made_eagerly_and_named_once(method) -> None:
    class Failing(Pretended):
        def record(self, work):
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    eager, lines = Shift(Config(), Draws(0)), []
    step = CapturedStep(method, recorder=Failing(method), say=lines.append)
    assert train(method, step) == train(eager, eager.training_step)
    assert difference(state(eager), state(method))["ok"]
    reason = "RuntimeError: operation not permitted when stream is capturing"
    assert step.eager["first"] == step.eager["second"] == reason
    assert len(lines) == 3
    assert step.recorded == []
    assert method._optimizers["G"].param_groups[0]["capturable"] is False


def test_on_the_cpu_nothing_is_recorded(method) -> None:
    eager = Shift(Config(), Draws(0))
    step = CapturedStep(method)
    assert train(method, step) == train(eager, eager.training_step)
    assert (step.recorded, step.eager) == ([], {})


def test_other_shapes_are_another_recording(method) -> None:
    step = CapturedStep(method, recorder=Pretended(method), say=lambda line: None)
    method.phase = lambda context, drawn: "first"
    train(method, step, stop=6)
    images = {stream: torch.ones(2, 4) for stream in "AB"}
    losses = step(images, StepContext(6, 1, 30, 2, Draws(0).at(6)))
    assert losses["L"].shape == ()


@pytest.mark.parametrize("reference", ["cyclegan", "dual_contrastive"])
def test_a_whole_method_with_a_pool_and_with_turns(reference: str) -> None:
    subject = Subject.of_method(reference)
    eager, recorded = subject.build(), subject.build()
    step = CapturedStep(recorded, recorder=Pretended(recorded), say=lambda line: None)
    for number in range(8):
        batch = subject.batch(eager.streams, number)
        moments = [subject.context(number, Draws(0).at(number)) for _ in range(2)]  # draws are made once
        one, other = eager.training_step(batch, moments[0]), step(batch, moments[1])
        assert {name: float(loss) for name, loss in one.items()} == {name: float(loss) for name, loss in other.items()}
    assert difference(state(eager), state(recorded))["ok"]
    assert step.recorded


def test_everything_drawn_arrives_in_its_type_and_shape() -> None:
    drawn = {
        "flip": torch.tensor(True),
        "ids": torch.arange(5),
        "weight": torch.tensor(1 / 3, dtype=torch.float64),
        "noise": torch.randn(2, 3, 1),
        "none": torch.empty(0, 4),
    }
    there = Drawn(drawn, torch.device("cpu"))
    addresses = {name: tensor.data_ptr() for name, tensor in there.tensors.items()}
    for scale in (1, 2):
        there.put({name: tensor * scale if tensor.is_floating_point() else tensor for name, tensor in drawn.items()})
        for name, tensor in drawn.items():
            found = there.tensors[name]
            assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
            assert torch.equal(found, tensor * scale if tensor.is_floating_point() else tensor)
    assert addresses == {name: tensor.data_ptr() for name, tensor in there.tensors.items()}
    assert all(address % 16 == 0 for address in addresses.values() if address)
