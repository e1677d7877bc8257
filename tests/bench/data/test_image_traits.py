from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.image_traits import trait_lines


def test_unusual_images_are_counted_with_the_rule_for_them(tmp_path: Path) -> None:
    grey = np.arange(16, dtype=np.uint16).reshape(4, 4)
    exif = Image.Exif()
    exif[0x0112] = 8
    images = {
        "plain.png": Image.new("RGB", (4, 4)),
        "grey.png": Image.new("L", (4, 4)),
        "deep.png": Image.fromarray(grey),
        "deep.tif": Image.fromarray(grey),
        "alpha.png": Image.new("RGBA", (4, 4)),
        "print.jpg": Image.new("CMYK", (4, 4)),
    }
    for name, image in images.items():
        image.save(tmp_path / name)
    Image.new("RGB", (4, 4)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "broken.png").write_bytes(b"")
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    lines = trait_lines("toys/trainA", sorted(tmp_path.iterdir()))
    assert lines == [
        "toys/trainA: 2 of 9 images hold 16 bits of grey, scaled to 8, v / 257 rounded",
        "toys/trainA: 1 of 9 images have an alpha channel (RGBA), which is dropped, as in the originals",
        "toys/trainA: 1 of 9 images are CMYK and are converted to RGB, as in the originals",
        "toys/trainA: 1 of 9 images note a rotation (EXIF), which is not applied, as in the originals",
        "toys/trainA: 1 of 9 images hold several pictures, of which the first is read",
    ]


def test_nothing_is_said_of_plain_images(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert trait_lines("x", [tmp_path / "a.png"]) == []
