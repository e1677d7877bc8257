"""A comparison laid out as text, for the Markdown, LaTeX and terminal writers that tables of papers use too."""

from __future__ import annotations

from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.compare.headlines import (
    by_seed,
    decimals,
    headlines,
    ranking_sentence,
    seeds_sentence,
    short,
    tries_sentence,
)
from bench.verdict.stats import SEEDS_FOR_AN_EFFECT, detectable_effect
from results.tables.comparable import CEILING, ceiling, decimals_for, measured_text
from results.tables.document import Block, Document, Line, Text

ENOUGH_SEEDS = 5
NONE = "–"


def lay_out(findings: Findings) -> Document:
    """Lay a comparison out.

    Returns:
        What it answers; scores of every contender, the candidates against each other one, what a sweep tried, in which
        settings contenders differ; then how to read it.
    """
    blocks = [_scores(findings)] if findings.metrics else []
    if findings.duels:
        blocks.append(_duels(findings))
    if any(contender.tries for contender in findings.contenders):
        blocks.append(_tries(findings))
    blocks += [_differences(findings, contender) for contender in findings.contenders if contender.differences]
    return Document(
        name=findings.name,
        scale=findings.scale,
        title=f"{_listed(findings.candidates)} against {_listed(findings.rivals)}",
        source=f"Protocol {findings.protocol}, budget {findings.budget}, seeds {', '.join(map(str, findings.seeds))}.",
        blocks=tuple(blocks),
        paragraphs=tuple(remarks(findings)),
        notes=(),
        lead=tuple(headlines(findings)),
    )


def _listed(contenders: list[ContenderFindings]) -> str:
    return ", ".join(contender.label for contender in contenders)


def _arrow(higher_is_better: bool) -> str:
    return "↑" if higher_is_better else "↓"


def _scores(findings: Findings) -> Block:
    lines = []
    for contender in findings.contenders:
        cells = []
        for metric in findings.metrics:
            measured = contender.scores.get(metric, {}).get(findings.counts)
            text = measured_text(measured, decimals(findings, metric)) if measured else ""
            # none in bold, which means the best in papers: the test below says what is shown
            cells.append(Text(text, place=(contender.label, metric) if text else None))
        lines.append(Line((Text(contender.chosen),), tuple(cells)))
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
    count, one_candidate = findings.corrected_for, len(findings.candidates) == 1
    corrected = (
        f"p is corrected for all {count} comparisons (Holm), and the corrected intervals hold together in 95 cases of 100"
        if count > 1
        else "one comparison, nothing to correct"
    )
    minuend = findings.candidate.label if one_candidate else "candidate"
    headings = _duel_headings(findings)
    lines = []
    metric = candidate = None
    for duel in findings.duels:
        stub = [Text(f"{duel.metric} {_arrow(duel.higher_is_better)}" if duel.metric != metric else "")]
        if not one_candidate:
            stub.append(Text(duel.candidate if (duel.metric, duel.candidate) != (metric, candidate) else ""))
        metric, candidate = duel.metric, duel.candidate
        lines.append(Line((*stub, Text(duel.rival)), _duel(findings, duel, headings)))
    return Block(
        title=f"{minuend} minus the other, paired by seed",
        intro=f"Paired t over seeds; {corrected}.",
        stubs=("metric", "minus") if one_candidate else ("metric", "candidate", "minus"),
        groups=("",) * len(headings),
        headings=headings,
        lines=tuple(lines),
    )


def _duel_headings(findings: Findings) -> tuple[str, ...]:
    """The columns: what only more seeds, or more comparisons, give is left out where there are none."""
    paired = [duel.paired for duel in findings.duels if duel.paired is not None]
    has_effects = any(len(one.seeds) >= SEEDS_FOR_AN_EFFECT for one in paired)
    columns = {
        "difference": True,
        "by seed": not has_effects and any(one.differences for one in paired),
        "95 % interval": True,
        "corrected interval": findings.corrected_for > 1 and any(duel.corrected for duel in findings.duels),
        "effect size": has_effects,
        "p (Holm)": True,
        "detectable": has_effects,
    }
    return tuple(name for name, is_there in columns.items() if is_there)


def _duel(findings: Findings, duel: Duel, headings: tuple[str, ...]) -> tuple[Text, ...]:
    paired, digits = duel.paired, decimals(findings, duel.metric)
    if paired is None or duel.p_holm is None:
        return (Text("too few seeds", style="quiet"),) * len(headings)
    has_effect = len(paired.seeds) >= SEEDS_FOR_AN_EFFECT
    corrected = duel.corrected
    cells = {
        "difference": Text(
            f"{paired.difference:+.{digits}f}",
            style="strong" if duel.is_shown else "plain",
            place=(duel.rival, duel.metric),
        ),
        "by seed": Text(by_seed(duel, digits)),
        "95 % interval": Text(f"{paired.interval.low:+.{digits}f} … {paired.interval.high:+.{digits}f}"),
        "corrected interval": Text(
            f"{corrected.low:+.{digits}f} … {corrected.high:+.{digits}f}" if corrected else NONE
        ),
        "effect size": Text(f"{paired.effect_size:+.2f}" if has_effect and paired.effect_size is not None else NONE),
        "p (Holm)": Text(f"{duel.p_holm:.3f}" + (f" {duel.judgement}" if duel.is_shown else "")),
        "detectable": Text(f"{paired.detectable:.{digits}f}" if has_effect and paired.detectable is not None else NONE),
    }
    return tuple(cells[name] for name in headings)


def _tries(findings: Findings) -> Block:
    """What a sweep tried, and what it chose."""
    lines = []
    for contender in findings.contenders:
        for place, one in enumerate(contender.tries):
            values = list(one.values.values())
            mean = sum(values) / len(values) if values else None
            cells = (
                "" if mean is None else f"{mean:.{decimals_for(values)}f}",
                f"{len(values)} of {len(one.train_keys)}",
                "chosen" if one.is_chosen else "",
            )
            stub = Text(contender.label if place == 0 else ""), Text(one.label)
            lines.append(Line(stub, tuple(map(Text, cells)), rule_above=place == 0))
    return Block(
        title="What was tried",
        intro=f"{short(findings.select_by)} on validation images, mean over seeds; test images choose nothing.",
        stubs=("contender", "try"),
        groups=("",) * 3,
        headings=("validation", "seeds", "choice"),
        lines=tuple(lines),
    )


def _differences(findings: Findings, contender: ContenderFindings) -> Block:
    first = findings.candidate
    return Block(
        title=f"In what {contender.label} differs from {first.label}",
        intro="Every other setting that both have is equal.",
        stubs=("setting",),
        groups=("",) * 2,
        headings=(first.label, contender.label),
        lines=tuple(Line((Text(one.setting),), (Text(one.first), Text(one.own))) for one in contender.differences),
        is_detail=True,
    )


def remarks(findings: Findings) -> list[str]:
    """What a reader has to know: what was shown besides the headlines, and what so few seeds could have shown."""
    main, label = findings.main_metric, findings.candidate.label
    lines = [
        f"{contender.label} differs from {label} in no setting."
        for contender in findings.contenders[1:]
        if not contender.differences
    ]
    if any(contender.tries for contender in findings.contenders):
        lines += [tries_sentence(contender, findings) for contender in findings.contenders]
    shown = [duel for duel in findings.duels if duel.is_shown]
    lines += [
        f"{duel.candidate} is {duel.judgement} than {duel.rival} by {duel.metric} (p {duel.p_holm:.3f})."
        for duel in shown
        if duel.metric != main
    ]
    lines += [_sharper(duel) for duel in shown if duel.corrected and duel.corrected.low <= 0 <= duel.corrected.high]
    tested = [duel.paired for duel in findings.duels if duel.paired is not None]
    if tested and not shown:
        lines.append("No difference is shown. That is not the same as no difference.")
    lines += _about_seeds(findings, min((len(paired.seeds) for paired in tested), default=len(findings.seeds)))
    lines += [findings.rule, seeds_sentence(findings), ranking_sentence(findings)]
    if findings.is_stand_in:
        lines.append(
            f"Stand-in: run on {findings.ran_as} for {findings.protocol}; say nothing about the latter from this."
        )
    if findings.scale == "smoke":
        lines.append("Smoke scale shows that everything works; its scores mean nothing.")
    lines += [f"{metric}: not available: {reason}" for metric, reason in findings.missing.items()]
    lines += [f"{c.label}: {problem}" for c in findings.contenders for problem in c.problems]
    return [line for line in lines if line]


def _sharper(duel: Duel) -> str:
    return (
        f"{duel.candidate} against {duel.rival} by {duel.metric}: the corrected interval holds 0 although the corrected "
        "test shows a difference. Holm's test corrects step by step and is sharper than intervals that must hold together."
    )


def _about_seeds(findings: Findings, seeds: int) -> list[str]:
    """What so many seeds could have shown."""
    if seeds < 2:
        return ["One seed says nothing about a difference: run at least 2, better 5 (--seeds 5)."]
    lines = []
    if seeds < SEEDS_FOR_AN_EFFECT:
        lines.append("Two seeds have values, and no effect sizes: their scatter says next to nothing.")
    else:
        lines.append(
            f"Detectable: the smallest true difference that {seeds} seeds scattering like these show in four comparisons "
            f"of five, before any correction; it is {detectable_effect(seeds):.1f} times the scatter of the differences."
        )
    if seeds < ENOUGH_SEEDS:
        lines.append(
            f"At {seeds} seeds almost nothing is significant; run {ENOUGH_SEEDS} or more (--seeds {ENOUGH_SEEDS})."
        )
    return lines
