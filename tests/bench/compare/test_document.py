from bench.compare.document import lay_out, remarks
from results.tables.writers.latex import latex
from results.tables.writers.markdown import markdown


def test_numbers_and_what_they_show(findings):
    text = markdown(lay_out(findings))
    assert "mine against cut, fast" in text
    # mean and 95 % interval by hand: 11.6, t(4) 2.776 * 1.140 / sqrt 5; not in bold, which would mean the best
    assert "| 11.6 ± 1.4" in text
    assert "**-20.0**" in text
    assert "mine is better than cut by FD" in text
    assert "cut differs from mine in: loss patchnce (candidate: mine.py:Mine)." in text
    assert "5 seeds scattering like these" in text
    assert "run 5 or more" not in text
    assert r"\begin{tabular}" in latex(lay_out(findings))


def test_few_seeds_are_said_to_show_nothing(make, findings):
    def first(contender, count):
        cut = {
            metric: {
                "last": rules["last"].model_copy(update={"values": dict(list(rules["last"].values.items())[:count])})
            }
            for metric, rules in contender.scores.items()
        }
        return contender.model_copy(update={"scores": cut})

    three = remarks(make(*(first(c, 3) for c in findings.contenders[:2])))
    assert any("At 3 seeds almost nothing is significant; run 5 or more (--seeds 5)" in line for line in three)
    one = remarks(make(*(first(c, 1) for c in findings.contenders[:2]), seeds=[0]))
    assert any("One seed says nothing about a difference" in line for line in one)


def test_stand_ins_missing_metrics_and_failures_are_named(make, findings):
    mine, cut, _ = findings.contenders
    broken = cut.model_copy(update={"problems": ["seed 2 failed: loss G is not finite"]})
    lines = remarks(make(mine, broken, ran_as="earth@1", scale="smoke", missing={"FID": "needs weights"}))
    for line in (
        "Stand-in: run on earth@1 for toys@1; say nothing about the latter from this.",
        "Smoke scale shows that everything works; its scores mean nothing.",
        "FID: not available: needs weights",
        "cut: seed 2 failed: loss G is not finite",
    ):
        assert line in lines
