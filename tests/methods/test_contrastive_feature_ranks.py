"""Two ranks make the steps of one process with the whole batch: SPADE's batch norm is synchronised."""

from typing import Any

import pytest
import torch
from on_ranks import Named, largest_difference, on_ranks, steps
from reference_contrastive_feature import TINY

from bench.base.randomness import Draws
from methods.contrastive_feature import ContrastiveFeature


def build(**changes: Any) -> ContrastiveFeature:
    return ContrastiveFeature(ContrastiveFeature.Config(**TINY | {"batch_size": 4} | changes), Draws(0))


def batch(method: ContrastiveFeature, number: int) -> Named:
    generator = torch.Generator().manual_seed(number)
    size, side = method.config.batch_size, method.config.crop_size
    labels = torch.randint(0, 5, (size, 2, side, side), generator=generator).clamp(max=4).float()
    return {"A": labels, "B": torch.rand(size, 3, side, side, generator=generator) * 2 - 1}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="released, adversarial, both directions, pixels and matched features"),
        pytest.param({"variant": "paper", "nce": "standard", "TTUR": True}, id="paper, one direction"),
        pytest.param({"lambda_gan": 0.0, "lambda_feat": 0.0, "feature_space": "pixel"}, id="contrast alone"),
    ],
)
def test_two_ranks_are_one_process_with_the_whole_batch(tmp_path, changes):
    def make() -> ContrastiveFeature:
        return build(**changes)

    whole = steps(make, batch, 2)
    for rank in on_ranks(tmp_path, steps, make, batch, 2):
        assert largest_difference(whole, rank) < (1e-6, "")


def test_contrast_is_within_each_image_and_so_has_no_global_batch(tmp_path):
    def make() -> ContrastiveFeature:
        return build(norm_G="instance")

    whole = steps(make, batch, 1)
    for rank in on_ranks(tmp_path, steps, make, batch, 1, per_rank=("contrast_batch", "batch_norm")):
        assert all(
            float((rank[name] - whole[name]).abs().max()) < 1e-6 for name in whole if not name.startswith("after")
        )


def test_batch_norm_per_rank_is_not_that_of_the_whole_batch(tmp_path):
    whole = steps(build, batch, 1)
    one, two = on_ranks(tmp_path, steps, build, batch, 1, per_rank=("batch_norm",))
    assert abs(one["loss.0.G"] - whole["loss.0.G"]) > 1e-4
    weights = [name for name in one if not name.rpartition(".")[2].startswith("running")]
    assert all(torch.equal(one[name], two[name]) for name in weights if name.startswith("after"))
