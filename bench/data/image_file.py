"""Image files that strangers made: which are opened at all, how they become 8-bit RGB, and what is peculiar about them.

Only regular files of the formats of this field's data sets are opened, told by their content and not by their name (scraped
sets hold WebP files named `.jpg`): no other parser of Pillow sees a stranger's bytes, no EPS starts Ghostscript, and no
pipe named `x.png` is waited for.

Pixels become RGB by one rule for each kind:

* 8 bits and fewer: Pillow's `convert("RGB")`, as in the originals. Grey becomes three equal channels; alpha is dropped, not
  composited, so hidden colours of transparent pixels show; palettes give their colours; CMYK goes by Pillow's plain
  formula, without colour profile.
* 16 bits a channel in colour: the upper 8 bits, as Pillow reads them (in the originals, too).
* 16-bit grey (and TIFF's 12-bit): scaled to 8 bits, v / 257 (v * 255 / 4095) rounded. Pillow itself would clip it at 255.
* 32-bit integers and floats: refused, since nothing in the file says which value is white.

The rotation that a camera notes in EXIF is not applied, and of several pictures in one file (a TIFF of pages or of smaller
copies, an animation) the first is read, both as in the originals; bench/data/image_traits.py says of how many files.
"""

from __future__ import annotations

import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from bench.base.errors import BenchError
from bench.base.regular import open_regular
from bench.base.words import shown_path

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff"})  # that the originals list; no .webp
MAX_PIXELS = 178_956_970  # where Pillow speaks of a decompression bomb: 0.5 GB as RGB
RULES = 2  # part of what remembers decoded pixels; raised when a rule above changes
_ORIENTATION = 0x0112
_WHITE_IS_ZERO = 262
_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What an image file is, before it becomes RGB.

    Attributes:
        format: Pillow's name of it.
        mode: Pillow's name of the pixels as they were stored.
        bits: of a channel.
        size: (width, height) in pixels.
        rotated: whether EXIF says that the picture is to be turned or mirrored.
        several: whether the file holds more pictures than the first, which alone is read.
    """

    format: str
    mode: str
    bits: int
    size: tuple[int, int]
    rotated: bool
    several: bool = False


def read_image(path: Path) -> Image.Image:
    """Open an image file as 8-bit RGB, by this module's rules.

    Raises:
        BenchError: if the file is missing, no regular file, truncated, of another format, too large, or of pixels whose
            range nobody knows.
    """
    with _opened(path) as image:
        return as_rgb(image)


def read_traits(path: Path) -> Traits:
    """Look at an image file without decoding its pixels.

    Raises:
        BenchError: as `read_image`, but for damage that only decoding finds.
    """
    with _opened(path) as image:
        return _traits(image)


def read_values(path: Path) -> np.ndarray:
    """The numbers of an image file as they are stored, for label maps: palette images give their indices.

    Raises:
        BenchError: as `read_image`, and for JPEG, which keeps no numbers.
    """
    with _opened(path) as image:
        if image.format in ("JPEG", "MPO"):
            raise BenchError("it is JPEG, which blurs the numbers of label maps; replace it by the published file")
        return np.array(image)


def decode(file: IO[bytes], name: str, seen: Callable[[Traits], object] = lambda traits: None) -> Image.Image:
    """Decode an image of an archive as 8-bit RGB, by this module's rules.

    Args:
        file: can seek.
        name: what errors call it.
        seen: is told what it is.

    Raises:
        BenchError: as `read_image`.
    """
    with _pillow(file, name) as image:
        rgb = as_rgb(image)
        seen(_traits(image))  # not before: looking for EXIF may decode, and damage would be taken for damaged EXIF
        return rgb


def as_rgb(image: Image.Image) -> Image.Image:
    """An image of Pillow in mode RGB, by this module's rules.

    Raises:
        BenchError: for pixels of unknown range, without the file's name.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        white = 4095 if _bits(image) == 12 else 65535  # asked first: decoding forgets the file's own depth
        values = np.asarray(image).astype(np.uint32)
        if image.format == "TIFF" and image.tag_v2.get(_WHITE_IS_ZERO) == 0:  # type: ignore[attr-defined]
            values = white - np.minimum(values, white)  # Pillow turns such pixels only where they have 8 bits
        grey = (values * 255 + white // 2) // white  # rounded: 65535 is 257 * 255
        return Image.fromarray(np.minimum(grey, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "floating-point"
        raise BenchError(f"{kind} pixels, of which nothing says what is white; save it with 8 or 16 bits, as PNG")
    return image.convert("RGB")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A regular file in Pillow, header read; whatever goes wrong until the end of the block names the file."""
    shown = shown_path(path)
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "something else")
            raise BenchError(f"{shown}: cannot be read as an image (it is {what}, no file); remove it")
        file = open_regular(path)
    except FileNotFoundError as error:
        if path.is_symlink():
            target = shown_path(path.readlink())
            raise BenchError(f"{shown}: is a link to {target}, which is not there; mend or remove it") from error
        raise BenchError(f"{shown}: is gone; put it back or open the data set again") from error
    except OSError as error:
        raise BenchError(f"{shown}: cannot be read as an image ({error.strerror}); replace or remove it") from error
    with file, _pillow(file, shown) as image:
        yield image


@contextmanager
def _pillow(file: IO[bytes], name: str) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own lines about size and metadata name no file
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if image.mode == "P" and image.palette is None:  # Pillow would show it in grey
                    raise BenchError("its colours are numbers of a palette that it has not")
                yield image
    except BenchError as error:
        raise BenchError(f"{name}: cannot be read as an image: {error}") from error
    except Image.DecompressionBombError as error:
        limit = MAX_PIXELS // 1_000_000
        raise BenchError(
            f"{name}: cannot be read as an image (it has more than {limit} million pixels); make it smaller or remove it"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise BenchError(
            f"{name}: cannot be read as an image (none of {', '.join(FORMATS)}, or damaged); replace or remove the file"
        ) from error
    except Exception as error:  # Pillow's parsers raise many kinds for a damaged file
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise BenchError(f"{name}: cannot be read as an image ({reason}); replace or remove the file") from error


def _traits(image: Image.Image) -> Traits:
    try:
        rotated = image.getexif().get(_ORIENTATION, 1) not in (0, 1)
    except Exception:  # damaged EXIF data says nothing about the pixels, which decoding checks
        rotated = False
    several = bool(getattr(image, "is_animated", False))
    return Traits(str(image.format), image.mode, _bits(image), image.size, rotated, several)


def _bits(image: Image.Image) -> int:
    """Bits of a channel in the file: Pillow says them in the raw mode of its decoder, as `RGB;16B`."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    raw = [part for tile in tiles for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
    for bits in (12, 16):
        if any(isinstance(mode, str) and f";{bits}" in mode for mode in raw):
            return bits
    return {"I": 16 if image.format in ("PNG", "PPM") else 32, "F": 32}.get(image.mode, 16 if "16" in image.mode else 8)
