"""The section of a comparison: its numbers, samples, intervals and curves, and who was compared."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

from bench.compare.document import lay_out
from bench.compare.figures import curves_figure, forest_figure, intervals_figure
from bench.compare.findings import ContenderFindings, Findings
from bench.report.anchors import Anchors
from bench.report.contender_evidence import ContenderEvidence, contender_evidences
from bench.report.downloads import Download, downloads
from bench.report.figures import StoredFigure
from bench.report.grids import Places, TableGrid, grid
from bench.report.run_material import RunMaterial, SampleGrid
from bench.report.sections import Plot
from results.tables.document import Block
from results.tables.writers.latex import latex


@dataclass(frozen=True)
class ContenderRow:
    """One contender of a comparison: its method, how it differs from the others, and its runs with their anchors."""

    label: str
    method: str
    differences: list[str]
    deviations: list[str]
    problems: list[str]
    runs: list[tuple[int, str, str]]


@dataclass(frozen=True)
class ComparisonSection:
    """One comparison made with `contrastbench compare`."""

    anchor: str
    name: str
    scale: str
    title: str
    source: str
    headlines: tuple[str, ...]
    forest: Plot | None
    grids: list[TableGrid]
    details: list[TableGrid]
    paragraphs: tuple[str, ...]
    downloads: list[Download]
    intervals: list[Plot]
    curves: list[Plot]
    samples: SampleGrid
    missing: list[str]
    contenders: list[ContenderRow]
    evidences: list[ContenderEvidence]


def comparison_section(
    findings: Findings, anchors: Anchors, material: RunMaterial, say: Callable[[str], None]
) -> ComparisonSection:
    """Everything that the page has of one comparison.

    Args:
        findings: the comparison.
        anchors: gives names.
        material: reads runs and keeps what is drawn.
        say: called with a line before each slow part.
    """
    say(f"comparison {findings.name}")
    document = lay_out(findings)
    placed: set[tuple[str, str]] = set()

    def origin(place: tuple[str, str]) -> str:
        if place in placed:
            return ""
        placed.add(place)
        return anchors.of("at", "comparison", findings.name, *place)

    places = Places(lambda _: "", lambda place: anchors.of("evidence", findings.name, *place), origin)

    def laid(block: Block) -> TableGrid:
        return grid(block, anchors.of("block", "comparison", findings.name, block.title), places)

    curves, missing = _curves(findings, material)
    first = {
        contender.label: contender.train_keys[min(contender.train_keys)]
        for contender in findings.contenders
        if contender.train_keys
    }
    return ComparisonSection(
        anchor=anchors.of("comparison", findings.name),
        name=findings.name,
        scale=findings.scale,
        title=document.title,
        source=document.source,
        headlines=document.lead,
        forest=_forest(findings, material),
        grids=[laid(block) for block in document.blocks if not block.is_detail],
        details=[laid(block) for block in document.blocks if block.is_detail],
        paragraphs=document.paragraphs,
        downloads=downloads(
            findings.name,
            {
                "CSV": (".csv", scores_csv(findings)),
                "TeX": (".tex", latex(document)),
                "JSON": (".json", findings.model_dump_json(indent=1)),
            },
        ),
        intervals=_intervals(findings, material),
        curves=curves,
        samples=material.samples(findings.ran_as, first),
        missing=missing,
        contenders=[_contender(contender, anchors, material) for contender in findings.contenders],
        evidences=contender_evidences(findings, anchors, material),
    )


def scores_csv(findings: Findings) -> str:
    """Every value of a comparison: a line per contender, metric, checkpoint rule and seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["contender", "metric", "checkpoint", "counts", "seed", "value"])
    for contender in findings.contenders:
        for metric, rules in contender.scores.items():
            for rule, measured in rules.items():
                for seed, value in sorted(measured.values.items()):
                    writer.writerow([contender.label, metric, rule, rule == findings.counts, seed, value])
    return text.getvalue()


def _forest(findings: Findings, material: RunMaterial) -> Plot | None:
    """The figure that answers; None where no two contenders have two seeds in common."""
    about = f"Paired differences of {_labels(findings)} by {findings.main_metric}"
    shows = findings.model_dump(mode="json")
    drawn = material.figures.add(("forest", findings.name), shows, lambda: (forest_figure(findings), about))
    if not isinstance(drawn, StoredFigure):
        return None
    return Plot(drawn, "Differences", "With their 95 % intervals, by the metric that selects.")


def _intervals(findings: Findings, material: RunMaterial) -> list[Plot]:
    if not findings.metrics:
        return []
    about = f"Scores and paired differences of {_labels(findings)}"
    shows = findings.model_dump(mode="json")
    drawn = material.figures.add(("comparison", findings.name), shows, lambda: (intervals_figure(findings), about))
    assert not isinstance(drawn, str)  # there are metrics
    return [Plot(drawn, "Scores and paired differences", "With their 95 % intervals.")]


def _curves(findings: Findings, material: RunMaterial) -> tuple[list[Plot], list[str]]:
    """The figure, or why there is none."""
    about = f"Training curves of {_labels(findings)}"
    curves = material.figures.add(
        ("comparison curves", findings.name),
        material.shown({contender.label: contender.train_keys for contender in findings.contenders}),
        lambda: (curves_figure(findings, material.home), about),
    )
    if isinstance(curves, StoredFigure):
        return [Plot(curves, "Training losses and scores", "Against the images seen.")], []
    missing = [] if curves == about else [curves]  # a damaged run folder
    return [], [*missing, "no curves: the runs have logged nothing, or their folders are not in this results root"]


def _labels(findings: Findings) -> str:
    return ", ".join(contender.label for contender in findings.contenders)


def _contender(contender: ContenderFindings, anchors: Anchors, material: RunMaterial) -> ContenderRow:
    return ContenderRow(
        label=contender.chosen,
        method=contender.method,
        differences=[one.line for one in contender.differences],
        deviations=contender.deviations,
        problems=contender.problems,
        runs=[
            (seed, key, anchors.of("run", key) if key in material.listed else "")
            for seed, key in sorted(contender.train_keys.items())
        ],
    )
