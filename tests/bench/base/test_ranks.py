"""What is said of ranks on the command line, and which methods are refused."""

import pytest

from bench.base.errors import UsageError
from bench.base.ranks import ONE, Ranks, chosen_ranks


def test_one_rank_is_the_default_and_order_is_no_choice():
    assert chosen_ranks(1) == ONE
    chosen = chosen_ranks(4, ["minibatch_stddev", "batch_norm", "batch_norm"])
    assert chosen == Ranks(count=4, per_rank=("batch_norm", "minibatch_stddev"))
    assert chosen.deviations == [
        "batch_norm whole batch -> per rank of 4",
        "minibatch_stddev whole batch -> per rank of 4",
    ]
    assert Ranks(count=4).deviations == []
    assert (Ranks(count=4).text, chosen.text) == ("4", "4, each its batch_norm, minibatch_stddev")


@pytest.mark.parametrize(
    ("count", "per_rank", "says"),
    [
        (
            2,
            ["norm"],
            "--per-rank norm: is nothing that ranks share; write contrast_batch, minibatch_stddev, batch_norm",
        ),
        (1, ["batch_norm"], "--per-rank batch_norm: needs several ranks; add --ranks 2 or more"),
    ],
)
def test_what_is_no_choice_is_refused(count, per_rank, says):
    with pytest.raises(UsageError) as refused:
        chosen_ranks(count, per_rank)
    assert str(refused.value) == says


def test_methods_and_batches_that_cannot_be_divided_are_refused():
    two = Ranks(count=2)
    assert two.refusal("cut", False, 4).startswith("--ranks 2: method cut makes its steps in one process")
    assert two.refusal("spade", True, 3) == "--ranks 2: does not divide method spade's batch_size 3; change one of them"
    assert two.refusal("spade", True, 4) == ""
    assert ONE.refusal("cut", False, 1) == ""
