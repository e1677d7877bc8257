import numpy as np
import pytest
from scipy import stats
from scipy.stats import ttest_rel

from bench.compare.findings import duels


def test_the_candidate_comes_first_in_every_difference(findings):
    mine, cut, _ = findings.contenders
    assert [(duel.metric, duel.rival) for duel in findings.duels] == [
        ("FD", "cut"), ("FD", "fast"), ("SSIM", "cut"), ("SSIM", "fast"),
    ]  # fmt: skip
    values = [list(c.scores["FD"]["last"].values.values()) for c in (mine, cut)]
    first = findings.duels[0]
    assert first.paired.difference == pytest.approx(sum(a - b for a, b in zip(*values, strict=True)) / 5)
    assert first.paired.p_value == pytest.approx(ttest_rel(*values).pvalue)


def test_holm_over_all_duels_together(findings):
    p = [duel.paired.p_value for duel in findings.duels]
    order = sorted(range(4), key=lambda i: p[i])
    expected, highest = {}, 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, p[i] * (4 - rank)))
        expected[i] = highest
    assert [duel.p_holm for duel in findings.duels] == pytest.approx([expected[i] for i in range(4)])


def test_judgements_follow_the_metrics_direction(findings):
    assert [duel.judgement for duel in findings.duels] == ["better", "not shown", "not shown", "not shown"]
    swapped = duels(findings.contenders, {"FD": True}, "last")
    assert swapped[0].judgement == "worse"


def test_one_seed_or_no_score_in_common_is_said(findings):
    mine, cut, _ = findings.contenders
    one = cut.scores["FD"]["last"].model_copy(update={"values": {7: 1.0}})
    rival = cut.model_copy(update={"scores": {"FD": {"last": one}}})
    (by_fd, by_ssim) = duels([mine, rival], findings.metrics, "last")
    assert (by_fd.judgement, by_fd.paired, by_fd.p_holm) == ("too few seeds", None, None)
    assert by_ssim.judgement == "too few seeds"


def test_every_candidate_meets_every_other_contender(make, contender):
    found = make(
        contender("mine", {"FD": [1.0, 2.0, 3.0]}), contender("mine{a=1}", {"FD": [1.5, 2.0, 2.0]}),
        contender("cut", {"FD": [4.0, 5.0, 7.0]}), contender("fast", {"FD": [0.0, 1.0, 4.0]}),
    )  # fmt: skip
    by_fd = [(duel.candidate, duel.rival) for duel in found.duels if duel.metric == "FD"]
    assert by_fd == [("mine", "cut"), ("mine", "fast"), ("mine{a=1}", "cut"), ("mine{a=1}", "fast")]
    assert found.duels[0].paired.differences == (-3.0, -3.0, -4.0)
    assert [one.label for one in found.rivals] == ["cut", "fast"]


def test_corrected_intervals_hold_together_and_never_show_more_than_holm(findings):
    first = findings.duels[0]
    half = stats.t.ppf(1 - 0.05 / 2 / 4, 4) * np.std(first.paired.differences, ddof=1) / np.sqrt(5)
    assert first.corrected.low == pytest.approx(first.paired.difference - half)
    assert first.corrected.level == pytest.approx(1 - 0.05 / 4)
    assert findings.corrected_for == 4
    for duel in findings.duels:
        assert duel.is_shown or duel.corrected.low <= 0 <= duel.corrected.high


def test_one_comparison_has_nothing_to_correct(findings):
    mine, cut, _ = findings.contenders
    (duel,) = duels([mine, cut], {"FD": False}, "last")
    assert (duel.corrected.low, duel.corrected.high) == pytest.approx(
        (duel.paired.interval.low, duel.paired.interval.high)
    )


def test_metrics_come_back_in_the_protocols_order(tmp_path, make, findings):
    order = ["SSIM", "L1", "FD"]
    metrics = {"SSIM": True, "FD": False}
    written = make(*findings.contenders, order=order, metrics=metrics, missing={"L1": "no truth"})
    path = tmp_path / "mine-vs-cut" / "comparison.json"
    path.parent.mkdir()
    written.write(path, "mine-vs-cut")
    found = type(written).of_folder(path)
    assert list(found.metrics) == ["SSIM", "FD"]  # a record's own keys are sorted
    assert found.model_dump() == written.model_dump()
