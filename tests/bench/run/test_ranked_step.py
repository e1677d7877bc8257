"""A step of several ranks is the method's own, of what each of them has a part of."""

from types import SimpleNamespace

import pytest
import torch
from on_ranks import on_ranks
from torch import nn

from bench.base import collective
from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.method import Method, StepContext
from bench.run.ranked_step import RankedStep


class Recorder(Method):
    """Returns what it was given."""

    task = "unpaired_translation"

    def __init__(self, places=4, weight=0.0):
        super().__init__(SimpleNamespace(), Draws(0))
        self.places, self.netG = places, nn.Linear(1, 1)
        nn.init.constant_(self.netG.weight, weight)

    def draw(self, context):
        return {
            "all": torch.arange(3.0),
            "each": torch.arange(float(self.places)),
            "size": torch.tensor(context.shapes["A"][0]),
        }

    def own_draws(self, drawn, own):
        return {name: own(tensor) if name == "each" else tensor for name, tensor in drawn.items()}

    def phase(self, context, drawn):
        return "first"

    def step(self, batch, drawn, phase):
        assert phase == "first"
        return {
            "A": batch["A"].sum(),
            "all": drawn["all"].sum(),
            "each": drawn["each"].sum(),
            "size": drawn["size"].float(),
        }


def losses(**changes):
    batch = {"A": torch.tensor([1.0, 10, 100, 1000])}
    return RankedStep(Recorder(**changes))(batch, StepContext(0, 1, 1, 1, Draws(0)))


def test_losses_are_means_of_ranks_with_their_parts_and_draws_are_those_of_the_whole(tmp_path):
    alone = {name: float(value) for name, value in losses().items()}
    assert alone == {"A": 1111, "all": 3, "each": 6, "size": 4}
    for rank in on_ranks(tmp_path, losses):
        assert {name: float(value) for name, value in rank.items()} == {"A": 555.5, "all": 3, "each": 3, "size": 4}


def refusals(changes):
    with pytest.raises(BenchError) as refused:
        losses(**changes(collective.rank()))
    return {"said": torch.tensor(list(str(refused.value).encode()))}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (lambda rank: {"places": 3}, "--ranks 2: 3 entries do not divide among 2 ranks; change --ranks or the batch"),
        (lambda rank: {"weight": rank}, "the ranks hold different weights before step 0; run the same command again"),
    ],
)
def test_what_does_not_divide_and_ranks_that_differ_are_refused_on_every_rank(tmp_path, changes, says):
    for rank in on_ranks(tmp_path, refusals, changes):
        assert bytes(rank["said"].tolist()).decode() == says
