"""How figures of this project look: style, colours with markers, named rows. Apart from pyplot, which asks for a display."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")  # beside the colours: colour is never the only cue
DASHES = ("-", "--", "-.", ":")
LABEL_WIDTH = 24  # characters


def style() -> AbstractContextManager[None]:
    """The style in which figures are drawn and saved; the same data gives the same SVG."""
    import matplotlib as mpl
    import seaborn as sns

    look = sns.axes_style("ticks") | sns.plotting_context("paper", font_scale=1.1)
    # a fixed salt: names inside an SVG are random otherwise
    fixed: dict[Any, Any] = {"font.family": "DejaVu Sans", "svg.hashsalt": "contrastbench", "svg.fonttype": "none"}
    # a label is a label, also with two dollar signs in it
    return mpl.rc_context({**look, **fixed, "text.parse_math": False})


def new_figure(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    ratios: Sequence[float] | None = None,
    arranged: bool = True,
) -> tuple[Figure, Any]:
    """A figure apart from pyplot, which would keep every figure in memory.

    Args:
        width: in inches.
        height: in inches.
        rows: of its grid of axes.
        columns: of its grid of axes.
        ratios: relative widths of the columns; None: equal.
        arranged: make room for what stands around the axes, which takes as long as drawing them.

    Returns:
        The figure and its axes, an array of shape (rows, columns).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained" if arranged else None)
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"width_ratios": ratios} if ratios else None)
    return figure, axes


def colours(count: int) -> list[Any]:
    """So many colours that people with any colour vision can tell apart; they repeat after ten."""
    import seaborn as sns

    return list(sns.color_palette("colorblind", count))


def marker(place: int) -> str:
    """The marker of the series at a place, beside its colour."""
    return MARKERS[place % len(MARKERS)]


def dash(place: int) -> str:
    """The line style of the series at a place, beside its colour."""
    return DASHES[place % len(DASHES)]


def wrapped(label: str) -> str:
    """A label on lines of at most `LABEL_WIDTH` characters, so that long ones leave room for what they name."""
    return "\n".join(wrap(label, LABEL_WIDTH)) or label


def name_rows(axis: Axes, labels: Sequence[str], ticks: int = 6) -> None:
    """Make an axis whose rows, from the top, have names; an empty name has no tick; at most so many ticks below."""
    named = {place: wrapped(label) for place, label in enumerate(labels) if label}
    axis.set_yticks(list(named), list(named.values()))
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=ticks)
