"""A folder of images that any program made, matched with the test set they claim to translate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.base.errors import UsageError
from bench.data.images import FileImages, read_image
from bench.data.stream_folders import EXTENSIONS

# how the originals' test scripts call a translation among the other images of one folder (CycleGAN's: NAME_fake_B.png)
SUFFIXES = ("_fake_B", "_fake")
NAMED = 3  # missing or unexpected names that a message lists


@dataclass(frozen=True)
class FoundImages:
    """The images to score.

    Attributes:
        images: in the test set's order where names match, else by name.
        matched: for each image the index of its test input; None if the names do not say.
        deviations: how the folder differs from what the protocol would have written, one line each.
    """

    images: FileImages
    matched: list[int] | None
    deviations: list[str]


def find_images(folder: Path, expected: Sequence[str], size: int | None) -> FoundImages:
    """Match a folder's images with the names of a test set, and check each of them.

    Args:
        folder: with one image per test input, named after it in any format; sub-folders are left alone, as FID's
            reference program does.
        expected: names of the files that a method would have made, one for each test input; empty where names
            do not say which input an image belongs to.
        size: side of the protocol's images in pixels; None: any.

    Raises:
        UsageError: if the folder is missing or holds fewer than two images.
        BenchError: naming the first image that cannot be read.
    """
    files = _files(folder)
    deviations = []
    stems = [Path(name).stem for name in expected]
    by_stem = {path.stem: path for path in files}
    for suffix in SUFFIXES:
        if not set(stems) & set(by_stem) and any(f"{stem}{suffix}" in by_stem for stem in stems):
            by_stem = {stem.removesuffix(suffix): path for stem, path in by_stem.items() if stem.endswith(suffix)}
            if len(by_stem) < len(files):
                deviations.append(f"only the {len(by_stem)} images named *{suffix} are scored, of {len(files)}")
    matched: list[int] | None = [i for i, stem in enumerate(stems) if stem in by_stem]
    missing = [stem for stem in stems if stem not in by_stem]
    unexpected = [path.name for stem, path in by_stem.items() if stem not in set(stems)]
    if matched:
        chosen = [by_stem[stems[i]] for i in matched]
        if missing:
            deviations.append(f"{len(missing)} of {len(stems)} test images have no translation: {_listed(missing)}")
        if unexpected:
            deviations.append(
                f"{len(unexpected)} images are named like no test image and not scored: {_listed(unexpected)}"
            )
    else:
        matched, chosen = None, sorted(by_stem.values())
    if stems and not matched:
        deviations.append(
            f"no image is named like a test image ({stems[0]}.png, ...), so none can be compared with its own truth"
        )
        if len(chosen) != len(stems):
            deviations.append(f"{len(chosen)} images for {len(stems)} test images")
    if len(chosen) < 2:
        raise UsageError(f"{folder}: {len(chosen)} image to score; scores need at least 2, best the whole test set")
    return FoundImages(FileImages(chosen), matched, deviations + _format_deviations(chosen, size))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one that holds the translated test images")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in EXTENSIONS)
    if files:
        repeated = [stem for stem, count in Counter(path.stem for path in files).items() if count > 1]
        if repeated:
            raise UsageError(f"{folder}: there are several images named '{repeated[0]}'; keep one format of each")
        return files
    subfolders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    best = next((name for name in subfolders if name.startswith("fake")), subfolders[0] if subfolders else None)
    hint = f"; did you mean {folder / best}?" if best else f" ({' '.join(sorted(EXTENSIONS))})"
    raise UsageError(f"{folder}: holds no image{hint}")


def _format_deviations(files: Sequence[Path], size: int | None) -> list[str]:
    """Decode every image, and list those unlike the protocol's: PNG, RGB, of its size."""
    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    for path in files:
        sizes[read_image(path).size] += 1  # decodes, so that damage is found before anything is computed
        with Image.open(path) as image:
            formats[str(image.format)] += 1
            modes[image.mode] += 1
    lines = [
        f"{count} of {len(files)} images are {name}, not PNG"
        + (": lossy, which moves scores" if name == "JPEG" else "")
        for name, count in formats.items()
        if name != "PNG"
    ]
    lines += [
        f"{count} images are {mode}, not RGB, and were converted" for mode, count in modes.items() if mode != "RGB"
    ]
    if size is None:
        return lines + (["the images are of several sizes"] if len(sizes) > 1 else [])
    return lines + [
        f"{count} of {len(files)} images are {width}x{height} pixels, the protocol's are {size}x{size}"
        for (width, height), count in sizes.items()
        if (width, height) != (size, size)
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(sorted(names)[:NAMED]) + more
