"""The layouts in which images of the user's can be read: each looks whether an arrangement fits it, and says what is what.

A task names those that it can take, in its order (`Task.layouts`); nothing here knows tasks.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.streams import shell_word
from bench.base.words import shown_path
from bench.data.arrangement import Arrangement, Folders, arrangement
from bench.data.image_file import read_traits
from bench.data.image_walk import walk_images
from bench.data.images import FileImages, evenly_spaced
from bench.data.own_images import by_scene
from bench.schema.data import HeldOut, OwnImagesData, OwnStream

LOOKED_AT = 32  # images whose sizes decide how a folder is likely meant
_HELD_OUT = HeldOut()
TWICE_AS_WIDE = 1.9  # width over height from which an image looks like two side by side
_NUMBERS = ("L", "P", "1", "I", "I;16")  # modes of one channel
_HALVES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True)
class Reading:
    """One way in which a folder can be read.

    Attributes:
        layout: its name.
        streams, pairs, label_maps, held_out: as of `OwnImagesData`.
        said: what is what, in words.
        turned: the domains as they would be the other way round; empty where there is no other way.
        doubt: why it is probably not meant; empty if it is.
    """

    layout: str
    streams: list[OwnStream]
    said: str
    turned: tuple[str, ...] = ()
    pairs: bool = False
    label_maps: bool = False
    held_out: HeldOut | None = _HELD_OUT
    doubt: str = ""

    @property
    def other_way(self) -> str:
        """The option that turns it round; empty where there is no other way."""
        return f"--domains {shell_word(domains_text(self.turned))}" if self.turned else ""

    def data(self, name: str, folder: Path) -> OwnImagesData:
        """The configuration of the data set."""
        return OwnImagesData(
            name=name, folder=str(folder), streams=self.streams, pairs=self.pairs, label_maps=self.label_maps,
            held_out=self.held_out,
        )  # fmt: skip


def domains_of(text: str) -> tuple[str, ...]:
    """The names in the option --domains: with commas between them, in double quotes where a name holds one."""
    names = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in names if name.strip())


def domains_text(names: Sequence[str]) -> str:
    """Names as `domains_of` reads them."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(names)
    return written.getvalue()


Layout = Callable[[Arrangement, Sequence[str]], Reading | str]


def read_folder(
    folder: Path, layouts: Sequence[str], asked: str | None, domains: Sequence[str]
) -> tuple[Reading, list[str]]:
    """How a folder of images is read.

    Args:
        folder: absolute.
        layouts: those that the task can take, the likeliest first.
        asked: the one that the user chose; None: the first that fits.
        domains: names of folders or halves, in the user's order; empty: all of them, by name.

    Returns:
        The reading, and a line for each thing that is read otherwise or not at all.

    Raises:
        UsageError: if nothing fits; it says why not, and the way out.
    """
    if asked is not None and asked not in layouts:
        raise unknown_name("layout that this task can take", asked, layouts)
    found = arrangement(folder, domains)
    tried = {name: LAYOUTS[name](found, domains) for name in ([asked] if asked else layouts)}
    fitting = [one for one in tried.values() if isinstance(one, Reading)]
    likely = [one for one in fitting if not one.doubt] or (fitting if asked else [])
    if not likely:
        why: dict[str, list[str]] = {}
        for name, one in tried.items():
            why.setdefault(one if isinstance(one, str) else one.doubt, []).append(name)
        reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in why.items())
        doubted = [one.layout for one in fitting]
        way_out = f"; if it is meant, say --layout {doubted[0]}" if doubted else ""
        raise UsageError(f"--images {shown_path(folder)}: is in no layout that can be read ({reasons}){way_out}")
    chosen, *others = likely
    others += [one for one in fitting if one.doubt and one is not chosen]
    lines = [f"could also be read as {one.layout} ({one.doubt or one.said}): --layout {one.layout}" for one in others]
    return chosen, [*lines, *found.ignored]


def two_folders(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """Two folders of images that belong to no pairs: the first is A, the second B."""
    chosen = _two(found, domains)
    if isinstance(chosen, str):
        return chosen
    streams = _streams("AB", chosen.values())
    return Reading("two-folders", streams, _directed(chosen), _turned(chosen))


def pairs(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """Two folders in which files of equal names show the same scene."""
    chosen = _two(found, domains)
    if isinstance(chosen, str):
        return chosen
    (a, of_a), (b, of_b) = chosen.items()
    if of_a.keys() != of_b.keys():
        return f"{a} and {b} do not have the same splits"
    doubt = ""
    for split in of_a:
        images = [_images(found.folder / folders[split]) for folders in (of_a, of_b)]
        scenes = [by_scene(one) for one in images]
        if alone := sorted(scenes[0].keys() ^ scenes[1].keys()):
            has, lacks = (a, b) if alone[0] in scenes[0] else (b, a)
            return f"'{shown_path(Path(alone[0]))}' is in {has} but not in {lacks}"
        doubt = doubt or _unlike(images[0], images[1], scenes)
    streams = _streams("AB", chosen.values())
    said = f"{_directed(chosen)}; files of equal names show the same scene"
    return Reading("pairs", streams, said, _turned(chosen), pairs=True, doubt=doubt)


def side_by_side(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """One folder in which the halves of each image show the same scene, as pix2pix has them."""
    if domains and sorted(domains) != sorted(_HALVES):
        return "its domains are left and right"
    if set(found.domains) != {""}:
        return f"holds {len(found.domains)} folders of images"
    (folders,) = found.domains.values()
    if "train" not in folders:
        return "holds no training images"
    halves = _HALVES if list(domains or _HALVES) == list(_HALVES) else _HALVES[::-1]
    streams = [
        one.model_copy(update={"half": half}) for one, half in zip(_streams("AB", [folders] * 2), halves, strict=True)
    ]
    said = f"the {halves[0]} half of each image is A, the {halves[1]} one B"
    return Reading(
        "side-by-side", streams, said, _turned(halves), pairs=True, doubt=_narrow(found.folder / folders["train"])
    )


def one_folder(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """Images of one kind, with whatever folders below."""
    if len(domains) > 1:
        return "takes one of the domains"
    folders = found.only(domains).domains[domains[0]] if domains else found.whole
    if not folders and len(found.domains) == 1:
        (folders,) = found.domains.values()
    if not folders:
        return f"holds {len(found.domains)} folders of images ({_listed(found)}): name one with --domains"
    if "train" not in folders:
        return "holds no training images"
    said = f"all images of {domains[0]}" if domains else "all images are of one set"
    return Reading("one-folder", _streams("B", [folders]), said)


def many_folders(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """A folder for each domain, two or more; their order numbers them."""
    chosen = found.only(domains).domains if domains else found.domains
    if len(chosen) < 2:
        return "holds one folder of images"
    if without := [name for name, folders in chosen.items() if "train" not in folders]:
        return f"{without[0]} holds no training images"
    names = [_plain(name) for name in chosen]
    if len(set(names)) < len(names):
        return "its folders' names differ in special characters alone: rename them"
    streams = _streams(names, chosen.values())
    return Reading("many-folders", streams, f"domains {', '.join(names)}")


def two_pictures(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """Two folders of one picture each: the first is to take the look of the second."""
    chosen = _two(found, domains)
    if isinstance(chosen, str):
        return chosen
    for name, folders in chosen.items():
        if count := len(_images(found.folder / folders["train"])) - 1:
            return f"{name} holds {count + 1} pictures instead of one"
    streams = _streams("AB", [folders | {"test": folders["train"]} for folders in chosen.values()])
    return Reading("two-pictures", streams, _directed(chosen), _turned(chosen), held_out=None)


def label_maps(found: Arrangement, domains: Sequence[str]) -> Reading | str:
    """Two folders in which a label map and an image of equal names belong together: label maps are A, images B."""
    chosen = found.only(domains) if domains else found
    named = _two(chosen, ())
    if isinstance(named, str):
        return named
    maps = [name for name, folders in named.items() if _are_label_maps(found.folder / folders["train"])]
    if not maps:
        return "no folder holds label maps: images of one channel, not JPEG, whose numbers are classes"
    order = list(named) if domains or maps[0] == next(iter(named)) else list(named)[::-1]
    paired = pairs(chosen, order)
    if isinstance(paired, str):
        return paired
    said = f"{shown_path(Path(order[0]))} holds label maps (A), {shown_path(Path(order[1]))} their images (B)"
    return Reading("label-maps", paired.streams, said, pairs=True, label_maps=True)


LAYOUTS: dict[str, Layout] = {
    "pairs": pairs,
    "two-folders": two_folders,
    "side-by-side": side_by_side,
    "label-maps": label_maps,
    "one-folder": one_folder,
    "many-folders": many_folders,
    "two-pictures": two_pictures,
}


def _two(found: Arrangement, domains: Sequence[str]) -> dict[str, Folders] | str:
    """The two domains that are meant, or why that is not clear."""
    if domains and len(domains) != 2:
        return "takes two domains: --domains FROM,TO"
    if sorted(domains) == sorted(_HALVES) and not set(domains) <= found.domains.keys():
        return "has no folders left and right"
    chosen = found.only(domains).domains if domains else found.domains
    if len(chosen) == 1:
        return "holds images of one kind, not two"
    if len(chosen) > 2:
        return f"holds {len(chosen)} folders of images ({_listed(found)}): name two with --domains FROM,TO"
    if without := [name for name, folders in chosen.items() if "train" not in folders]:
        return f"{without[0]} holds no training images"
    return chosen


def _streams(names: Sequence[str], folders: Iterable[Folders]) -> list[OwnStream]:
    return [OwnStream.model_validate({"name": name, **of}) for name, of in zip(names, folders, strict=True)]


def _listed(found: Arrangement) -> str:
    names = [shown_path(Path(name)) for name in found.domains]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def _directed(names: Iterable[str]) -> str:
    a, b = (shown_path(Path(name)) for name in names)
    return "from A to B" if (a, b) == ("A", "B") else f"from A to B: {a} is A, {b} is B"


def _turned(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(reversed(list(names)))


def _images(folder: Path) -> FileImages:
    files = walk_images(folder).files
    return FileImages(files, [file.relative_to(folder).as_posix() for file in files])


def _unlike(a: FileImages, b: FileImages, scenes: Sequence[dict[str, int]]) -> str:
    """Why files of equal names are probably no pairs: their sizes differ."""
    names = list(scenes[0])
    for i in evenly_spaced(len(names), LOOKED_AT):
        sizes = [_size(images.paths[places[names[i]]]) for images, places in zip((a, b), scenes, strict=True)]
        if None not in sizes and sizes[0] != sizes[1]:
            return f"file names agree, but the two images '{shown_path(Path(names[i]))}' differ in size"
    return ""


def _narrow(folder: Path) -> str:
    """Why the images of a folder are probably no pairs side by side."""
    paths = _images(folder).paths
    for i in evenly_spaced(len(paths), LOOKED_AT):
        size = _size(paths[i])
        if size is not None and size[0] < TWICE_AS_WIDE * size[1]:
            return f"{shown_path(paths[i])} has {size[0]}x{size[1]} pixels, too narrow for two images side by side"
    return ""


def _are_label_maps(folder: Path) -> bool:
    """Whether images have one channel of numbers that their format keeps."""
    paths = _images(folder).paths
    with suppress(BenchError):
        looked = [read_traits(paths[i]) for i in evenly_spaced(len(paths), LOOKED_AT)]
        return all(one.format != "JPEG" and one.mode[:4] in _NUMBERS for one in looked)
    return False


def _size(path: Path) -> tuple[int, int] | None:
    """(width, height); None for an image that cannot be read, of which whoever decodes it will say so."""
    try:
        return read_traits(path).size
    except BenchError:
        return None


def _plain(name: str) -> str:
    """A folder's name as that of a stream, which becomes the name of folders and files."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "images"
