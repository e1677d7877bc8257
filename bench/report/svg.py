"""A figure as SVG inside the page: it takes its colours from the page, so that it is readable in light and dark."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bench.report.small_svg import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = 10  # colours of the palette, `--s0` ... in the page's style sheet
# colours in which the style draws frames, text, hints and shades -> the page's variable of that role
_ROLES = {
    "#000000": "--ink",
    "#262626": "--ink",
    "#333333": "--ink",
    "#4d4d4d": "--faint",
    "#4c4c4c": "--faint",
    "#cccccc": "--rule",
    "#e6e6e6": "--shade",
    "#e5e5e5": "--shade",
    "#ffffff": "--page",
}
_FONT = re.compile(r"(?:'DejaVu Sans'|&quot;DejaVu Sans&quot;|DejaVu Sans)(?:, sans-serif)?")
_DIGITS = re.compile(r"(\d\.\d\d)\d+")
_TAG = re.compile(r"<[^>]*>")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")


@dataclass(frozen=True)
class Drawing:
    """The content of an `svg` element, and the element's view box with its width."""

    content: str
    box: str
    width: float


def inline_svg(figure: Figure, prefix: str) -> Drawing:
    """Turn a figure into markup for the page.

    Args:
        figure: drawn within `bench.show.drawing.style`.
        prefix: of every name inside it, so that several can stand in one page.

    Returns:
        Markup whose text is escaped by matplotlib.
    """
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None  # matplotlib always writes one
    text = text[text.index(">") + 1 : text.rindex("</svg>")]
    # the style element's rule for every element would reach the whole page, which has it for figures alone
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = _FONT.sub("system-ui, sans-serif", text)
    # coordinates only: a tick's 0.416 is a number to be read
    text = _TAG.sub(lambda tag: _DIGITS.sub(r"\1", tag[0]), text)
    text = _COLOUR.sub(_variable, text)
    text = text.replace("xlink:href", "href")
    return Drawing(shortened(text, prefix).strip(), box[1], float(box[1].split()[2]))


def _variable(match: re.Match[str]) -> str:
    variable = _variables().get(match[0])
    return f"var({variable})" if variable else match[0]


@lru_cache(maxsize=1)
def _variables() -> dict[str, str]:
    from matplotlib.colors import to_hex

    from bench.show.drawing import colours

    return _ROLES | {to_hex(colour): f"--s{place}" for place, colour in enumerate(colours(SERIES))}
