"""Figures of the page as they were drawn before: importing what draws takes seconds, and drawing a tenth of one each.

What a figure shows is hashed and remembered with it (bench/plan/memory.py), so a page on which nothing has changed is put
together again without drawing. The memory is the user's, never a home's: a received home brings no markup into a page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bench.base.errors import BenchError
from bench.base.home import RunFolder
from bench.base.leftovers import names_in
from bench.base.regular import read_regular
from bench.base.validation import Strict
from bench.ledger.folders import is_owned
from bench.plan.memory import remembered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BYTES = 1 << 30  # of a run's loss log
_DRAWN_WITH = ("matplotlib", "seaborn", "numpy", "pandas")


class Drawn(Strict):
    """A figure as markup.

    Attributes:
        content, box, width: as of `bench.report.svg.Drawing`.
        label: what it shows, or why there is none.
        is_there: whether there is one.
    """

    content: str = ""
    box: str = ""
    width: float = 0.0
    label: str
    is_there: bool


def drawn(name: str, shows: Any, draw: Callable[[], tuple[Figure | None, str]]) -> Drawn:
    """A figure, from an earlier page if nothing that it shows has changed.

    Args:
        name: in the page.
        shows: everything that decides what is drawn, as JSON.
        draw: makes the figure and says what it shows; without one, why there is none.
    """

    def ask() -> tuple[Drawn, bool]:
        from bench.report.svg import inline_svg
        from bench.show.drawing import style

        with style():
            try:
                figure, label = draw()
            except BenchError as error:  # names a file, which may be mended
                return Drawn(label=str(error), is_there=False), False
            if figure is None:
                return Drawn(label=label, is_there=False), True
            drawing = inline_svg(figure, name)
        return Drawn(content=drawing.content, box=drawing.box, width=drawing.width, label=label, is_there=True), True

    return remembered({"figure": name, "shows": shows, "with": _versions()}, Drawn, ask)


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in _DRAWN_WITH}


def run_stamp(folder: RunFolder) -> str:
    """Changes with whatever a figure shows of a run: its specification, losses, scores and result, to the byte."""
    total = hashlib.sha256(f"{is_owned(folder)}\n".encode())
    scores = [folder.scores / name for name in sorted(names_in(folder.scores)) if name.endswith(".json")]
    for path in (folder.spec, folder.metrics, folder.result, *scores):
        try:
            content = read_regular(path, MAX_BYTES)
        except OSError as error:
            content = f"{error.errno}".encode()
        total.update(f"{path.name} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()
