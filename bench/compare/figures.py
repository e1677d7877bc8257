"""A comparison's figures: scores and paired differences with their intervals, and training curves over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.compare.findings import ContenderFindings, Duel, Findings
from bench.home import Home
from bench.ledger import read_metrics, scores_frame
from bench.spec import read_spec
from bench.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")  # with the colours: nothing is told by colour alone
DASHES = ("-", "--", "-.", ":")
WIDTH = 9.0  # inches
COLUMNS = 3
CURVE_POINTS = 100  # a curve of more logged rows is averaged down to about this many
TOO_FAR_APART = 6.0  # of typical losses on one linear axis
MOST_DECADES = 1000.0  # on a logarithmic one, where a loss near zero would press everything flat in turn
FORMATS = ("png", "svg")


def write_figures(findings: Findings, home: Home, folder: Path) -> list[Path]:
    """Draw both figures, each as PNG and SVG.

    Args:
        findings: the comparison.
        home: whose run folders hold the losses.
        folder: where the files go.

    Returns:
        The files; none if nothing is measured yet.
    """
    import matplotlib as mpl
    import seaborn as sns

    paths: list[Path] = []
    style = sns.axes_style("ticks") | sns.plotting_context("paper", font_scale=1.1)
    # fixed salt and no date: the same data gives the same SVG
    with mpl.rc_context(
        {**style, "font.family": "DejaVu Sans", "svg.hashsalt": "contrastbench", "svg.fonttype": "none"}
    ):
        if findings.metrics:
            paths += _save(_intervals(findings), folder / "intervals")
        curves = _curves(findings, home)
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


def _figure(rows: int, columns: int, height: float, ratios: Sequence[float] | None = None) -> tuple[Figure, Any]:
    """A figure apart from pyplot, which would ask for a display and keep every figure in memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"width_ratios": ratios} if ratios else None)
    return figure, axes


def _colours(count: int) -> list[Any]:
    import seaborn as sns

    return list(sns.color_palette("colorblind", count))


def _intervals(findings: Findings) -> Figure:
    """Per metric, left the scores of every seed with mean and interval, right candidate minus each other one."""
    contenders = findings.contenders
    each = 0.55 + 0.3 * len(contenders)
    figure, axes = _figure(len(findings.metrics), 2, 1.0 + each * len(findings.metrics), [1.15, 1])
    for row, (metric, higher) in enumerate(findings.metrics.items()):
        direction = "higher is better" if higher else "lower is better"
        _draw_scores(axes[row][0], findings, metric)
        axes[row][0].set_title(f"{metric} ({direction})", loc="left", fontweight="bold")
        _draw_differences(axes[row][1], [duel for duel in findings.duels if duel.metric == metric], len(contenders))
    axes[0][1].set_title(f"{findings.candidate.label} minus the other", loc="left", fontweight="bold")
    figure.supxlabel(
        "left: one mark a seed, upright bar: mean, line: its 95 % interval\n"
        "right: paired difference and its 95 % interval; grey: differences too small for these seeds to show",
        fontsize="small",
        color="0.3",
    )
    return figure


def _draw_scores(axis: Axes, findings: Findings, metric: str) -> None:
    colours = _colours(len(findings.contenders))
    for place, contender in enumerate(findings.contenders):
        measured = contender.scores.get(metric, {}).get(findings.counts)
        if measured is None:
            continue
        values = list(measured.values.values())
        colour, marker = colours[place], MARKERS[place % len(MARKERS)]
        axis.plot(values, [place] * len(values), marker, color=colour, alpha=0.55, markersize=5, linestyle="none")
        mean = sum(values) / len(values)
        if measured.interval is not None and measured.interval.kind == "seeds":
            axis.plot([measured.interval.low, measured.interval.high], [place, place], "-", color=colour, linewidth=2)
        axis.plot([mean, mean], [place - 0.28, place + 0.28], "-", color=colour, linewidth=3)
    _rows_named(axis, [contender.label for contender in findings.contenders])


def _draw_differences(axis: Axes, duels: Sequence[Duel], lines: int) -> None:
    """On the same lines as the scores to the left, so that each difference stands beside its contender."""
    colours = _colours(lines)
    axis.axvline(0, color="0.2", linewidth=1)
    axis.use_sticky_edges = False  # grey bars keep away from the frame
    for place, duel in enumerate(duels, start=1):
        if duel.paired is None:
            continue
        paired, colour = duel.paired, colours[place]
        axis.barh(place, 2 * paired.detectable, left=-paired.detectable, height=0.62, color="0.9", zorder=0)
        axis.plot([paired.interval.low, paired.interval.high], [place, place], "-", color=colour, linewidth=2)
        axis.plot(paired.difference, place, MARKERS[place % len(MARKERS)], color=colour, markersize=7)
    _rows_named(axis, ["", *(f"− {duel.rival}" for duel in duels)])


def _rows_named(axis: Axes, labels: Sequence[str]) -> None:
    axis.set_yticks([place for place, label in enumerate(labels) if label], [label for label in labels if label])
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=6)


def _curves(findings: Findings, home: Home) -> Figure | None:
    """The losses that the candidate logs, and the score that chooses checkpoints, against the images seen."""
    losses = {contender.label: _losses(contender, home) for contender in findings.contenders}
    candidate = losses[findings.candidate.label]
    if candidate.empty:
        return None
    names = [name for name in candidate.columns if name not in ("seed", "images")]
    scores = {contender.label: _score_curve(contender, findings, home) for contender in findings.contenders}
    panels = [*names, *(metric for metric in findings.metrics if any(not s.empty for s in scores.values()))]
    rows = -(-len(panels) // COLUMNS)
    figure, axes = _figure(rows, COLUMNS, 0.6 + 2.0 * rows)
    flat = list(axes.flat)
    for axis, name in zip(flat, panels, strict=False):
        source = losses if name in names else scores
        for place, contender in enumerate(findings.contenders):
            _draw_curve(axis, source[contender.label], name, place, len(findings.contenders), contender.label)
        _scale(axis, name in names)
        score = "" if name in names else " ↑" if findings.metrics[name] else " ↓"
        axis.set_title(name + score, loc="left", fontweight="bold")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in flat[len(panels) :]:
        axis.set_visible(False)
    handles, labels = flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.supxlabel(
        "images seen   ·   line: mean over seeds, band: smallest to largest", fontsize="small", color="0.3"
    )
    return figure


def _heights(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), dtype=float)


def _scale(axis: Axes, is_loss: bool) -> None:
    """From the first image on; logarithmic where one contender's loss would press the others flat."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    curves = [heights for heights in map(_heights, axis.lines) if len(heights)]
    typical = sorted(float(np.median(heights)) for heights in curves)
    apart = is_loss and len(typical) > 1 and typical[0] > 0 and typical[-1] / typical[0] > TOO_FAR_APART
    if apart and min(heights.min() for heights in curves) * MOST_DECADES > max(heights.max() for heights in curves):
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_minor_formatter(NullFormatter())
    else:
        axis.locator_params(axis="y", nbins=5)
    axis.set_xlim(left=0)
    axis.locator_params(axis="x", nbins=5)
    axis.ticklabel_format(axis="x", style="sci", scilimits=(0, 4))


def _losses(contender: ContenderFindings, home: Home) -> pd.DataFrame:
    """Every logged loss: one row per seed and moment, in images seen, so that batch sizes do not matter."""
    frames = []
    for seed, key in contender.train_keys.items():
        frame = read_metrics(home.run(key))
        if frame.empty:
            continue
        width = max(1, len(frame) // CURVE_POINTS)
        frame = (
            frame.drop(columns="epoch")
            .groupby(frame.index // width)
            .agg({name: "max" if name == "step" else "mean" for name in frame.columns if name != "epoch"})
        )
        frame["images"] = frame.pop("step") * int(contender.config.get("batch_size", 1))
        frames.append(frame.assign(seed=seed))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _score_curve(contender: ContenderFindings, findings: Findings, home: Home) -> pd.DataFrame:
    """Every metric on the test images at every scored checkpoint."""
    rows: list[dict[str, Any]] = []
    for seed, key in contender.train_keys.items():
        folder = home.run(key)
        logged = read_metrics(folder)
        if logged.empty:
            continue
        batch = int(contender.config.get("batch_size", 1))
        last = {int(epoch): int(step) * batch for epoch, step in zip(logged["epoch"], logged["step"], strict=True)}
        spec = read_spec(folder.spec)
        scores = scores_frame(folder, spec, ("test",))
        done = scores[(scores["split"] == "test") & (scores["state"] == "done") & scores["epoch"].isin(list(last))]
        rows += [
            {"seed": seed, "images": last[epoch], metric: value}
            for epoch, metric, value in zip(done["epoch"], done["metric"], done["value"], strict=True)
            if metric in findings.metrics
        ]
    return pd.DataFrame(rows).groupby(["seed", "images"], as_index=False).first() if rows else pd.DataFrame()


def _draw_curve(axis: Axes, frame: pd.DataFrame, name: str, place: int, count: int, label: str) -> None:
    if name not in frame:
        axis.plot([], [], color=_colours(count)[place], linestyle=DASHES[place % len(DASHES)], label=label)
        return
    found = frame[["images", name]].dropna().groupby("images")[name].agg(["mean", "min", "max"])
    colour = _colours(count)[place]
    marker = MARKERS[place % len(MARKERS)] if len(found) <= 8 else None
    axis.plot(
        found.index, found["mean"], color=colour, linestyle=DASHES[place % len(DASHES)], marker=marker, label=label,
        linewidth=1.6, markersize=5,
    )  # fmt: skip
    axis.fill_between(found.index, found["min"], found["max"], color=colour, alpha=0.18, linewidth=0)
