"""How the image files of a folder differ from plain 8-bit RGB, said with the rule by which they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.base.errors import BenchError
from bench.data.image_file import Traits, read_traits

_SCALED = {12: "scaled to 8, v * 255 / 4095 rounded", 16: "scaled to 8, v / 257 rounded"}
_PLAIN = ("RGB", "L", "1")


def trait_lines(place: str, paths: Sequence[Path]) -> list[str]:
    """One line for each kind of unusual image; files that cannot be read are left to those who decode them.

    Args:
        place: the folder's or split's name.
        paths: image files; only their headers are read.
    """
    rotated = several = 0
    kinds: Counter[str] = Counter()
    for path in paths:
        try:
            traits = read_traits(path)
        except BenchError:
            continue
        rotated += traits.rotated
        several += traits.several
        if kind := rule_of(traits):
            kinds[kind] += 1
    lines = [f"{place}: {count} of {len(paths)} images {kind}" for kind, count in kinds.most_common()]
    if rotated:
        lines.append(
            f"{place}: {rotated} of {len(paths)} images note a rotation (EXIF), which is not applied, as in the originals"
        )
    if several:
        lines.append(f"{place}: {several} of {len(paths)} images hold several pictures, of which the first is read")
    return lines


def format_lines(files: Mapping[str, Sequence[Path]]) -> list[str]:
    """One line if the folders of a data set hold most of their files in different formats; networks tell them apart by that.

    Args:
        files: image files by the folder's or split's name; only their headers are read, and their endings are not.
    """
    places: dict[str, list[str]] = {}
    for place, paths in files.items():
        formats: Counter[str] = Counter()
        for path in paths:
            with suppress(BenchError):
                formats[read_traits(path).format.replace("MPO", "JPEG")] += 1  # a JPEG with several pictures
        for kind, _ in formats.most_common(1):
            places.setdefault(kind, []).append(place)
    if len(places) < 2:
        return []
    listed = ", ".join(f"{kind} in {', '.join(names)}" for kind, names in places.items())
    return [f"images are {listed}: networks can tell them apart by that; take all as they are published"]


def rule_of(traits: Traits) -> str | None:
    """What an image holds besides 8-bit RGB or grey, and what becomes of it; None for those two."""
    if traits.mode.startswith("I;16") or (traits.mode == "I" and traits.bits <= 16):
        return f"hold {traits.bits} bits of grey, {_SCALED.get(traits.bits, _SCALED[16])}"
    if traits.bits == 16:
        return f"hold 16 bits a channel ({traits.mode}), of which the upper 8 are read, as in the originals"
    if traits.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        return f"have an alpha channel ({traits.mode}), which is dropped, as in the originals"
    if traits.mode in _PLAIN:
        return None
    return f"are {traits.mode} and are converted to RGB, as in the originals"
