"""A labelled grid of images, for looking at data and for comparing samples of several methods side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.base.errors import BenchError

CELL = 128  # smaller images are enlarged by a whole factor up to about this side, larger ones stay as they are
GAP = 4
MARGIN = 20
BACKGROUND = (250, 250, 248)
INK = (30, 32, 36)
FAINT = (110, 114, 120)
_LABEL_SIZE, _NOTE_SIZE, _TITLE_SIZE = 17, 13, 22


def contact_sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]], title: str = "") -> Image.Image:
    """Draw rows of images with a label to the left of each row.

    Args:
        rows: label and uint8 images (H, W, 3) of any sizes; the first line of a label is its name, further lines are
            smaller notes. Rows may differ in length.
        title: a line above the grid; empty for none.

    Returns:
        An RGB image.

    Raises:
        BenchError: if there is nothing to draw.
    """
    images = [[_enlarged(pixels) for pixels in row] for _, row in rows]
    if not any(images):
        raise BenchError("a contact sheet needs at least one image")
    cell = max(side for row in images for image in row for side in image.size)
    columns = max(len(row) for row in images)
    label_width = max(_label_width(label) for label, _ in rows) + MARGIN
    top = MARGIN + (_TITLE_SIZE + MARGIN if title else 0)
    width = max(MARGIN + label_width + columns * (cell + GAP) - GAP, MARGIN + _width(title, _TITLE_SIZE)) + MARGIN
    sheet = Image.new("RGB", (width, top + len(rows) * (cell + GAP) - GAP + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, _font(_TITLE_SIZE))
    for r, ((label, _), row) in enumerate(zip(rows, images, strict=True)):
        y = top + r * (cell + GAP)
        _draw_label(draw, label, y + cell // 2)
        for c, image in enumerate(row):
            corner = MARGIN + label_width + c * (cell + GAP)
            sheet.paste(image, (corner + (cell - image.width) // 2, y + (cell - image.height) // 2))
    return sheet


def _enlarged(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    factor = max(1, CELL // max(image.size))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _draw_label(draw: ImageDraw.ImageDraw, label: str, middle: int) -> None:
    lines = _lines(label)
    y = middle - sum(size + 5 for _, size, _ in lines) // 2
    for text, size, ink in lines:
        draw.text((MARGIN, y), text, ink, _font(size))
        y += size + 5


def _lines(label: str) -> list[tuple[str, int, tuple[int, int, int]]]:
    name, *notes = label.split("\n")
    return [(name, _LABEL_SIZE, INK), *((note, _NOTE_SIZE, FAINT) for note in notes)]


def _label_width(label: str) -> int:
    return max(_width(text, size) for text, size, _ in _lines(label))


def _width(text: str, size: int) -> int:
    return int(np.ceil(_font(size).getlength(text)))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
