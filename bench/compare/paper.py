"""A comparison as a paragraph for a paper, in LaTeX, and what it cites, in BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench import __version__
from bench.base.errors import BenchError
from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.compare.headlines import SMALLEST_P, decimals, short
from bench.plugin.discovery import find_plugin
from results.tables.writers.latex import escape

SOFTWARE = "contrastbench"


def paragraph(findings: Findings) -> str:
    r"""What was compared and found, to be read with `\input`; every figure in it is in `comparison.json`.

    Args:
        findings: the comparison.

    Returns:
        LaTeX, ending in a newline.
    """
    names = {contender.label: _named(contender) for contender in findings.contenders}
    candidates = _listed([names[one.label] for one in findings.candidates])
    rivals = _listed([names[one.label] for one in findings.rivals])
    seeds, budget = len(findings.seeds), findings.budget
    sentences = [
        f"We compare {candidates} with {rivals} under protocol {escape(findings.protocol)} of "
        f"{SOFTWARE}~{escape(__version__)}~\\cite{{{SOFTWARE}}} at scale {escape(findings.scale)}, with {seeds} "
        f"seed{'s' if seeds != 1 else ''} each"
        + (" and an equal number of training images." if budget == "equal" else " and each method's own budget.")
    ]
    if findings.is_stand_in:
        sentences.append(f"The data are those of {escape(findings.ran_as)}, which stands in.")
    sentences += _about_tries(findings)
    sentences += [_result(findings, duel) for duel in findings.duels if duel.metric == findings.main_metric]
    return f"% written by {SOFTWARE} from comparison.json of {findings.name}\n" + "\n".join(sentences) + "\n"


def _about_tries(findings: Findings) -> Iterator[str]:
    if any(contender.tries for contender in findings.contenders):
        tries = [f"{escape(one.label)} {max(1, len(one.tries))}" for one in findings.contenders]
        yield (
            f"Settings were chosen by {escape(short(findings.select_by))} on validation images; tries: {', '.join(tries)}."
        )


def _result(findings: Findings, duel: Duel) -> str:
    chosen = {contender.label: escape(contender.chosen) for contender in findings.contenders}
    who = f"{chosen[duel.candidate]} minus {chosen[duel.rival]}"
    metric = escape(short(duel.metric))
    if duel.paired is None or duel.p_holm is None:
        return f"For {who} there are too few seeds."
    digits, paired = decimals(findings, duel.metric), duel.paired
    p = f"$p < {SMALLEST_P:g}$" if duel.p_holm < SMALLEST_P else f"$p = {duel.p_holm:.3f}$"
    better = "higher" if duel.higher_is_better else "lower"
    level = (
        f"; corrected with Holm's method for {findings.corrected_for} comparisons" if findings.corrected_for > 1 else ""
    )
    shown = f"the difference is shown ({duel.judgement})" if duel.is_shown else "no difference is shown"
    return (
        f"By {metric} ({better} is better), {who} is ${paired.difference:+.{digits}f}$ (95\\,\\% interval "
        f"${paired.interval.low:+.{digits}f}$ to ${paired.interval.high:+.{digits}f}$, paired $t$ over {len(paired.seeds)} "
        f"seeds, {p}{level}): {shown}."
    )


def bibliography(findings: Findings) -> str:
    """What the paragraph cites: one entry a plugin, with its citation as the plugin states it."""
    entries = {SOFTWARE: (f"{{{SOFTWARE}}}", f"version {__version__}")}
    for contender in findings.contenders:
        entries |= {key: (f"{{{name}}}", citation) for key, (name, citation) in _sources(contender).items()}
    return (
        "\n\n".join(
            f"@misc{{{key},\n  title = {{{title}}},\n  note = {{{escape(note)}}},\n}}"
            for key, (title, note) in entries.items()
        )
        + "\n"
    )


def _named(contender: ContenderFindings) -> str:
    """A contender with what is cited for it."""
    keys = ",".join(_sources(contender))
    return escape(contender.label) + (f"~\\cite{{{keys}}}" if keys else "")


def _sources(contender: ContenderFindings) -> dict[str, tuple[str, str]]:
    """The loss and the method of a contender that say where they come from: BibTeX key -> (name, citation)."""
    found = {}
    for kind, reference in (("loss", contender.config.get("loss")), ("method", contender.method)):
        try:
            plugin = find_plugin(kind, reference) if isinstance(reference, str) else None
        except BenchError:  # its file is gone, or was never here
            continue
        citation = plugin.literals.get("citation") if plugin else None
        if plugin and isinstance(citation, str) and citation:
            found[re.sub(r"[^A-Za-z0-9]+", "-", plugin.name)] = escape(plugin.name), citation
    return found


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
