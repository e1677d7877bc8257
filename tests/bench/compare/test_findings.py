import pytest
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
