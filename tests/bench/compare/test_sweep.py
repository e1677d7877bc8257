import pytest

from bench.base.errors import UsageError
from bench.compare.sweep import best_try, combinations, read_sweep


def test_values_are_yaml_and_every_combination_is_tried():
    sweep = read_sweep(["lr=0.1,1", "nce_layers=[0,4],[0]"])
    assert sweep == {"lr": [0.1, 1], "nce_layers": [[0, 4], [0]]}
    assert list(combinations(sweep)) == [
        {"lr": lr, "nce_layers": layers} for lr in (0.1, 1) for layers in ([0, 4], [0])
    ]  # fmt: skip
    assert list(combinations(read_sweep(None))) == [{}]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lr"], "--sweep lr: write KEY=VALUE,VALUE"),
        (["lr=1,2", "lr=3,4"], "--sweep lr=3,4: write KEY=VALUE,VALUE, each KEY once"),
        (["lr=1"], "--sweep lr=1: give at least two values, each once"),
        (["lr=1,2,1"], "--sweep lr=1,2,1: give at least two values, each once"),
        (["lr=[1,2"], r"--sweep lr=\[1,2: the value is not valid YAML"),
        (["a=1,2,3,4,5,6", "b=1,2,3,4,5,6"], "--sweep: 36 tries of each contender, more than 32; give fewer values"),
    ],
)
def test_what_is_no_sweep(texts, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        read_sweep(texts)


def test_the_best_mean_of_whole_tries_is_chosen():
    values = [{0: 3.0, 1: 5.0}, {0: 1.0, 1: 6.0}, {0: 0.0}, {0: 2.0, 1: 5.0}]
    assert best_try(values, [0, 1], higher_is_better=False) == 1  # the first of two equal ones; a part is no try
    assert best_try(values, [0, 1], higher_is_better=True) == 0
    assert best_try(values, [0, 1, 2], higher_is_better=True) is None
