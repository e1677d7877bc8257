"""Groups of samples over ranks: the same maps and gradients as in one process, in whichever rank a group's samples are."""

import pytest
import torch
from on_ranks import on_ranks

from bench.base import collective
from methods.networks.minibatch_stddev import append_minibatch_stddev

WHOLE = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def appended(group):
    x = collective.own(WHOLE).clone().requires_grad_()
    y = append_minibatch_stddev(x, group, features=2)
    (y.square() * torch.arange(1.0, 7)[:, None, None]).sum().backward()
    return {"y": collective.gathered(y.detach()), "x": collective.gathered(x.grad)}


@pytest.mark.parametrize("group", [2, 4, 8, None])
@pytest.mark.parametrize("count", [2, 4])
def test_groups_are_those_of_one_process(tmp_path, group, count):
    expected = appended(group)
    for rank in on_ranks(tmp_path, appended, group, count=count):
        torch.testing.assert_close(rank, expected, rtol=1e-12, atol=1e-12)


def test_a_group_on_one_rank_needs_no_exchange(tmp_path):
    expected = appended(4)
    for rank in on_ranks(tmp_path, appended, 4, per_rank=("minibatch_stddev",)):
        torch.testing.assert_close(rank, expected, rtol=1e-12, atol=1e-12)
    one = on_ranks(tmp_path / "all", appended, None, per_rank=("minibatch_stddev",))[0]
    mine = append_minibatch_stddev(WHOLE[::2], None, features=2)
    torch.testing.assert_close(one["y"][::2], mine)
    assert not torch.allclose(one["y"], appended(None)["y"])
