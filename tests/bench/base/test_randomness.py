from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.base.randomness import Draws


def test_a_draw_depends_on_its_key_alone() -> None:
    one, other = Draws(1).at(7), Draws(1)
    for step in range(5):  # another history
        other.at(step).normal("noise", (step + 1,))
    same = other.at(7)
    same.uniform("something else")
    assert torch.equal(one.normal("noise", (4,)), same.normal("noise", (4,)))


def test_the_draws_of_a_step_stay_what_they_are_when_another_step_begins() -> None:
    draws = Draws(1)
    fifth = draws.at(5)
    first = fifth.uniform("a")
    draws.at(6).uniform("a")
    fifth.at(6).uniform("a")
    expected = Draws(1).at(5)
    assert (draws.step, fifth.step) == (0, 5)
    assert [first, fifth.uniform("a")] == [expected.uniform("a"), expected.uniform("a")]
    assert draws.at(5).uniform("a") == first  # counters of its own, from zero


def test_every_part_of_the_key_matters() -> None:
    def first(seed: int = 0, purpose: str = "a", step: int = 0, rank: int = 0) -> float:
        return Draws(seed, rank).at(step).uniform(purpose)

    values = [first(), first(seed=1), first(purpose="b"), first(step=1), first(rank=1)]
    draws = Draws(0)
    draws.uniform("a")
    values.append(draws.uniform("a"))  # the second call
    assert len(set(values)) == len(values)


def test_keys_do_not_run_into_each_other() -> None:
    assert Draws(1).at(23).uniform("x") != Draws(12).at(3).uniform("x")


def test_streams_are_the_same_on_every_machine() -> None:
    # Philox keyed by blake2b is specified; a change here would silently change every run
    assert Draws(0).at(0).permutation("nce.ids", 10, 4).tolist() == [7, 9, 3, 4]
    assert Draws(0).at(0).uniform("nce.flip") == 0.37338298994500885


@pytest.mark.parametrize(("n", "count", "size"), [(10, None, 10), (10, 4, 4), (10, 99, 10)])
def test_permutations_are_distinct_positions(n: int, count: int | None, size: int) -> None:
    ids = Draws(3).permutation("ids", n, count)
    assert ids.dtype == torch.int64
    assert len(ids) == len(ids.unique()) == size
    assert int(ids.min()) >= 0
    assert int(ids.max()) < n


def test_permutations_are_uniform_and_in_random_order() -> None:
    draws = Draws(0)
    first = np.array([draws.at(step).permutation("ids", 5, 3).numpy() for step in range(3000)])
    for place in range(3):  # every position is equally likely at every place, not only in the set
        assert np.abs(np.bincount(first[:, place], minlength=5) / 3000 - 0.2).max() < 0.04


def test_simple_draws_have_their_distributions() -> None:
    draws = Draws(0)
    uniform = np.array([draws.at(step).uniform("u") for step in range(2000)])
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.03
    assert abs(np.mean([draws.at(step).bernoulli("b", 0.3) for step in range(2000)]) - 0.3) < 0.05
    assert {draws.at(step).integer("i", 3) for step in range(100)} == {0, 1, 2}
    normal = draws.normal("n", (100, 100), torch.float64)
    assert normal.dtype == torch.float64
    assert abs(float(normal.mean())) < 0.05
    assert abs(float(normal.std()) - 1) < 0.05


def test_generators_for_torch_are_keyed_too() -> None:
    one, other = Draws(0).generator("init.netG"), Draws(0).generator("init.netG")
    assert torch.equal(torch.randn(3, generator=one), torch.randn(3, generator=other))
    again = Draws(0)
    again.generator("init.netG")
    assert not torch.equal(torch.randn(3, generator=again.generator("init.netG")), torch.randn(3, generator=one))
