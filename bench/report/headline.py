"""The first lines of the page: what was reproduced and what agrees, in one sentence and one bar for each table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.compare.findings import Findings
from bench.report.anchors import Anchors
from bench.report.contents import Contents, TableResult
from bench.report.wording import is_counted
from bench.schema.cell import Cell
from bench.verdict.stats import SEEDS_FOR_A_VERDICT
from results.tables.comparable import is_stand_in, may_stand_against_published

# what became of a cell, which is its class in the style sheet -> words of the bars' key
OUTCOMES = {
    "consistent": "agrees with the paper",
    "better": "better than published",
    "worse": "worse than published",
    "unjudged": "as published, no verdict",
    "deviating": "in another setting",
    "stand-in": "measured on a stand-in",
    "open": "not done",
}
CAUTIONS = {
    "stand-in": "Stand-ins are other pictures or another scoring network than the paper's. What was measured on them stands "
    "apart and is never held against a published number.",
    "smoke": "Scale smoke only shows that everything works, from data to table: its scores mean nothing.",
}


@dataclass(frozen=True)
class Part:
    """So many cells of one outcome, and their share in percent."""

    outcome: str
    words: str
    count: int
    share: float


@dataclass(frozen=True)
class Bar:
    """One table or comparison: where it is, its bar with its width in percent of the largest, and the same in words."""

    name: str
    title: str
    scale: str
    anchor: str
    parts: list[Part]
    width: float
    words: str


@dataclass(frozen=True)
class Headline:
    """The answer first.

    Attributes:
        number: such as `3 of 4`.
        sentence: what is said of so many.
        cautions: what must be known before that is repeated elsewhere.
        bars: every table, then every comparison.
        key: the outcomes on this page, all tables together.
    """

    number: str
    sentence: str
    cautions: list[str]
    bars: list[Bar]
    key: list[Part]


def outcome(cell: Cell) -> str:
    """What became of a cell, one of `OUTCOMES`."""
    if cell.state != "done":
        return "open"
    if is_stand_in(cell):
        return "stand-in"
    if not may_stand_against_published(cell):
        return "open"
    if cell.comparability == "deviating":
        return "deviating"
    if is_counted(cell):
        return "consistent"
    verdict = cell.value.verdict if cell.value is not None else None
    return verdict if verdict in ("consistent", "better", "worse") else "unjudged"


def headline(contents: Contents, anchors: Anchors) -> Headline:
    """What is said first of everything on the page.

    Args:
        contents: what the page shows.
        anchors: gives names.
    """
    most = max((len(result.cells) for result in contents.tables), default=1)
    counts = Counter(outcome(cell) for result in contents.tables for cell in result.cells)
    number, sentence = _of_cells(counts) if counts else _of_comparisons(contents.comparisons)
    scales = {result.scale for result in contents.tables} | {findings.scale for findings in contents.comparisons}
    replaced = bool(counts["stand-in"]) or any(findings.is_stand_in for findings in contents.comparisons)
    return Headline(
        number=number,
        sentence=sentence,
        cautions=[
            CAUTIONS[name] for name in ("stand-in", "smoke") if (replaced if name == "stand-in" else name in scales)
        ],
        bars=[_table_bar(result, most, anchors) for result in contents.tables]
        + [_comparison_bar(findings, anchors) for findings in contents.comparisons],
        key=_parts(counts),
    )


def _parts(counts: Mapping[str, int]) -> list[Part]:
    total = sum(counts.values())
    return [
        Part(name, words, counts[name], round(100 * counts[name] / total, 2))
        for name, words in OUTCOMES.items()
        if counts.get(name)
    ]


def _of_cells(counts: Mapping[str, int]) -> tuple[str, str]:
    total = sum(counts.values())
    judged = counts["consistent"] + counts["better"] + counts["worse"]
    elsewhere = counts["stand-in"] + counts["deviating"]
    if judged:
        others = [f"{counts[name]} {_verb(counts[name])} {name}" for name in ("better", "worse") if counts[name]]
        if counts["unjudged"]:
            others.append(f"{counts['unjudged']} more cannot be judged yet")
        sentence = f"{'number' if judged == 1 else 'numbers'} measured as published "
        sentence += f"{'agrees' if counts['consistent'] == 1 else 'agree'} with the paper"
        return f"{counts['consistent']} of {judged}", "; ".join([sentence, *others]) + "."
    if counts["unjudged"]:
        return (
            f"{counts['unjudged']} of {total}",
            f"numbers {_verb(counts['unjudged'])} measured as published; none can be judged yet, which takes "
            f"{SEEDS_FOR_A_VERDICT} seeds and a printed number.",
        )
    if elsewhere:
        done = "all" if elsewhere == total else str(elsewhere)
        places = [
            words for name, words in (("stand-in", "on stand-ins"), ("deviating", "in other settings")) if counts[name]
        ]
        return f"0 of {total}", f"numbers are reproduced as published; {done} are measured {' and '.join(places)}."
    return f"0 of {total}", "numbers are measured yet."


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _of_comparisons(comparisons: Sequence[Findings]) -> tuple[str, str]:
    duels = [duel for findings in comparisons for duel in findings.duels]
    shown = sum(duel.judgement in ("better", "worse") for duel in duels)
    tested = sum(duel.paired is not None for duel in duels)
    if not tested:
        return f"0 of {len(duels)}", "differences can be tested yet: that takes two finished seeds of both sides."
    noun = "difference is" if tested == 1 else f"differences {_verb(shown)}"
    return f"{shown} of {tested}", f"{noun} shown; what is not shown may still be there."


def _table_bar(result: TableResult, most: int, anchors: Anchors) -> Bar:
    parts = _parts(Counter(outcome(cell) for cell in result.cells))
    return Bar(
        name=result.table.name,
        title=result.table.title,
        scale=result.scale,
        anchor=anchors.of("table", result.slug),
        parts=parts,
        width=round(100 * len(result.cells) / most, 2),
        words=f"{len(result.cells)} cells: " + ", ".join(f"{part.count} {part.words}" for part in parts),
    )


def _comparison_bar(findings: Findings, anchors: Anchors) -> Bar:
    rivals = ", ".join(contender.label for contender in findings.contenders[1:])
    return Bar(
        name=f"{findings.candidate.label} against {rivals}",
        title=f"Comparison on {findings.ran_as}",
        scale=findings.scale,
        anchor=anchors.of("comparison", findings.name),
        parts=[],
        width=0,
        words=" ".join(_of_comparisons([findings])),
    )


def counts_as_data(results: Sequence[TableResult]) -> list[dict[str, object]]:
    """How many cells of each table are what, for `--json`."""
    lines: list[dict[str, object]] = []
    for result in results:
        counts = Counter(outcome(cell) for cell in result.cells)
        as_published = sum(counts[name] for name in ("consistent", "better", "worse", "unjudged"))
        lines.append(
            {"table": result.table.name, "scale": result.scale, "cells": len(result.cells), "as_published": as_published,
             "deviating": counts["deviating"], "stand_in": counts["stand-in"]}
        )  # fmt: skip
    return lines
