"""What a comparison answers, in sentences: who is shown to be better, what more seeds would show, what a scale is worth."""

from __future__ import annotations

from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.compare.spread import ENOUGH_FREEDOM, Spread
from bench.verdict.stats import SEEDS_FOR_AN_EFFECT, detectable_effect, seeds_needed
from results.tables.comparable import decimals_for, mean

MORE_SEEDS = (5, 10)
SMALLEST_P = 0.001  # that is written out
_MOST_COLUMNS = 6  # of published tables, in the sentence about their rankings


def headlines(findings: Findings) -> list[str]:
    """A sentence for each candidate and other contender, on the metric that selects.

    Args:
        findings: the comparison.

    Returns:
        As `focal_nce against cut on KD-EffLite0: -0.058, 95 % -0.247 to +0.130: not shown at 2 seeds.`; none before anything
        is measured.
    """
    return [_headline(findings, duel) for duel in findings.duels if duel.metric == findings.main_metric]


def _headline(findings: Findings, duel: Duel) -> str:
    chosen = {contender.label: contender.chosen for contender in findings.contenders}
    who = f"{chosen[duel.candidate]} against {chosen[duel.rival]} on {short(duel.metric)}"
    paired = duel.paired
    if paired is None:
        return f"{who}: too few seeds, both need at least the same two."
    digits, seeds = decimals(findings, duel.metric), len(paired.seeds)
    interval = f"{paired.interval.low:+.{digits}f} to {paired.interval.high:+.{digits}f}"
    text = f"{who}: {paired.difference:+.{digits}f}, 95 % {interval}: {_judged(findings, duel)} at {seeds} seeds"
    return f"{text} ({by_seed(duel, digits)})." if seeds < SEEDS_FOR_AN_EFFECT and paired.differences else f"{text}."


def _judged(findings: Findings, duel: Duel) -> str:
    assert duel.paired is not None  # the caller has looked
    assert duel.p_holm is not None
    p = "p below 0.001" if duel.p_holm < SMALLEST_P else f"p {duel.p_holm:.3f}"
    if duel.is_shown:
        return f"shown to be {duel.judgement} ({p})"
    if duel.paired.interval.low <= 0 <= duel.paired.interval.high:
        return "not shown"
    return f"not shown, once corrected for {findings.corrected_for} comparisons ({p}),"


def by_seed(duel: Duel, digits: int) -> str:
    """The difference of each seed."""
    if duel.paired is None:
        return ""
    pairs = zip(duel.paired.seeds, duel.paired.differences, strict=False)
    return ", ".join(f"seed {seed} {value:+.{digits}f}" for seed, value in pairs)


def seeds_sentence(findings: Findings) -> str:
    """How many seeds a difference would take, from what finished runs of this protocol scatter; empty before any is done."""
    spread = findings.spread
    if spread is None or findings.main_metric != spread.metric:
        return ""
    metric, place = short(spread.metric), f"{findings.protocol} at {findings.scale}"
    if not spread.is_known or spread.deviation is None:
        asked = "" if findings.difference is None else f" for a difference of {findings.difference:g}"
        return (
            f"Seeds needed{asked} on {metric}: spread unknown. It takes {ENOUGH_FREEDOM} degrees of freedom; the finished "
            f"runs of {place} give {spread.freedom}: {spread.sources}."
        )
    pooled = (
        f"(paired differences scatter by {_two_digits(spread.deviation)}, {spread.freedom} degrees of freedom, from the "
        f"finished runs of {place}: {spread.sources})"
    )
    if findings.difference is not None:
        count = seeds_needed(findings.difference, spread.deviation)
        number = "more than 1000 seeds" if count is None else f"{count} seeds"
        return f"To show a difference of {findings.difference:g} on {metric} in four cases of five: {number} {pooled}."
    shown = [f"{seeds} seeds show {_two_digits(_least(spread, seeds))}" for seeds in MORE_SEEDS]
    return (
        f"What seeds can show on {metric}, in four cases of five, before any correction: {', '.join(shown)} {pooled}."
    )


def _least(spread: Spread, seeds: int) -> float:
    assert spread.deviation is not None  # the caller has looked
    return detectable_effect(seeds) * spread.deviation


def _two_digits(value: float) -> str:
    return f"{value:.2g}"


def tries_sentence(contender: ContenderFindings, findings: Findings) -> str:
    """Of how many tries a contender is the best, and by what; what is not swept has one."""
    if not contender.tries:
        return f"{contender.label}: 1 try."
    chosen = next((one for one in contender.tries if one.is_chosen and one.values), None)
    count = len(contender.tries)
    if chosen is None:
        return f"{contender.label}: {count} tries, none of which is measured yet."
    by = f"by {short(findings.select_by)} on validation images"
    return f"{contender.label}: {chosen.label} is the best of {count} tries {by}."


def ranking_sentence(findings: Findings) -> str:
    """How far this scale's order of methods may be trusted; empty at scales that are as published."""
    if findings.scale not in ("smoke", "mini"):
        return ""
    what = f"How scale {findings.scale} on {findings.ran_as} orders methods against the published order (Kendall's tau)"
    if not findings.rankings:
        return f"{what}: unknown; no table of this results root has three such methods."
    columns = []
    for ranking in findings.rankings[:_MOST_COLUMNS]:
        interval = f", 95 % {ranking.interval.low:+.2f} to {ranking.interval.high:+.2f}" if ranking.interval else ""
        columns.append(
            f"{ranking.tau:+.2f}{interval} for {short(ranking.metric)} against {ranking.column} of "
            f"{ranking.table.partition('@')[0]}, {ranking.methods} methods"
        )
    more = len(findings.rankings) - len(columns)
    columns += [f"and {more} more columns"] if more > 0 else []
    return f"{what}: {'; '.join(columns)}. 1 is the same order, 0 no relation."


def short(metric: str) -> str:
    """A metric's name; of a user's file that of the class."""
    return metric.rpartition(":")[2]


def decimals(findings: Findings, metric: str) -> int:
    """Digits after the point for scores of a metric."""
    measurements = (c.scores.get(metric, {}).get(findings.counts) for c in findings.contenders)
    return decimals_for(mean(measured) for measured in measurements if measured is not None)
