import base64
import io
import re

import numpy as np
from PIL import Image

from bench.report.pictures import Pictures


def decoded(store):
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        for data in re.findall(r"data:image/webp;base64,([^\"]+)", store)
    ]


def test_small_pictures_are_exact_and_stored_once():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    pictures = Pictures()
    first, again, other = pictures.add(pixels), pictures.add(pixels.copy()), pictures.add(255 - pixels)
    assert first == again != other
    assert (first.width, first.height, first.is_small) == (20, 16, True)
    shown = decoded(str(pictures.store()))
    assert len(shown) == 2
    assert (shown[0] == pixels).all()


def test_the_shape_counts_as_well_as_the_bytes():
    pictures = Pictures()
    flat = np.zeros((8, 2, 3), np.uint8)
    assert pictures.add(flat).name != pictures.add(flat.reshape(4, 4, 3)).name


def test_large_pictures_are_compressed():
    y, x = np.mgrid[:256, :256]
    pixels = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    pictures = Pictures()
    assert not pictures.add(pixels).is_small
    (shown,) = decoded(str(pictures.store()))
    assert np.abs(shown.astype(int) - pixels).mean() < 4


def test_very_many_pictures_are_compressed_until_they_fit(monkeypatch):
    pictures = Pictures()
    rng = np.random.default_rng(0)
    for _ in range(8):
        pictures.add(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    exact = str(pictures.store())
    monkeypatch.setattr("bench.report.pictures.BUDGET", 60_000)
    fitting = str(pictures.store())
    sizes = [sum(map(len, re.findall(r"base64,([^\"]+)", store))) * 3 // 4 for store in (exact, fitting)]
    assert sizes[0] > 60_000 >= sizes[1]
    assert re.findall(r'id="([^"]+)"', fitting) == re.findall(r'id="([^"]+)"', exact)
