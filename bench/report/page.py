"""The report: one self-contained HTML file, made from a results root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench import __version__
from bench.base.errors import UsageError
from bench.base.home import Home
from bench.base.leftovers import remove_unfinished
from bench.base.storage import write_text
from bench.report.anchors import Anchors
from bench.report.compared import comparison_section
from bench.report.contents import Contents, read_contents
from bench.report.curves import curves_drawers
from bench.report.figures import Figures
from bench.report.headline import counts_as_data, headline
from bench.report.overview import overview, shown_runs
from bench.report.pictures import Pictures
from bench.report.run_material import RunMaterial
from bench.report.sections import table_section
from bench.report.wording import DEVIATING_WORDS, VERDICT_WORDS
from results.tables.comparable import DEVIATING_MARK, VERDICT_MARKS


@dataclass(frozen=True)
class Written:
    """A written report: where, how large, and counts for `--json`."""

    path: Path
    size: int
    data: dict[str, Any]


def write_report(
    home: Home,
    output: Path,
    names: Sequence[str] = (),
    scale: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write the report of a results root.

    Args:
        home: the results root.
        output: the HTML file.
        names: tables and comparisons to show; none: all.
        scale: those of this scale only; None: of every scale.
        say: called with a line before each slow part.

    Returns:
        What was written; the same inputs give the same bytes.

    Raises:
        UsageError: if there is nothing to show, for an unknown name, or if `output` is a folder.
        BenchError: if every file is damaged, or if `output` cannot be written.
    """
    if output.is_dir():
        raise UsageError(f"--output {output}: is a folder; name a file in it, for example {output / 'report.html'}")
    remove_unfinished(output)
    contents = read_contents(home, names, scale)
    text, data = render(home, contents, everything=not names and scale is None, say=say)
    write_text(output, text, "--output")
    return Written(output, len(text.encode()), data)


def render(
    home: Home, contents: Contents, everything: bool, say: Callable[[str], None] = lambda _: None
) -> tuple[str, dict[str, Any]]:
    """Put the page together.

    Args:
        home: whose run folders are read.
        contents: what is shown.
        everything: count every run of the results root, not only those that the contents refer to.
        say: called with a line before each slow part.

    Returns:
        The HTML and the counts.
    """
    anchors, pictures, figures = Anchors(), Pictures(), Figures()
    material = RunMaterial(home, pictures, figures)
    referred = shown_runs(contents)
    keys = sorted({*referred, *(folder.key for folder in home.runs())}) if everything else referred
    view = overview(home, contents, keys, anchors)
    material.listed = {run.key for run in view.runs}
    tables = [table_section(result, anchors, material, say) for result in contents.tables]
    comparisons = [comparison_section(findings, anchors, material, say) for findings in contents.comparisons]
    marks = [(mark, verdict, VERDICT_WORDS[verdict]) for verdict, mark in VERDICT_MARKS.items()]
    text = _environment().get_template("report.html.jinja").render(
        version=__version__,
        headline=headline(contents, anchors),
        view=view,
        tables=tables,
        comparisons=comparisons,
        marks=[*marks, (DEVIATING_MARK, "deviating", DEVIATING_WORDS)],
        curves=curves_drawers([*tables, *comparisons]),
        pictures=pictures.store(),
    )  # fmt: skip
    return text, {
        "runs": dict(view.states),
        "problems": view.problems,
        "tables": counts_as_data(contents.tables),
        "comparisons": [findings.name for findings in contents.comparisons],
    }


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bench.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
