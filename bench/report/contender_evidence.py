"""The evidence of a comparison's number: one contender by one metric, seed by seed, and the candidate against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.compare.headlines import decimals
from bench.report.anchors import Anchors
from bench.report.commands import rerun_command
from bench.report.figures import StoredFigure
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.score_lines import MOST_SEEDS, CheckpointLine, checkpoint_lines, floor_text
from bench.report.wording import floor_name, number
from results.tables.published_block import arrow


@dataclass(frozen=True)
class PairedLine:
    """One seed of a contender, and of the candidate where the two are paired: candidate minus contender."""

    seed: int
    value: str
    candidate: str
    difference: str
    train_key: str
    run_anchor: str
    command: str


@dataclass(frozen=True)
class DuelLine:
    """The candidate minus a rival: a sentence, and the test behind it."""

    sentence: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class ContenderEvidence:
    """Everything that is known about one contender by one metric.

    Attributes:
        title, metric: whose number it is; the metric with its direction.
        anchor: of this evidence.
        origin: anchor of the number in the comparison.
        where: the comparison and its scale, as text.
        duels: the candidate against this contender; of the candidate itself, against every rival.
        checkpoints, seeds: tables.
        seeds_left_out: how many seeds more there are.
        is_candidate: whether it is the one that is compared with the others.
        candidate: the label of that one.
        floor_name, floor: what real images get by the metric, empty where that is not measured.
        differences, deviations, problems: of the contender, one line each.
        samples, curves: of its runs.
        missing: what cannot be shown and why.
    """

    title: str
    metric: str
    anchor: str
    origin: str
    where: str
    method: str
    duels: list[DuelLine]
    checkpoints: list[CheckpointLine]
    seeds: list[PairedLine]
    seeds_left_out: int
    is_candidate: bool
    candidate: str
    floor_name: str
    floor: str
    differences: list[str]
    deviations: list[str]
    problems: list[str]
    samples: SampleGrid | None
    curves: StoredFigure | None
    missing: list[str]


def contender_evidences(findings: Findings, anchors: Anchors, material: RunMaterial) -> list[ContenderEvidence]:
    """The evidence of every number of a comparison, contender by contender.

    Args:
        findings: the comparison.
        anchors: gives names.
        material: reads runs.
    """
    return [
        _evidence(findings, contender, metric, anchors, material)
        for contender in findings.contenders
        for metric in findings.metrics
        if findings.counts in contender.scores.get(metric, {})
    ]


def _evidence(
    findings: Findings, contender: ContenderFindings, metric: str, anchors: Anchors, material: RunMaterial
) -> ContenderEvidence:
    digits, higher = decimals(findings, metric), findings.metrics[metric]
    is_candidate = contender.is_candidate
    measured = contender.scores[metric]
    duels = [
        duel for duel in findings.duels if duel.metric == metric and contender.label in (duel.candidate, duel.rival)
    ]
    seeds = _seeds(findings, contender, metric, anchors, material)
    samples, curves, missing = material.of_cell(contender.label, contender.train_keys)
    return ContenderEvidence(
        title=contender.label,
        metric=f"{metric} {arrow(higher)}",
        anchor=anchors.of("evidence", findings.name, contender.label, metric),
        origin=anchors.of("at", "comparison", findings.name, contender.label, metric),
        where=f"{findings.name}, scale {findings.scale}",
        method=contender.method,
        duels=[_duel(duel, digits) for duel in duels],
        checkpoints=checkpoint_lines(measured, findings.counts, digits, judged=False),
        seeds=seeds[:MOST_SEEDS],
        seeds_left_out=max(0, len(seeds) - MOST_SEEDS),
        is_candidate=is_candidate,
        candidate=findings.candidate.label,
        floor_name=floor_name(higher),
        floor=floor_text(measured[findings.counts], digits),
        differences=[one.line for one in contender.differences],
        deviations=contender.deviations,
        problems=contender.problems,
        samples=samples,
        curves=curves,
        missing=missing,
    )


def _duel(duel: Duel, digits: int) -> DuelLine:
    """The same difference in words: which of the two has the better mean by it, and whether that is shown."""
    minus = f"{duel.candidate} minus {duel.rival} by {duel.metric}"
    paired = duel.paired
    if paired is None:
        return DuelLine(f"{minus}: too few seeds of both to test.", [])
    low, high = number(paired.interval.low, digits), number(paired.interval.high, digits)
    shown = f"{duel.judgement} is shown" if duel.is_shown else "no difference is shown"
    facts = [("difference", number(paired.difference, digits)), ("95 % interval", f"{low} to {high}")]
    facts.append(("p, uncorrected", f"{paired.p_value:.3f}"))
    if duel.p_holm is not None:
        facts.append(("p, corrected (Holm)", f"{duel.p_holm:.3f}"))
    if paired.detectable is not None:
        facts.append(("detectable at these seeds", number(paired.detectable, digits)))
    direction = "higher" if duel.higher_is_better else "lower"
    return DuelLine(f"{minus}, {direction} is better: {shown} at {len(paired.seeds)} seeds.", facts)


def _seeds(
    findings: Findings, contender: ContenderFindings, metric: str, anchors: Anchors, material: RunMaterial
) -> list[PairedLine]:
    digits = decimals(findings, metric)
    values = _values(findings, contender, metric)
    against = {} if contender.is_candidate else _values(findings, findings.candidate, metric)
    lines = []
    for seed in sorted({*values, *contender.train_keys}):
        value, other = values.get(seed), against.get(seed)
        key = contender.train_keys.get(seed, "")
        lines.append(
            PairedLine(
                seed=seed,
                value=_text(value, digits),
                candidate=_text(other, digits),
                difference=_text(None if value is None or other is None else other - value, digits),
                train_key=key,
                run_anchor=anchors.of("run", key) if key in material.listed else "",
                command=rerun_command(key) if key else "",
            )
        )
    return lines


def _values(findings: Findings, contender: ContenderFindings, metric: str) -> Mapping[int, float]:
    measured = contender.scores.get(metric, {}).get(findings.counts)
    return measured.values if measured else {}


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else number(value, digits)
