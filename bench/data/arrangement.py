"""How a user has arranged images in folders: which are of which domain, and which of which split.

Splits are known by their names: `train`, `training`, `val`, `valid`, `validation`, `test`, `testing`, in capitals or not.
They may be joined to the domain (`trainA`), above it (`train/A`) or below it (`A/train`); all other folders are domains.
Where no folder is for tests, the one for validation is, as in the field's own data sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.base.errors import UsageError, unknown_name
from bench.base.words import shown_path
from bench.data.image_file import EXTENSIONS
from bench.data.image_walk import foreign_place, walk_images

SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_JOINED = re.compile(rf"({'|'.join(SPLITS)})[ _-]?([AB])", re.IGNORECASE)

Folders = dict[str, str]  # split -> folder below the one that was named; images without a split are in `train`


@dataclass(frozen=True)
class Arrangement:
    """What a folder of images holds.

    Attributes:
        folder: the one that was named.
        domains: name -> its folders; a single one without a name where no folder separates the images.
        whole: its folders if all images are of one kind; empty where a name says that they are not.
        ignored: what is not read, one line each.
    """

    folder: Path
    domains: dict[str, Folders]
    whole: Folders
    ignored: list[str] = field(default_factory=list)

    def only(self, names: Sequence[str]) -> Arrangement:
        """This arrangement with the named domains, in that order.

        Raises:
            UsageError: if there is none of a name.
        """
        for name in names:
            if name not in self.domains:
                raise unknown_name(f"folder of images in {shown_path(self.folder)}", name, filter(None, self.domains))
        return Arrangement(self.folder, {name: self.domains[name] for name in names}, self.whole, self.ignored)


def arrangement(folder: Path, names: Sequence[str] = ()) -> Arrangement:
    """Look at a folder of images.

    Args:
        folder: absolute.
        names: of the domains that the user has chosen, in their order; they are then folders whatever they are called.

    Raises:
        UsageError: if it is no folder, or holds no image.
    """
    if not folder.is_dir():
        raise UsageError(f"--images {shown_path(folder)}: no such folder; give the one that holds your images")
    paths = [PurePosixPath(file.relative_to(folder)) for file in walk_images(folder).files]
    paths = [path for path in paths if foreign_place(Path(path.parent)) is None]
    if not paths:
        known = " ".join(sorted(EXTENSIONS))
        raise UsageError(f"--images {shown_path(folder)}: holds no image ({known}); give the folder that holds yours")
    base, inside = _without_wrapping(paths)
    tops = _tops(inside)
    if names and set(names) <= set(tops) and not _is_split_everywhere(names, inside):
        found = Arrangement(folder, _domains(tops, inside), {"train": "."})
    else:
        found = _by_names(folder, inside, tops)
    whole = _placed(base, found.whole)
    domains = {name: _placed(base, one) for name, one in found.domains.items()}
    return Arrangement(folder, domains, whole, found.ignored + _loose(inside, found))


def _placed(base: PurePosixPath, folders: Folders) -> Folders:
    """The folders of a domain below the one that was named, with one for tests if there is any beside training."""
    placed = {split: str(base / below) for split, below in folders.items()}
    if "validation" in placed and "test" not in placed:
        placed["test"] = placed.pop("validation")
    return placed


def _without_wrapping(paths: Sequence[PurePosixPath]) -> tuple[PurePosixPath, list[PurePosixPath]]:
    """The one folder that is around everything, as archives have it, and the paths below it."""
    base, inside = PurePosixPath(), list(paths)
    while len({path.parts[0] for path in inside}) == 1 and all(len(path.parts) > 1 for path in inside):
        top = inside[0].parts[0]
        if top.lower() in SPLITS or _JOINED.fullmatch(top):
            break
        base, inside = base / top, [PurePosixPath(*path.parts[1:]) for path in inside]
    return base, inside


def _tops(paths: Iterable[PurePosixPath]) -> list[str]:
    """The folders of the first level that hold images."""
    return sorted({path.parts[0] for path in paths if len(path.parts) > 1}, key=lambda name: (name.lower(), name))


def _below(paths: Iterable[PurePosixPath], top: str) -> list[PurePosixPath]:
    """Paths inside one folder of the first level."""
    return [PurePosixPath(*path.parts[1:]) for path in paths if len(path.parts) > 1 and path.parts[0] == top]


def _is_split_everywhere(names: Sequence[str], paths: Sequence[PurePosixPath]) -> bool:
    """Whether all names are of splits below which there are folders: the user means those then."""
    return all(name.lower() in SPLITS and len(_tops(_below(paths, name))) > 1 for name in names)


def _domains(tops: Sequence[str], paths: Sequence[PurePosixPath]) -> dict[str, Folders]:
    """Each folder as a domain, with the splits below it."""
    domains: dict[str, Folders] = {}
    for top in tops:
        below = _tops(_below(paths, top))
        splits = {SPLITS[name.lower()]: f"{top}/{name}" for name in below if name.lower() in SPLITS}
        domains[top] = splits if "train" in splits else {"train": top}
    return domains


def _by_names(folder: Path, paths: Sequence[PurePosixPath], tops: Sequence[str]) -> Arrangement:
    joined = {top: match for top in tops if (match := _JOINED.fullmatch(top))}
    if joined:
        domains: dict[str, Folders] = {}
        for top, match in sorted(joined.items(), key=lambda item: item[1][2].upper()):
            domains.setdefault(match[2].upper(), {})[SPLITS[match[1].lower()]] = top
        return Arrangement(folder, domains, {}, _left(folder, tops, joined))
    splits = {SPLITS[top.lower()]: top for top in tops if top.lower() in SPLITS}
    if splits:
        ignored = _left(folder, tops, splits.values())
        inside = {split: _tops(_below(paths, top)) for split, top in splits.items()}
        if "train" in splits and len(inside["train"]) > 1:
            domains = {
                name: {split: f"{top}/{name}" for split, top in splits.items() if name in inside[split]}
                for name in inside["train"]
            }
            return Arrangement(folder, domains, splits, ignored)
        return Arrangement(folder, {"": splits}, splits, ignored)
    if len(tops) > 1:
        domains = _domains(tops, paths)
        has_splits = any(list(folders) != ["train"] for folders in domains.values())
        return Arrangement(folder, domains, {} if has_splits else {"train": "."})
    return Arrangement(folder, {"": {"train": "."}}, {"train": "."})


def _left(folder: Path, tops: Sequence[str], read: Iterable[str]) -> list[str]:
    """A line about folders beside those of splits."""
    names = [top for top in tops if top not in set(read)]
    return [f"not read, since other folders are named as splits: {', '.join(names)}"] if names else []


def _loose(paths: Sequence[PurePosixPath], found: Arrangement) -> list[str]:
    """A line about images beside the folders of domains."""
    count = sum(len(path.parts) == 1 for path in paths)
    if not count or "" in found.domains:
        return []
    return [f"not read, since they are beside the folders: {count} image{'s' if count > 1 else ''}"]
