"""What runs logged while they trained: losses and test scores against the images seen, several seeds as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.base.home import Home
from bench.ledger.folders import metric_rows, read_metrics, run_scores
from bench.schema.run_spec import read_spec
from bench.show.drawing import colours, dash, marker, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_ARROWS = {True: "↑", False: "↓", None: "→"}
CURVE_POINTS = 100  # a curve of more logged rows is averaged down to about this many
COLUMNS = 3
LEGEND_LINE = 120  # characters
MARKED_POINTS = 8  # with more, markers would cover the line
TOO_FAR_APART = 6.0  # ratio of typical losses from which on the axis is logarithmic
MOST_DECADES = 1000.0  # largest ratio on a logarithmic axis; a loss near zero would flatten all others


@dataclass(frozen=True)
class Series:
    """One method's curves: frames of `loss_curves` and `score_curves`."""

    label: str
    losses: pd.DataFrame
    scores: pd.DataFrame

    @property
    def loss_names(self) -> list[str]:
        """The losses that it logs."""
        return [name for name in self.losses.columns if name not in ("seed", "images")]


def curves_figure(
    series: Sequence[Series],
    losses: Sequence[str],
    metrics: Mapping[str, bool | None],
    width: float,
    columns: int = COLUMNS,
    scores_against: str = "images",
) -> Figure | None:
    """Draw a panel per loss and per metric, all series in each.

    Args:
        series: in the order of the legend, which a single one does not need.
        losses: which to draw, against the images seen.
        metrics: metric -> whether higher is better, None for neither; those that no series has are left out.
        width: in inches.
        columns: panels beside each other.
        scores_against: `images` or `epoch`.

    Returns:
        The figure, None if there is nothing to draw.
    """
    scored = [metric for metric in metrics if any(metric in curves.scores for curves in series)]
    panels = [*losses, *scored]
    if not panels:
        return None
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    alone = len(series) == 1
    labels = [curves.label for curves in series]
    more_legend = 0.2 * (-(-len(labels) // _legend_columns(labels)) - 1)  # inches
    figure, axes = new_figure(width, 0.6 + 2.0 * rows + more_legend, rows, columns, arranged=not alone)
    if alone:
        _make_room(figure)
    flat = list(axes.flat)
    for place, (axis, name) in enumerate(zip(flat, panels, strict=False)):
        is_loss = place < len(losses)
        against = "images" if is_loss else scores_against
        for number, curves in enumerate(series):
            draw_curve(
                axis, curves.losses if is_loss else curves.scores, name, number, len(series), curves.label, against
            )
        scale_axes(axis, is_loss)
        short = name.rpartition(":")[2]  # of a user's FILE.py:Class the class
        axis.set_title(short if is_loss else f"{short} {_ARROWS[metrics[name]]}", loc="left", fontweight="bold")
        axis.spines[["top", "right"]].set_visible(False)
        if scores_against != "images":
            axis.set_xlabel("images seen" if is_loss else against, fontsize="small")
    for axis in flat[len(panels) :]:
        axis.set_visible(False)
    if not alone:
        handles, labels = flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=_legend_columns(labels), frameon=False)
    return figure


def _legend_columns(labels: Sequence[str]) -> int:
    """As many as fit beside each other: a line holds about LEGEND_LINE characters, a label's handle and gap take 9."""
    return max(1, min(len(labels), 6, LEGEND_LINE // (9 + max(map(len, labels)))))


def _make_room(figure: Figure) -> None:
    """Fixed room for tick labels and titles around every panel."""
    width, height = figure.get_size_inches()
    left, right, top, bottom, between, above = 0.55, 0.12, 0.3, 0.5, 0.6, 0.75  # inches
    grid = figure.axes[0].get_subplotspec()
    assert grid is not None  # panels are made as a grid
    rows, columns = grid.get_gridspec().get_geometry()
    inner = (width - left - right - between * (columns - 1)) / columns
    tall = (height - top - bottom - above * (rows - 1)) / rows
    figure.subplots_adjust(
        left / width, bottom / height, 1 - right / width, 1 - top / height, between / inner, above / tall
    )


def loss_curves(home: Home, train_keys: Mapping[int, str], batch_size: int, points: int = CURVE_POINTS) -> pd.DataFrame:
    """Every logged loss of a method's runs.

    Args:
        home: whose run folders hold them.
        train_keys: seed -> run.
        batch_size: of its training, at least 1.
        points: about how many a curve may have.

    Returns:
        A row per seed and moment: `seed`, `images` (seen, so that batch sizes do not matter), and a column per loss.
    """
    import pandas as pd

    frames = []
    for seed, key in train_keys.items():
        folder = home.run(key)
        frame = read_metrics(folder)
        if frame.empty:
            continue
        frame = _averaged(frame.drop(columns="epoch"), max(1, len(frame) // points))
        frame["images"] = frame.pop("step") * batch_size
        frames.append(frame.assign(seed=seed))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _averaged(frame: pd.DataFrame, width: int) -> pd.DataFrame:
    """The mean of each so many rows, of steps the last; grouping single rows takes as long as drawing them."""
    means = {name: "max" if name == "step" else "mean" for name in frame.columns}
    if width == 1:
        return frame.astype({name: float for name, how in means.items() if how == "mean"})
    return frame.groupby(frame.index // width).agg(means)


def score_curves(home: Home, train_keys: Mapping[int, str], batch_size: int) -> pd.DataFrame:
    """Every metric on the test images at every scored checkpoint.

    Args:
        home: whose run folders hold the scores.
        train_keys: seed -> run.
        batch_size: of its training, at least 1.

    Returns:
        A row per seed and checkpoint: `seed`, `images`, `epoch`, and a column per metric.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for seed, key in train_keys.items():
        folder = home.run(key)
        images_at = {int(row["epoch"]): int(row["step"]) * batch_size for row in metric_rows(folder)}
        if not images_at:
            continue
        rows += [
            {"seed": seed, "images": images_at[score.epoch], "epoch": score.epoch, score.metric: score.value}
            for score in run_scores(folder, read_spec(folder.spec), ("test",))
            if score.split == "test" and score.state == "done" and score.epoch in images_at
        ]
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).groupby(["seed", "images", "epoch"], as_index=False).first()


def draw_curve(axis: Axes, frame: pd.DataFrame, name: str, place: int, count: int, label: str, against: str) -> None:
    """Draw one column of a frame: a line through the mean over seeds, a band from the smallest to the largest.

    Args:
        axis: where to.
        frame: from `loss_curves` or `score_curves`; where it has no such column only the legend gets an entry.
        name: the column.
        place: which series this is; decides colour, dashes and marker.
        count: how many series there are.
        label: of the legend.
        against: the column of the horizontal axis.
    """
    colour = colours(count)[place]
    if name not in frame:
        axis.plot([], [], color=colour, linestyle=dash(place), label=label)
        return
    over_seeds = frame[[against, name]].dropna().groupby(against)[name].agg(["mean", "min", "max"])
    shape = marker(place) if len(over_seeds) <= MARKED_POINTS else None
    axis.plot(
        over_seeds.index, over_seeds["mean"], color=colour, linestyle=dash(place), marker=shape, label=label,
        linewidth=1.6, markersize=5,
    )  # fmt: skip
    if (over_seeds["min"] < over_seeds["max"]).any():  # one seed has no band
        band = over_seeds["min"], over_seeds["max"]
        axis.fill_between(over_seeds.index, *band, color=colour, alpha=0.18, linewidth=0)


def scale_axes(axis: Axes, is_loss: bool) -> None:
    """Start at image 0; logarithmic where one method's loss would flatten the others."""
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


def _heights(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), dtype=float)
