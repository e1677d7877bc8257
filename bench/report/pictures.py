"""Pictures inside the page, each stored once however often it is shown."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image

EXACT_SIDE = 128  # pictures up to this side are kept bit for bit, larger ones are compressed
QUALITY = 90
BUDGET = 3_000_000  # bytes of all pictures; beyond it they are compressed further, so that a page can be mailed
LOWER_QUALITIES = (85, 70, 50)


@dataclass(frozen=True)
class Picture:
    """A stored picture: its name in the page and its size in pixels."""

    name: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        """Whether it is enlarged with its pixels kept sharp."""
        return max(self.width, self.height) <= EXACT_SIDE


class Pictures:
    """Collects pictures while a page is put together; equal pictures are stored once."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[Picture, bytes]] = {}

    def add(self, pixels: np.ndarray) -> Picture:
        """Store a picture.

        Args:
            pixels: uint8 (H, W, 3).

        Returns:
            The stored picture, by which the page refers to it.
        """
        height, width = pixels.shape[:2]
        digest = hashlib.sha256(f"{width}x{height}".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
        name = f"p-{digest[:12]}"
        if name not in self._stored:
            picture = Picture(name, width, height)
            image = Image.fromarray(np.ascontiguousarray(pixels))
            self._stored[name] = picture, _webp(image, QUALITY, lossless=picture.is_small)
        return self._stored[name][0]

    def store(self) -> Markup:
        """The element that holds every picture; itself invisible."""
        images = "".join(
            f'<image id="{picture.name}" width="{picture.width}" height="{picture.height}" '
            f'href="data:image/webp;base64,{base64.b64encode(data).decode()}"/>\n'
            for picture, data in self._within_budget()
        )
        return Markup(f'<svg class="store" aria-hidden="true" width="0" height="0"><defs>\n{images}</defs></svg>')

    def _within_budget(self) -> list[tuple[Picture, bytes]]:
        """All pictures in the best quality in which they fit, or in the lowest."""
        stored = list(self._stored.values())
        for quality in LOWER_QUALITIES:
            if sum(len(data) for _, data in stored) <= BUDGET:
                break
            stored = [
                (picture, _webp(Image.open(io.BytesIO(data)), quality)) for picture, data in self._stored.values()
            ]
        return stored


def _webp(image: Image.Image, quality: int, lossless: bool = False) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=quality, method=4)
    return buffer.getvalue()
