"""What a data set of the user's holds, in a line for each stream: counts, sizes, kinds of files and pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.base.errors import BenchError
from bench.data.dataset import DataSet
from bench.data.image_file import Traits, read_traits
from bench.data.images import evenly_spaced

MOST = 1000  # files of a folder whose headers are read
_KINDS = {"1": "black and white", "L": "grey", "P": "palette", "LA": "grey and alpha", "RGBA": "RGB and alpha"}


def stream_lines(dataset: DataSet) -> list[str]:
    """How many images each stream has in each split."""
    counts = {stream: [len(dataset.images(split, stream)) for split in dataset.splits] for stream in dataset.streams}
    return [
        f"{stream}: {', '.join(f'{count} {split}' for split, count in zip(dataset.splits, of, strict=True))} images"
        for stream, of in counts.items()
    ]


def folder_lines(dataset: DataSet) -> list[str]:
    """What the files of each folder are, from their headers."""
    return [f"{place}: {described(paths)}" for place, paths in dataset.image_files().items()]


def described(paths: Sequence[Path]) -> str:
    """Number, sizes and kinds of some image files.

    Args:
        paths: of which at most `MOST`, evenly spaced, are looked at.
    """
    looked = [paths[i] for i in evenly_spaced(len(paths), MOST)]
    traits, unreadable = [], 0
    for path in looked:
        try:
            traits.append(read_traits(path))
        except BenchError:
            unreadable += 1
    parts = [f"{len(paths)} image{'' if len(paths) == 1 else 's'}"]
    if traits:
        kinds = Counter(f"{one.format.replace('MPO', 'JPEG')} {_kind(one)}" for one in traits)
        parts += [_sizes([one.size for one in traits])]
        parts += [f"{kind}" if len(kinds) == 1 else f"{count} {kind}" for kind, count in kinds.most_common()]
    if unreadable:
        parts.append(f"{unreadable} cannot be read (contrastbench data verify)")
    more = f" (of {len(looked)} that were looked at)" if len(looked) < len(paths) else ""
    return ", ".join(parts) + more


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    """Width and height in pixels, as ranges where they differ."""
    ranges = [(min(values), max(values)) for values in zip(*sizes, strict=True)]
    return " x ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges) + " pixels"


def _kind(traits: Traits) -> str:
    if traits.bits == 16 and not traits.mode.startswith("I"):
        return f"{_KINDS.get(traits.mode, traits.mode)} of 16 bits"
    if traits.mode.startswith("I"):
        return f"grey of {traits.bits} bits"
    return _KINDS.get(traits.mode, traits.mode)
