"""Which files of a folder are its images: those that the originals' walk finds, and a line for all that is odd about them.

Source: taesungp/contrastive-unpaired-translation b3ac297, data/image_folder.py: every file below the folder whose name has
one of a few extensions, links followed. So hidden files, and pictures in folders that other programs put there, count as
they do in the originals, and so does a folder as often as it is linked; each is said. Links that lead back to a folder above
are not followed: how often the originals count such pictures is up to the operating system (Linux gives up after 40 links).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.base.errors import BenchError
from bench.base.words import shown_path
from bench.data.image_file import EXTENSIONS

MAX_FOLDERS = 20_000  # more are no data set, but links that multiply
MAX_DEPTH = 100
NAMED = 3
# made by notebooks, network disks, archives and desktops beside the pictures that people mean
_FOREIGN = frozenset({"@eadir", "__macosx", "thumbnails", "$recycle.bin", "@recycle", "#recycle", "lost+found"})


@dataclass
class ImageFolder:
    """What was found below a folder.

    Attributes:
        files: its images, sorted by path as text.
        notices: what a reader should know about them, one line each.
        problems: what could not be looked at.
    """

    files: list[Path] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def walk_images(folder: Path) -> ImageFolder:
    """Find the images of a folder and of everything below it.

    Raises:
        BenchError: if it holds more folders than any data set.
    """
    walked = ImageFolder()
    foreign: dict[str, int] = {}
    hidden: list[Path] = []
    skipped: Counter[str] = Counter()
    above: dict[str, tuple[tuple[int, int], ...]] = {}  # folder -> what it is, and all folders above it
    first: dict[tuple[int, int], Path] = {}

    def unreadable(error: OSError) -> None:
        walked.problems.append(f"{shown_path(Path(error.filename))}: cannot be read ({error.strerror})")

    for count, (parent, folders, names) in enumerate(os.walk(folder, onerror=unreadable, followlinks=True)):
        if count > MAX_FOLDERS:
            raise BenchError(
                f"{shown_path(folder)}: holds more than {MAX_FOLDERS} folders, some through links; remove those links"
            )
        lineage = above.pop(parent, None) or (_identity(Path(parent)),)
        if len(lineage) > MAX_DEPTH:
            raise BenchError(f"{shown_path(folder)}: holds folders more than {MAX_DEPTH} deep; no data set does")
        first.setdefault(lineage[0], Path(parent))
        kept = []
        for name in sorted(folders):
            path = Path(parent, name)
            try:
                identity = _identity(path)
            except OSError as error:  # gone since it was listed
                unreadable(error)
                continue
            if path.suffix.lower() in EXTENSIONS:
                walked.notices.append(f"{shown_path(path)}: is a folder, though it is named like an image")
            if identity in lineage:
                walked.notices.append(
                    f"{shown_path(path)}: is a link to a folder above it and is not followed; remove it"
                )
                continue
            if identity in first:
                walked.notices.append(
                    f"{shown_path(path)}: is the folder {shown_path(first[identity])} once more; its images count again, "
                    "as in the originals"
                )
            first.setdefault(identity, path)
            above[str(path)] = (identity, *lineage)
            kept.append(name)
        folders[:] = kept
        images = [Path(parent, name) for name in names if Path(name).suffix.lower() in EXTENSIONS]
        walked.files += images
        hidden += [path for path in images if path.name.startswith(".")]
        skipped.update(
            Path(name).suffix.lower() or name for name in names if Path(name).suffix.lower() not in EXTENSIONS
        )
        if images and (place := foreign_place(Path(parent).relative_to(folder))):
            foreign[place] = foreign.get(place, 0) + len(images)
    walked.files.sort(key=str)
    walked.notices += [
        f"{shown_path(folder / place)}: was not made for this data set; its {_images(count)} count, as in the originals' "
        "walk; remove it if they are not meant"
        for place, count in sorted(foreign.items())
    ]
    if hidden:
        walked.notices.append(
            f"{shown_path(folder)}: {_images(len(hidden))} with hidden names ({listed(hidden)}) count, as in the originals'"
        )
    if skipped:
        kinds = ", ".join(f"{number} {shown_path(Path(kind))}" for kind, number in sorted(skipped.items())[:NAMED])
        more = "" if len(skipped) <= NAMED else ", ..."
        walked.notices.append(
            f"{shown_path(folder)}: files that are no images to the originals' loader are skipped: {kinds}{more}"
        )
    return walked


def listed(paths: list[Path]) -> str:
    """The names of the first few files, and how many more there are."""
    names = ", ".join(shown_path(Path(path.name)) for path in paths[:NAMED])
    return names + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino


def foreign_place(below: Path) -> str | None:
    """The first folder of a relative path that another program made, up to there; None: there is none."""
    for depth, part in enumerate(below.parts):
        if part.startswith(".") or part.lower() in _FOREIGN:
            return str(Path(*below.parts[: depth + 1]))
    return None
