from bench.compare.document import lay_out, remarks
from bench.compare.findings import TriedFindings
from results.tables.writers.latex import latex
from results.tables.writers.markdown import markdown


def test_numbers_and_what_they_show(findings):
    text = markdown(lay_out(findings))
    assert "mine against cut, fast" in text
    # mean and 95 % interval by hand: 11.6, t(4) 2.776 * 1.140 / sqrt 5; not in bold, which would mean the best
    assert "| 11.6 ± 1.4" in text
    assert "**-20.0**" in text
    assert "**mine against cut on FD: -20.0, 95 % -20.4 to -19.6: shown to be better" in text
    assert "## In what cut differs from mine" in text
    assert "| loss    | mine.py:Mine | patchnce |" in text
    assert "fast differs from mine in no setting." in text
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

    two = make(*(first(c, 2) for c in findings.contenders[:2]))
    assert any("Two seeds have values, and no effect sizes" in line for line in remarks(two))
    page = markdown(lay_out(two))
    assert "seed 0 -20.0, seed 1 -20.5" in page
    assert "effect size" not in page.partition("## How to read this")[0]
    assert "detectable" not in page
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


def test_what_holm_shows_and_a_corrected_interval_does_not_is_explained(make, findings):
    first = findings.duels[0]
    wide = first.model_copy(update={"corrected": first.corrected.model_copy(update={"high": 0.1})})
    assert not any("step by step" in line for line in remarks(findings))
    (line,) = (line for line in remarks(make(*findings.contenders, duels=[wide])) if "step by step" in line)
    assert line.startswith("mine against cut by FD: the corrected interval holds 0 although the corrected test shows")


def test_what_was_tried_is_a_table_and_how_often_a_sentence(make, findings):
    mine, *rivals = findings.contenders
    tries = [
        TriedFindings(label=f"mine{{a={a}}}", train_keys={0: f"{a}-0", 1: f"{a}-1"}, values=values, is_chosen=a == 2)
        for a, values in ((1, {0: 3.0}), (2, {0: 1.0, 1: 2.0}))
    ]
    text = markdown(lay_out(make(mine.model_copy(update={"tries": tries}), *rivals)))
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if "mine{a=" in line and line[0] == "|"
    ]
    assert rows[-2:] == [["mine", "mine{a=1}", "3.00", "1 of 2", ""], ["", "mine{a=2}", "1.50", "2 of 2", "chosen"]]
    assert "mine: mine{a=2} is the best of 2 tries by FD on validation images." in text
    assert "cut: 1 try." in text
    assert "mine{a=2} against cut on FD" in text


def test_several_candidates_have_a_column(make, contender):
    found = make(contender("mine", {"FD": [1.0, 2.0, 3.0]}), contender("mine{a=1}", {"FD": [1.5, 2.0, 2.0]}),
                 contender("cut", {"FD": [4.0, 5.0, 7.0]}))  # fmt: skip
    document = lay_out(found)
    assert document.title == "mine, mine{a=1} against cut"
    assert len(document.lead) == 2
    (duels,) = (block for block in document.blocks if "paired by seed" in block.title)
    assert duels.stubs == ("metric", "candidate", "minus")
    assert [[text.text for text in line.stub] for line in duels.lines[:2]] == [
        ["FD ↓", "mine", "cut"], ["", "mine{a=1}", "cut"],
    ]  # fmt: skip
