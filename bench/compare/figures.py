"""A comparison's figures: scores and paired differences with their intervals, and training curves over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from pydantic import ValidationError

from bench.base.errors import BenchError
from bench.base.hashing import file_sha256
from bench.base.home import Home
from bench.base.regular import read_regular
from bench.base.storage import write_atomically, write_text
from bench.base.validation import Strict
from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.compare.headlines import short
from bench.ledger.folders import metric_rows
from bench.schema.run_spec import code_hash, digest
from bench.show.curves import Series, loss_curves, score_curves
from bench.show.curves import curves_figure as draw_curves
from bench.show.drawing import colours, marker, name_rows, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.0  # inches
FORMATS = ("png", "svg")
MAX_BYTES = 1 << 20  # of figures.json


class Drawn(Strict):
    """What figures were drawn from.

    Attributes:
        source: hash of the data and of the code.
        files: sha256 of each figure by its name, in the order of drawing.
    """

    source: str
    files: dict[str, str]

    def stands(self, source: str, folder: Path) -> bool:
        """Whether the figures in a folder are these, whole, and show this data."""
        if any(Path(name).name != name for name in self.files):
            return False
        paths = {folder / name: sha256 for name, sha256 in self.files.items()}
        return self.source == source and all(p.is_file() and file_sha256(p) == sha256 for p, sha256 in paths.items())


def write_figures(findings: Findings, home: Home, folder: Path) -> list[Path]:
    """Draw both figures, each as PNG and SVG, unless they show the same data already: drawing takes seconds.

    Args:
        findings: the comparison.
        home: whose run folders hold the losses.
        folder: where the files go.

    Returns:
        The files; none if nothing is measured yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "figures.json"
    with FileLock(folder / ".figures.lock"):  # several identical commands end at the same time
        source = _source(findings, home)
        if (drawn := _read(record)) is not None and drawn.stands(source, folder):
            return [folder / name for name in drawn.files]
        paths = _draw(findings, home, folder)
        drawn = Drawn(source=source, files={path.name: file_sha256(path) for path in paths})
        write_text(record, drawn.model_dump_json(indent=1))
    return paths


def _read(record: Path) -> Drawn | None:
    try:
        return Drawn.model_validate_json(read_regular(record, MAX_BYTES), strict=True)
    except (OSError, ValidationError):
        return None


def _source(findings: Findings, home: Home) -> str:
    """A hash of everything that the figures are made from."""
    runs = [home.run(key) for contender in findings.contenders for key in contender.train_keys.values()]
    files = [path for run in runs for path in (run.metrics, *sorted(run.scores.glob("*.json"))) if path.is_file()]
    hashes = [[path.parent.name, path.name, file_sha256(path)] for path in files]
    return digest([code_hash(), findings.model_dump(mode="json"), hashes])


def _draw(findings: Findings, home: Home, folder: Path) -> list[Path]:
    paths: list[Path] = []
    with style():
        forest = forest_figure(findings)
        if forest is not None:
            paths += _save(forest, folder / "forest")
        if findings.metrics:
            paths += _save(intervals_figure(findings), folder / "intervals")
        curves = curves_figure(findings, home)
        if curves is not None:
            paths += _save(curves, folder / "curves")
    return paths


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = [stem.with_suffix(f".{kind}") for kind in FORMATS]
    for path, kind in zip(paths, FORMATS, strict=True):
        metadata = {"Date": None} if kind == "svg" else {}

        def write(temporary: Path, kind: str = kind, metadata: dict[str, Any] = metadata) -> None:
            figure.savefig(temporary, format=kind, dpi=160, metadata=metadata)

        write_atomically(path, write)
    return paths


def forest_figure(findings: Findings) -> Figure | None:
    """By the metric that selects: every paired difference with its interval, its seeds, and the corrected interval.

    Returns:
        The figure; None if no two contenders have two seeds in common.
    """
    metric = findings.main_metric
    tested = [duel for duel in findings.duels if duel.metric == metric and duel.paired is not None]
    if metric is None or not tested:
        return None
    figure, axes = new_figure(WIDTH, 1.5 + 0.42 * len(tested))
    axis = axes[0][0]
    axis.axvline(0, color="0.2", linewidth=1)
    places = {contender.label: place for place, contender in enumerate(findings.contenders)}
    palette = colours(len(places))
    for row, duel in enumerate(tested):
        assert duel.paired is not None  # chosen so
        paired, place = duel.paired, places[duel.rival]
        if duel.corrected is not None and findings.corrected_for > 1:
            axis.plot([duel.corrected.low, duel.corrected.high], [row, row], "-", color="0.65", linewidth=1)
        axis.plot([paired.interval.low, paired.interval.high], [row, row], "-", color=palette[place], linewidth=3)
        seeds = list(paired.differences)
        axis.plot(seeds, [row + 0.26] * len(seeds), ".", color="0.35", markersize=5)
        axis.plot(paired.difference, row, marker(place), color=palette[place], markersize=8)
    name_rows(axis, [f"{duel.candidate} − {duel.rival}" for duel in tested])
    _between(axis, [limit for duel in tested for limit in _shown_range(duel)])
    better = "right" if findings.metrics[metric] else "left"
    axis.set_title(f"{short(metric)}: difference, better to the {better}", loc="left", fontweight="bold")
    corrected = (
        f", thin line: the interval that holds together with those of all {findings.corrected_for} comparisons"
        if findings.corrected_for > 1
        else ""
    )
    figure.supxlabel(
        f"mark: mean of the paired differences, thick line: its 95 % interval{corrected}\ndots below: seeds",
        fontsize="small",
        color="0.3",
    )
    return figure


def _shown_range(duel: Duel) -> tuple[float, ...]:
    """What has to be in the picture of a duel; its corrected interval may lead out of it."""
    assert duel.paired is not None  # the caller has looked
    return 0.0, duel.paired.interval.low, duel.paired.interval.high, *duel.paired.differences


def _between(axis: Axes, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 1.0
    axis.set_xlim(low - margin, high + margin)


def intervals_figure(findings: Findings) -> Figure:
    """Per metric, left the scores of every seed with mean and interval, right candidate minus each other one."""
    contenders = findings.contenders
    each = 0.55 + 0.3 * len(contenders)
    figure, axes = new_figure(WIDTH, 1.0 + each * len(findings.metrics), len(findings.metrics), 2, [1.15, 1])
    for row, (metric, higher) in enumerate(findings.metrics.items()):
        direction = "higher is better" if higher else "lower is better"
        _draw_scores(axes[row][0], findings, metric)
        axes[row][0].set_title(f"{metric} ({direction})", loc="left", fontweight="bold")
        _draw_differences(axes[row][1], findings, metric)
    axes[0][1].set_title(f"{findings.candidate.label} minus the other", loc="left", fontweight="bold")
    figure.supxlabel(
        "left: one mark a seed, upright bar: mean, line: its 95 % interval\n"
        "right: paired difference and its 95 % interval; grey: differences too small for these seeds to show",
        fontsize="small",
        color="0.3",
    )
    return figure


def _draw_scores(axis: Axes, findings: Findings, metric: str) -> None:
    palette = colours(len(findings.contenders))
    for place, contender in enumerate(findings.contenders):
        measured = contender.scores.get(metric, {}).get(findings.counts)
        if measured is None:
            continue
        values = list(measured.values.values())
        colour = palette[place]
        axis.plot(
            values, [place] * len(values), marker(place), color=colour, alpha=0.55, markersize=5, linestyle="none"
        )
        mean = sum(values) / len(values)
        if measured.interval is not None and measured.interval.kind == "seeds":
            axis.plot([measured.interval.low, measured.interval.high], [place, place], "-", color=colour, linewidth=2)
        axis.plot([mean, mean], [place - 0.28, place + 0.28], "-", color=colour, linewidth=3)
    name_rows(axis, [contender.label for contender in findings.contenders])


def _draw_differences(axis: Axes, findings: Findings, metric: str) -> None:
    """The first candidate's, on the same lines as the scores to the left: each difference stands beside its contender."""
    palette = colours(len(findings.contenders))
    names = {contender.label: "" for contender in findings.contenders}
    places = {label: place for place, label in enumerate(names)}
    duels = [d for d in findings.duels if (d.metric, d.candidate) == (metric, findings.candidate.label)]
    axis.axvline(0, color="0.2", linewidth=1)
    axis.use_sticky_edges = False  # grey bars keep away from the frame
    for duel in duels:
        place = places[duel.rival]
        names[duel.rival] = f"− {duel.rival}"
        if duel.paired is None:
            continue
        paired, colour = duel.paired, palette[place]
        if paired.detectable is not None:
            axis.barh(place, 2 * paired.detectable, left=-paired.detectable, height=0.62, color="0.9", zorder=0)
        axis.plot([paired.interval.low, paired.interval.high], [place, place], "-", color=colour, linewidth=2)
        axis.plot(paired.difference, place, marker(place), color=colour, markersize=7)
    name_rows(axis, list(names.values()))


def curves_figure(findings: Findings, home: Home) -> Figure | None:
    """The losses that the candidate logs, and the score that chooses checkpoints, against the images seen."""
    series = [_series(contender, home) for contender in findings.contenders]
    if not series[0].loss_names:
        return None
    figure = draw_curves(series, series[0].loss_names, findings.metrics, WIDTH)
    assert figure is not None  # there are losses to draw
    figure.supxlabel(
        "images seen   ·   line: mean over seeds, band: smallest to largest", fontsize="small", color="0.3"
    )
    return figure


def _series(contender: ContenderFindings, home: Home) -> Series:
    """A contender's curves, of those of its runs whose records are what was written; its problems name the others."""
    batch, keys = batch_size(contender), {}
    for seed, key in contender.train_keys.items():
        with suppress(BenchError):
            metric_rows(home.run(key))
            keys[seed] = key
    return Series(contender.label, loss_curves(home, keys, batch), score_curves(home, keys, batch))


def batch_size(contender: ContenderFindings) -> int:
    """Images in one step of a contender's training."""
    return int(contender.config.get("batch_size", 1))
