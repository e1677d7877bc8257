"""A folder of images that any program made, matched with the test set they claim to translate.

Such folders often hold more than translations: originals, reconstructions, grids. Which images are meant is asked for and
not guessed, so that a number is never that of other images.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from bench.base.errors import UsageError
from bench.base.words import shown_path
from bench.data.image_file import EXTENSIONS, read_image, read_traits
from bench.data.image_traits import rule_of
from bench.data.images import FileImages

# how the originals' test scripts call a translation among the other images of one folder (CycleGAN's: NAME_fake_B.png)
SUFFIXES = ("_fake_B", "_fake")
# and what is none: inputs, truths, reconstructions, translations the other way
_NO_TRANSLATION = re.compile(r"(^|[_-])(real|rec|idt|input|gt|truth|target|original)([_-][AB])?$|[_-]fake[_-]A$", re.I)
NAMED = 3  # missing or unexpected names that a message lists
EXACT = ""  # the kind of images that are named as the protocol would name them


@dataclass(frozen=True)
class FoundImages:
    """The images to score.

    Attributes:
        images: in the test set's order where names match, else by name.
        matched: for each image the index of its test input; None if the names do not say.
        deviations: how the folder differs from what the protocol would have written, one line each.
        notices: what else it holds, which changes nothing.
    """

    images: FileImages
    matched: list[int] | None
    deviations: list[str]
    notices: list[str] = field(default_factory=list)


def find_images(folder: Path, expected: Sequence[str], size: int | None, pattern: str | None = None) -> FoundImages:
    """Match a folder's images with the names of a test set, and check each of them.

    Composed and decomposed letters (Linux, Mac) make no difference between names.

    Args:
        folder: with one image per test input, named after it in any format; sub-folders are left alone, as FID's
            reference program does.
        expected: names of the files that a method would have made, one for each test input; empty where names
            do not say which input an image belongs to.
        size: side of the protocol's images in pixels; None: any.
        pattern: which files are meant, as a shell writes it; None: all, if they are of one kind.

    Raises:
        UsageError: if the folder is missing, holds fewer than two images, or several kinds of them and no pattern.
        BenchError: naming the first image that cannot be read.
    """
    files, visible, notices = _files(folder, pattern)
    stems = [_composed(Path(name).stem) for name in expected]
    kinds = _kinds(files, set(stems))
    if pattern is None:
        _refuse_mixture(folder, kinds, len(files))
    chosen_kind = _chosen_kind(kinds, pattern)
    suffix = chosen_kind.removeprefix("*")
    by_stem = {_composed(path.stem).removesuffix(suffix): path for path in files}
    deviations = []
    if len(files) < visible:
        deviations.append(f"only the {len(files)} images named {pattern} are scored, of {visible}")
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
        first = shown_path(Path(f"{stems[0]}.png"))
        deviations.append(
            f"no image is named like a test image ({first}, ...), so none can be compared with its own truth"
        )
        if len(chosen) != len(stems):
            deviations.append(f"{len(chosen)} images for {len(stems)} test images")
    if len(chosen) < min(2, len(stems) or 2):
        raise UsageError(
            f"{shown_path(folder)}: {len(chosen)} image to score; scores need at least 2, best the whole test set"
        )
    return FoundImages(FileImages(chosen), matched, deviations + _format_deviations(chosen, size), notices)


def _files(folder: Path, pattern: str | None) -> tuple[list[Path], int, list[str]]:
    """The images of a folder that are meant, of how many, and what else it holds."""
    shown = shown_path(folder)
    if not folder.is_dir():
        raise UsageError(f"{shown}: no such folder; give the one that holds the translated test images")
    entries = sorted(folder.iterdir())
    folders = [path for path in entries if path.is_dir()]
    others = [path for path in entries if not path.is_dir()]
    named = [path for path in others if path.suffix.lower() in EXTENSIONS]
    visible = [path for path in named if not path.name.startswith(".")]
    files = [path for path in visible if pattern is None or fnmatchcase(_composed(path.name), _composed(pattern))]
    if not files:
        if pattern is not None:
            seen = f"there are {_listed([path.name for path in visible])}" if visible else "there are no images"
            raise UsageError(f"{shown}: no image is named {pattern}; {seen}")
        names = [path.name for path in folders]
        best = next((name for name in names if name.startswith("fake")), names[0] if names else None)
        hint = f"; did you mean {shown_path(folder / best)}?" if best else f" ({' '.join(sorted(EXTENSIONS))})"
        raise UsageError(f"{shown}: holds no image{hint}")
    if pattern is None and (beside := [path.name for path in folders if _holds_images(path)]):
        raise UsageError(
            f"{shown}: holds images and folders of images ({_listed(beside)}); give the folder that is meant, or "
            "--pattern '*' for the images outside of those"
        )
    _refuse_twins(shown, files)
    skipped = Counter(path.suffix.lower() or path.name for path in others if path.suffix.lower() not in EXTENSIONS)
    notices = []
    if skipped:
        kinds = ", ".join(f"{count} {shown_path(Path(kind))}" for kind, count in sorted(skipped.items())[:NAMED])
        notices.append(f"not scored, since no images to the originals' loader: {kinds}")
    if hidden := [path.name for path in named if path.name.startswith(".")]:
        notices.append(f"not scored, since their names are hidden: {_listed(hidden)}")
    return files, len(visible), notices


def _holds_images(folder: Path) -> bool:
    try:
        return any(path.suffix.lower() in EXTENSIONS for path in folder.iterdir())
    except OSError:
        return False


def _refuse_twins(shown: str, files: Iterable[Path]) -> None:
    """Two images that would be one: in two formats, or with a name in two spellings that look alike."""
    first: dict[str, Path] = {}
    for path in files:
        other = first.setdefault(_composed(path.stem), path)
        if other == path:
            continue
        if other.stem == path.stem:
            raise UsageError(
                f"{shown}: there are several images named '{shown_path(Path(path.stem))}'; keep one format of each"
            )
        raise UsageError(
            f"{shown}: {other.name!a} and {path.name!a} are one name, with composed and with decomposed "
            "letters; keep one of them"
        )


def _kinds(files: Sequence[Path], stems: set[str]) -> dict[str, list[Path]]:
    """The images by what their names have in common, apart from test images' names and numbers.

    Returns:
        EXACT: named like a test image; `*_fake_B`: with that behind it; `grid_#`: like none, numbers left out.
    """
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(_kind(_composed(path.stem), stems), []).append(path)
    exact = {_masked(_composed(path.stem)) for path in kinds.get(EXACT, [])}
    for kind in exact & kinds.keys():  # 003 beside 000, 001 and 002
        kinds[EXACT] += kinds.pop(kind)
    return kinds


def _kind(stem: str, stems: set[str]) -> str:
    if stem in stems:
        return EXACT
    for end in range(len(stem) - 1, 0, -1):
        if not stem[end].isalnum() and stem[:end] in stems:
            return f"*{stem[end:]}"
    return _masked(stem)


def _masked(stem: str) -> str:
    return re.sub(r"\d+", "#", stem)


def _refuse_mixture(folder: Path, kinds: dict[str, list[Path]], total: int) -> None:
    """Refuse what nobody can know which images are meant of, or that these are translations."""
    shown = shown_path(folder)
    if len(kinds) > 1:
        examples = _listed([paths[0].name for paths in kinds.values()])
        likely = next((f"*{suffix}*" for suffix in SUFFIXES if f"*{suffix}" in kinds), "*")
        raise UsageError(
            f"{shown}: holds several kinds of images ({examples}); say which are the translations with --pattern, for "
            f"example --pattern '{likely}'" + (" if all are meant" if likely == "*" else "")
        )
    [paths] = kinds.values()
    if EXACT not in kinds and all(_NO_TRANSLATION.search(path.stem) for path in paths):
        raise UsageError(
            f"{shown}: its {total} images are named as originals or reconstructions are ({_listed([paths[0].name])}); "
            "if they are the "
            "translations, say so with --pattern '*'"
        )


def _chosen_kind(kinds: dict[str, list[Path]], pattern: str | None) -> str:
    """The kind whose names are matched with the test images'; EXACT also where all are taken as they are."""
    if EXACT in kinds:
        return EXACT
    behind = [kind for kind in kinds if kind.startswith("*")]
    if len(behind) == 1 == len(kinds) and (pattern is not None or behind[0].removeprefix("*") in SUFFIXES):
        return behind[0]
    return EXACT


def _format_deviations(files: Sequence[Path], size: int | None) -> list[str]:
    """Decode every image, and list those unlike the protocol's: PNG, RGB, 8 bits, of its size."""
    formats: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    deep: Counter[str] = Counter()
    sizes: Counter[tuple[int, int]] = Counter()
    rotated = several = 0
    for path in files:
        sizes[read_image(path).size] += 1  # decodes, so that damage is found before anything is computed
        traits = read_traits(path)
        formats[traits.format] += 1
        modes[traits.mode] += 1
        rotated += traits.rotated
        several += traits.several
        if traits.bits > 8:
            deep[str(rule_of(traits))] += 1
    lines = [
        f"{count} of {len(files)} images are {name}, not PNG"
        + (": lossy, which moves scores" if name == "JPEG" else "")
        for name, count in formats.items()
        if name != "PNG"
    ]
    lines += [
        f"{count} images are {mode}, not RGB, and were converted" for mode, count in modes.items() if mode != "RGB"
    ]
    lines += [f"{count} images {rule}" for rule, count in deep.items()]
    if rotated:
        lines.append(f"{rotated} images note a rotation (EXIF), which is not applied")
    if several:
        lines.append(f"{several} images hold several pictures, of which the first is read")
    if size is None:
        return lines + (["the images are of several sizes"] if len(sizes) > 1 else [])
    return lines + [
        f"{count} of {len(files)} images are {width}x{height} pixels, the protocol's are {size}x{size}"
        for (width, height), count in sizes.items()
        if (width, height) != (size, size)
    ]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shown_path(Path(name)) for name in sorted(names)[:NAMED]) + more
