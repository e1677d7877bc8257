"""A comparison laid out as text, for the Markdown, LaTeX and terminal writers that tables of papers use too."""

from __future__ import annotations

from bench.compare.findings import Duel, Findings
from bench.verdict.stats import detectable_effect
from results.tables.comparable import CEILING, ceiling, decimals_for, mean, measured_text
from results.tables.document import Block, Document, Line, Text

ENOUGH_SEEDS = 5


def lay_out(findings: Findings) -> Document:
    """Lay a comparison out.

    Returns:
        Scores of every contender, then the candidate against each other one, then how to read it.
    """
    blocks = [_scores(findings)] if findings.metrics else []
    if findings.duels:
        blocks.append(_duels(findings))
    return Document(
        name=findings.name,
        scale=findings.scale,
        title=f"{findings.candidate.label} against {', '.join(c.label for c in findings.contenders[1:])}",
        source=f"Protocol {findings.protocol}, budget {findings.budget}, seeds {', '.join(map(str, findings.seeds))}.",
        blocks=tuple(blocks),
        paragraphs=tuple(remarks(findings)),
        notes=(),
    )


def _arrow(higher_is_better: bool) -> str:
    return "↑" if higher_is_better else "↓"


def decimals(findings: Findings, metric: str) -> int:
    """Digits after the point for scores of a metric."""
    measurements = (c.scores.get(metric, {}).get(findings.counts) for c in findings.contenders)
    return decimals_for(mean(measured) for measured in measurements if measured is not None)


def _scores(findings: Findings) -> Block:
    lines = []
    for contender in findings.contenders:
        cells = []
        for metric in findings.metrics:
            measured = contender.scores.get(metric, {}).get(findings.counts)
            text = measured_text(measured, decimals(findings, metric)) if measured else ""
            # none in bold, which means the best in papers: the test below says what is shown
            cells.append(Text(text, place=(contender.label, metric) if text else None))
        lines.append(Line((Text(contender.label),), tuple(cells)))
    ceilings = {metric: _ceiling(findings, metric) for metric in findings.metrics}
    if any(ceilings.values()):
        lines.append(Line((Text(CEILING),), tuple(map(Text, ceilings.values())), rule_above=True))
    return Block(
        title="Scores",
        intro=f"Mean over seeds ± half its 95 % interval, checkpoint: {findings.counts}. ↓ lower is better, ↑ higher is.",
        stubs=("contender",),
        groups=("",) * len(findings.metrics),
        headings=tuple(f"{metric} {_arrow(higher)}" for metric, higher in findings.metrics.items()),
        lines=tuple(lines),
    )


def _ceiling(findings: Findings, metric: str) -> str:
    """What the real test images get, empty where a perfect score is known by itself."""
    measurements = (contender.scores.get(metric, {}).get(findings.counts) for contender in findings.contenders)
    value = ceiling(measurements)
    return "" if value is None else f"{value:.{decimals(findings, metric)}f}"


def _duels(findings: Findings) -> Block:
    rivals = len(findings.contenders) - 1
    count = len(findings.duels)
    corrected = (
        f"p is corrected for all {count} comparisons (Holm)" if count > 1 else "one comparison, nothing to correct"
    )
    return Block(
        title=f"{findings.candidate.label} minus the other, paired by seed",
        intro=f"Paired t over seeds; {corrected}.",
        stubs=("metric", "minus"),
        groups=("",) * 5,
        headings=("difference", "95 % interval", "effect size", "p (Holm)", "detectable"),
        lines=tuple(_duel(findings, duel, number % rivals == 0) for number, duel in enumerate(findings.duels)),
    )


def _duel(findings: Findings, duel: Duel, first: bool) -> Line:
    stub = (Text(f"{duel.metric} {_arrow(duel.higher_is_better)}" if first else ""), Text(duel.rival))
    if duel.paired is None or duel.p_holm is None:
        return Line(stub, (Text("too few seeds", style="quiet"),) * 5)
    digits, paired = decimals(findings, duel.metric), duel.paired
    shown = duel.judgement in ("better", "worse")
    return Line(
        stub,
        (
            Text(
                f"{paired.difference:+.{digits}f}",
                style="strong" if shown else "plain",
                place=(duel.rival, duel.metric),
            ),
            Text(f"{paired.interval.low:+.{digits}f} … {paired.interval.high:+.{digits}f}"),
            Text(f"{paired.effect_size:+.2f}" if paired.effect_size is not None else "–"),
            Text(f"{duel.p_holm:.3f}" + (f" {duel.judgement}" if shown else "")),
            Text(f"{paired.detectable:.{digits}f}"),
        ),
    )


def remarks(findings: Findings) -> list[str]:
    """What a reader has to know: what differs, what was shown, and what so few seeds could have shown."""
    label = findings.candidate.label
    lines = [
        f"{contender.label} differs from {label} in: {'; '.join(contender.differences) or 'nothing'}."
        for contender in findings.contenders[1:]
    ]
    shown = [duel for duel in findings.duels if duel.judgement in ("better", "worse")]
    lines += [
        f"{label} is {duel.judgement} than {duel.rival} by {duel.metric} (p {duel.p_holm:.3f})." for duel in shown
    ]
    tested = [duel.paired for duel in findings.duels if duel.paired is not None]
    if tested and not shown:
        lines.append("No difference is shown. That is not the same as no difference.")
    seeds = min((len(paired.seeds) for paired in tested), default=len(findings.seeds))
    if seeds < 2:
        lines.append("One seed says nothing about a difference: run at least 2, better 5 (--seeds 5).")
    else:
        effect = f"{detectable_effect(seeds):.1f}"
        lines.append(
            f"Detectable: the smallest true difference that {seeds} seeds scattering like these show in four comparisons "
            f"of five, before any correction; it is {effect} times the scatter of the differences."
        )
    if 2 <= seeds < ENOUGH_SEEDS:
        lines.append(
            f"At {seeds} seeds almost nothing is significant; run {ENOUGH_SEEDS} or more (--seeds {ENOUGH_SEEDS})."
        )
    if findings.is_stand_in:
        lines.append(
            f"Stand-in: run on {findings.ran_as} for {findings.protocol}; say nothing about the latter from this."
        )
    if findings.scale == "smoke":
        lines.append("Smoke scale shows that everything works; its scores mean nothing.")
    lines += [f"{metric}: not available: {reason}" for metric, reason in findings.missing.items()]
    lines += [f"{c.label}: {problem}" for c in findings.contenders for problem in c.problems]
    return [line for line in lines if line]
