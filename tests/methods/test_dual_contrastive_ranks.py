"""Two ranks make the steps of one process with the whole batch: losses, gradients, weights, averages, every phase."""

from typing import Any

import pytest
from on_ranks import Named, largest_difference, on_ranks, steps

from bench.base.randomness import Draws
from methods.dual_contrastive import DualContrastive

# path lengths and R1 have their turns at steps 0 and 2; references and self-attention are there
TINY = DualContrastive.conformance | {"batch_size": 8}


def build(**changes: Any) -> DualContrastive:
    return DualContrastive(DualContrastive.Config(**TINY | changes), Draws(0))


def batch(method: DualContrastive, number: int) -> Named:
    shape = (method.config.batch_size, 3, method.config.crop_size, method.config.crop_size)
    return {stream: Draws(1).at(number).normal(stream, shape).tanh() for stream in method.streams}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="groups of 4 within ranks, contrast in the whole batch"),
        pytest.param({"mbstd_group": 8, "contrast_batch": 4}, id="one group of all, contrast in fours"),
        pytest.param(
            {"mbstd_group": 2, "contrast_batch": 2, "generator_loss": "swap", "style_mixing": 1.0},
            id="pairs, swapped, always mixed",
        ),
        pytest.param(
            {"mbstd_group": 8, "reference_pairing": "roll", "r1_reference": "both", "san_batch_norm": True},
            id="references that are other ranks' images, batch norm differentiated twice",
        ),
        pytest.param({"adversarial_loss": "logistic", "reference_attention": None}, id="logistic"),
    ],
)
def test_two_ranks_are_one_process_with_the_whole_batch(tmp_path, changes):
    def make() -> DualContrastive:
        return build(**changes)

    whole = steps(make, batch)
    assert {"loss.0.pl", "loss.0.r1", "loss.1.D", "loss.2.pl", "loss.2.r1"} <= whole.keys()
    for rank in on_ranks(tmp_path, steps, make, batch):
        assert largest_difference(whole, rank) < (1e-6, "")


def test_contrast_per_rank_is_no_contrast_in_the_whole_batch(tmp_path):
    whole = steps(build, batch, 1)
    one, two = on_ranks(tmp_path, steps, build, batch, 1, per_rank=("contrast_batch",))
    assert largest_difference(one, two)[0] == 0  # ranks agree with each other all the same
    # log(1 + N) + log(1 + M) of equal logits, with 8 or with 4
    assert one["loss.0.D"] < whole["loss.0.D"] - 1
