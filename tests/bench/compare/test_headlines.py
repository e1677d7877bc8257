import pytest

from bench.compare.findings import TriedFindings, duels
from bench.compare.headlines import headlines, ranking_sentence, seeds_sentence, tries_sentence
from bench.compare.rankings import ScaleRanking
from bench.compare.spread import Spread
from bench.schema.cell import Interval


def only(findings, count, metrics=("FD", "SSIM")):
    """The findings of the first so many seeds, by some metrics."""
    contenders = []
    for contender in findings.contenders:
        scores = {
            metric: {
                "last": rules["last"].model_copy(update={"values": dict(list(rules["last"].values.items())[:count])})
            }
            for metric, rules in contender.scores.items()
            if metric in metrics
        }
        contenders.append(contender.model_copy(update={"scores": scores}))
    directions = {metric: findings.metrics[metric] for metric in metrics}
    found = duels(contenders, directions, "last")
    return findings.model_copy(update={"contenders": contenders, "duels": found, "metrics": directions})


def test_a_sentence_for_each_other_contender_on_the_metric_that_selects(findings):
    cut, fast = headlines(findings)
    # by hand: differences -20, -20.5, -19.5, -20, -20; standard deviation 0.3536, t(4) 2.776 / sqrt 5
    assert cut == "mine against cut on FD: -20.0, 95 % -20.4 to -19.6: shown to be better (p below 0.001) at 5 seeds."
    assert fast.startswith("mine against fast on FD: +0.1, 95 % ")
    assert fast.endswith(": not shown at 5 seeds.")


def test_two_seeds_have_values(findings):
    cut, _ = headlines(only(findings, 2))
    assert cut.endswith("at 2 seeds (seed 0 -20.0, seed 1 -20.5).")


def test_one_seed_says_nothing(findings):
    assert headlines(only(findings, 1))[0] == "mine against cut on FD: too few seeds, both need at least the same two."


def test_what_only_a_correction_takes_away_is_said(make, findings):
    first = findings.duels[0].model_copy(update={"judgement": "not shown", "p_holm": 0.09})
    corrected = make(*findings.contenders, duels=[first, *findings.duels[1:]])
    assert headlines(corrected)[0].endswith("not shown, once corrected for 4 comparisons (p 0.090), at 5 seeds.")


def test_another_metric_heads_where_the_selecting_one_was_not_measured(findings):
    assert [line.partition(":")[0] for line in headlines(only(findings, 5, ["SSIM"]))] == [
        "mine against cut on SSIM", "mine against fast on SSIM",
    ]  # fmt: skip


KNOWN = Spread(metric="FD", deviation=2.0, freedom=8, runs={"cut": 5, "mine": 5})


def test_seeds_are_only_told_from_a_spread_of_enough_freedom(make, findings):
    unknown = make(*findings.contenders, spread=KNOWN.model_copy(update={"freedom": 7}), difference=1.0)
    assert seeds_sentence(unknown) == (
        "Seeds needed for a difference of 1 on FD: spread unknown. It takes 8 degrees of freedom; the finished runs of "
        "toys@1 at mini give 7: cut (5 seeds), mine (5 seeds)."
    )
    # 80 % power of a paired t test: 34 pairs for half a standard deviation
    assert seeds_sentence(make(*findings.contenders, spread=KNOWN, difference=1.0)).startswith(
        "To show a difference of 1 on FD in four cases of five: 34 seeds (paired differences scatter by 2, 8 degrees"
    )
    assert "5 seeds show 3.4, 10 seeds show 2" in seeds_sentence(make(*findings.contenders, spread=KNOWN))
    assert seeds_sentence(findings) == ""


def test_how_many_tries_there_were(findings):
    mine = findings.candidate
    assert tries_sentence(mine, findings) == "mine: 1 try."
    tries = [
        TriedFindings(label=f"mine{{a={a}}}", train_keys={0: str(a)}, values={0: float(a)}, is_chosen=a == 1)
        for a in (1, 2)
    ]
    swept = mine.model_copy(update={"tries": tries})
    assert tries_sentence(swept, findings) == "mine: mine{a=1} is the best of 2 tries by FD on validation images."
    assert swept.chosen == "mine{a=1}"
    nothing = mine.model_copy(update={"tries": [one.model_copy(update={"values": {}}) for one in tries]})
    assert tries_sentence(nothing, findings) == "mine: 2 tries, none of which is measured yet."


@pytest.mark.parametrize("scale", ["smoke", "mini"])
def test_a_rough_scale_says_what_its_order_was_worth(make, findings, scale):
    assert ranking_sentence(make(*findings.contenders, scale=scale)).endswith(
        f"{scale} on toys@1 orders methods against the published order (Kendall's tau): unknown; no table of this results "
        "root has three such methods."
    )
    interval = Interval(low=-0.2, high=0.8, kind="evaluation", method="tau over rows")
    one = ScaleRanking(table="p/t@1", column="FID", metric="FD", methods=6, tau=0.4, interval=interval)
    line = ranking_sentence(make(*findings.contenders, scale=scale, rankings=[one] * 7))
    assert "+0.40, 95 % -0.20 to +0.80 for FD against FID of p/t, 6 methods; " in line
    assert "; and 1 more columns. 1 is the same order" in line


def test_the_published_training_needs_no_such_sentence(make, findings):
    assert ranking_sentence(make(*findings.contenders, scale="paper")) == ""
