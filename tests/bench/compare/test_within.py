import pytest

from bench.base.errors import UsageError
from bench.compare.spread import Spread
from bench.compare.within import read_duration, seeds_within


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("8h", 28800), ("1.5 d", 129600), ("20s", 20)])
def test_a_time_as_people_write_it(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "-1h", "0h", "1 week", "1h30"])
def test_what_is_no_time(text):
    with pytest.raises(UsageError, match=r"^--within .*: write a number and s, m, h or d, for example --within 8h$"):
        read_duration(text)


def test_as_many_seeds_as_fit():
    seeds, rule = seeds_within(1000, [100.0, 50.0], 1, None, None)
    assert seeds == 6  # 900 of training at 150 a seed
    assert rule == (
        "Stated before the first result: 6 seeds, as many as fit into 16 min 40 s at 2 min 30 s a seed, 20 at most; no seed "
        "is added after looking."
    )
    assert seeds_within(1000, [100.0, 50.0], 2, None, None)[0] == 12
    assert seeds_within(1e6, [100.0, 50.0], 2, None, None)[0] == 20


def test_no_more_than_the_difference_that_matters_takes():
    spread = Spread(metric="FD", deviation=1.0, freedom=8, runs={})
    seeds, rule = seeds_within(1e6, [1.0], 1, spread, 2.0)
    assert seeds == 5  # 1.68 standard deviations can be detected by 5 seeds, 2.07 by 4
    assert "as many as show a difference of 2 in four cases of five" in rule
    unknown = spread.model_copy(update={"freedom": 7})
    assert seeds_within(1e6, [1.0], 1, unknown, 2.0)[0] == 20


def test_what_cannot_be_chosen():
    with pytest.raises(UsageError, match=r"2 seeds of every contender take about 5 min 00 s; give more time"):
        seeds_within(200, [100.0, 50.0], 1, None, None)
    with pytest.raises(UsageError, match="could not be measured; say --seeds"):
        seeds_within(200, [100.0, None], 1, None, None)
