import re

from bench.compare.paper import bibliography, paragraph


def test_a_paragraph_says_what_was_compared_and_found(make, findings):
    text = paragraph(findings)
    assert "with 5 seeds each and an equal number of training images." in text
    assert (
        "By FD (lower is better), mine minus cut is $-20.0$ (95\\,\\% interval $-20.4$ to $-19.6$, paired $t$" in text
    )
    assert "$p < 0.001$; corrected with Holm's method for 4 comparisons): the difference is shown (better)." in text
    assert "no difference is shown" in text
    assert "stands in" not in text
    assert "which stands in" in paragraph(make(*findings.contenders, ran_as="earth@1"))


def test_everything_that_is_cited_has_an_entry(findings):
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", paragraph(findings)) for key in keys.split(",")}
    entries = re.findall(r"@misc\{([^,]*),", bibliography(findings))
    assert cited == set(entries) == {"contrastbench", "cut"}
    assert "ECCV 2020" in bibliography(findings)


def test_what_is_not_here_is_not_cited(make, findings):
    contenders = [one.model_copy(update={"method": "/gone/mine.py:Mine"}) for one in findings.contenders]
    assert "@misc{cut" not in bibliography(make(*contenders))


def test_tries_are_told(make, findings):
    tried = {"label": "mine{a=1}", "train_keys": {0: "a"}, "values": {0: 1.0}, "is_chosen": True}
    mine = type(findings.candidate).model_validate(findings.candidate.model_dump() | {"tries": [tried, tried]})
    text = paragraph(make(mine, *findings.contenders[1:]))
    assert "Settings were chosen by FD on validation images; tries: mine 2, cut 1, fast 1." in text
    assert r"mine\{a=1\} minus cut" in text
