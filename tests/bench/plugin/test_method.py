"""A step is drawn, then made; a method of the old contract is refused in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.plugin.config import MethodConfig
from bench.plugin.discovery import find_plugin, load_method
from bench.plugin.method import Method, StepContext, on_device

OLD = """
from bench.method import Method

class Old(Method):
    name = "old"
    task = "unpaired_translation"
    citation = "nobody"
    revision = 1

    def training_step(self, batch, context):
        return {}
"""


class Noted(Method):
    """Notes what it is given."""

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        self.context = context
        return {"flip": torch.tensor(context.draw.bernoulli("flip")), "rate": torch.tensor(0.1, dtype=torch.float64)}

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        assert context is self.context
        return "flipped" if drawn["flip"] else "step"

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        self.given = (drawn, phase)
        return {"G": batch["A"].sum()}


def noted() -> Noted:
    return Noted(MethodConfig(n_epochs=1, n_epochs_decay=0), Draws(0))


def test_a_training_step_draws_decides_and_makes() -> None:
    method = noted()
    losses = method.training_step({"A": torch.ones(2, 3, 4, 5)}, StepContext(3, 1, 9, 1, Draws(0).at(3)))
    drawn, phase = method.given
    assert losses["G"] == 120
    assert method.context.shapes == {"A": (2, 3, 4, 5)}
    assert phase == ("flipped" if Draws(0).at(3).bernoulli("flip") else "step")
    assert drawn["rate"].dtype == torch.float64
    with pytest.raises(TypeError):
        drawn["more"] = torch.zeros(1)  # type: ignore[index]


def test_a_moment_draws_the_same_whatever_the_loop_does_next() -> None:
    method, draws = noted(), Draws(0)
    context = StepContext(5, 1, 9, 1, draws.at(5))
    for later in range(6, 40):
        method.draw(StepContext(later, 1, 9, 1, draws.at(later)))
    assert method.draw(context)["flip"] == method.draw(StepContext(5, 1, 9, 1, Draws(0).at(5)))["flip"]


def test_only_tensors_are_drawn() -> None:
    with pytest.raises(BenchError, match=r"draw returns 'gamma' as float; .*docs/draw-and-step\.md"):
        on_device({"gamma": 0.5}, "cpu")  # type: ignore[dict-item]


def test_what_a_method_registers_is_what_it_has() -> None:
    method = noted()
    assert method.optimizers() == method.schedulers() == method.visuals() == {}
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    method._optimizers["G"] = optimizer
    method._schedulers["G"] = scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 1)
    assert method.optimizers() == {"G": optimizer}
    optimizer.step()
    method.end_epoch()
    assert scheduler.last_epoch == 1


def test_the_old_contract_is_refused_in_one_line_that_names_plugin_and_page(tmp_path: Path) -> None:
    file = tmp_path / "old.py"
    file.write_text(OLD)
    assert find_plugin("method", f"{file}:Old").literals["name"] == "old"  # still listed: that reads the file alone
    with pytest.raises(BenchError) as caught:
        load_method(f"{file}:Old")
    message = str(caught.value)
    assert message.startswith(f"method 'old' ({file}): Old defines training_step")
    assert "docs/draw-and-step.md" in message
    assert "\n" not in message
    assert (Path(__file__).parents[3] / "docs" / "draw-and-step.md").is_file()


def test_a_method_that_still_checks_its_weights_itself_is_told_what_to_write_instead():
    with pytest.raises(BenchError, match=r"defines check_available.*name the files in weight_files"):
        type("Old", (Method,), {"check_available": classmethod(lambda cls, config, weights: None)})
