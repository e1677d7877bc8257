"""What is computed over ranks, forward, backward and twice differentiated, against one process with the whole."""

import pytest
import torch
from on_ranks import on_ranks

from bench.base import collective

WHOLE = torch.arange(12.0, dtype=torch.float64).reshape(6, 2).sin()


def close(found, expected):
    for rank in found:
        for name, value in expected.items():
            torch.testing.assert_close(rank[name], value, rtol=1e-12, atol=1e-14, msg=name)


def test_one_process_is_left_alone():
    assert (collective.count(), collective.rank(), collective.is_shared("batch_norm")) == (1, 0, False)
    assert all(step(WHOLE) is WHOLE for step in (collective.own, collective.gathered, collective.mean))
    with collective.together():
        assert collective.count() == 1


def parts():
    mine = collective.own(WHOLE)
    return {"mine": mine, "whole": collective.gathered(mine), "mean": collective.mean(mine.mean())}


def test_parts_are_strided_and_gathered_in_the_order_of_the_batch(tmp_path):
    found = on_ranks(tmp_path, parts, count=3)
    for rank, one in enumerate(found):
        assert torch.equal(one["mine"], WHOLE[rank::3])
        assert torch.equal(one["whole"], WHOLE)
        assert one["mean"].item() == pytest.approx(WHOLE.mean().item(), abs=1e-15)


def penalty():
    """A loss of all items with a gradient penalty, as R1 with groups over ranks is."""
    weight = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    mine = collective.own(WHOLE).clone().requires_grad_()
    logits = (mine @ weight).sin()
    whole = collective.gathered(logits)
    coupled = logits * whole.logsumexp(0) + collective.mean(logits.square().mean())
    (gradient,) = torch.autograd.grad(coupled.sum(), mine, create_graph=True)
    loss = coupled.mean() + gradient.square().sum(1).mean()
    optimizer = torch.optim.SGD([weight], 0.1)
    loss.backward()
    collective.average_gradients(optimizer)
    return {"loss": collective.mean(loss), "gradient": weight.grad, "penalised": collective.gathered(gradient.detach())}


def test_gradients_and_gradients_of_gradients_are_those_of_the_whole(tmp_path):
    expected = penalty()
    close(on_ranks(tmp_path, penalty), expected)


def unequal():
    same, other = torch.ones(3), torch.ones(3) + collective.rank()
    equal = [collective.are_equal([same]), collective.are_equal([same, other])]
    return {"equal": torch.tensor(equal), "told": torch.tensor(collective.told_by_first(7 + collective.rank()))}


def test_different_weights_are_noticed_and_the_first_ranks_number_is_heard(tmp_path):
    for rank in on_ranks(tmp_path, unequal):
        assert rank["equal"].tolist() == [True, False]
        assert rank["told"].item() == 7


def outside():
    inside = collective.count()
    collective._is_stepping = False
    return {"counts": torch.tensor([inside, collective.count()])}


def test_outside_of_a_step_a_rank_is_by_itself(tmp_path):
    assert [rank["counts"].tolist() for rank in on_ranks(tmp_path, outside)] == [[2, 1]] * 2
