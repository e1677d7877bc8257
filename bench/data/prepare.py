"""What `contrastbench data prepare NAME` does: fetch, check, unpack beside, count, and rename into place.

Below the data root, `.preparing/NAME/` holds what is unfinished: a download that goes on where it stopped, and the folder
that is renamed to its place when it is complete. The finished `NAME/` has a record of where it came from beside its
images, `prepared.json`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import PIL
from filelock import FileLock, Timeout

from bench import __version__
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.storage import explained, read_json, write_json
from bench.base.words import shown_path
from bench.data.cityscapes import FILTERS, convert
from bench.data.download import download_archive
from bench.data.folder import FolderDataSet
from bench.data.image_file import EXTENSIONS
from bench.data.meter import Meter
from bench.data.own_pictures import prepare_pictures
from bench.data.prepared import RECORD, Archive, Prepared, Record, read_record
from bench.data.sources import Source, source, sources
from bench.data.unpack import Damaged, unpack
from bench.schema.data import FolderData, PictureData

WORK = ".preparing"
JUNK = ("._", ".DS_Store", "__MACOSX")  # what macOS puts into archives; `._x.jpg` is no image


def prepare(
    name: str,
    data_root: Path,
    *,
    archives: Sequence[Path] = (),
    url: str | None = None,
    label_filter: str | None = None,
    photo_filter: str | None = None,
) -> Prepared:
    """Put a data set under the data root; what is there already is left alone.

    Args:
        name: of sources.yaml, or of a protocol over embedded data or over two pictures of the user's.
        data_root: folder that will hold `NAME/`.
        archives: files the user has already, or the two pictures; none downloads.
        url: another address than the owner's.
        label_filter: cityscapes only, see bench/data/cityscapes.py; None is `nearest`.
        photo_filter: likewise.

    Raises:
        UsageError: for an unknown name, or options that do not fit the data set.
        NotAvailable: if its owner wants a login and no archive was given; says where to get it.
        BenchError: if it is not available or not what it should be; one line with the way out.
    """
    if _embedded(name):
        return Prepared(data=name, state="embedded")
    if (pictures := _pictures(name)) is not None:
        if url or label_filter or photo_filter:
            raise UsageError(f"{name} is two pictures of yours, copied as they are; leave --url and the filters out")
        return prepare_pictures(pictures, data_root, data_root / WORK, archives)
    name = name.partition("@")[0]
    entry = source(name)
    filters = _filters(name, entry, label_filter, photo_filter)
    if url and (archives or not entry.url):
        raise UsageError(f"--url {url}: {name} is made from the files given with --from; leave --url out")
    if entry.url and len(archives) > 1:
        raise UsageError(f"{name} is one archive; give one file with --from")
    for path in archives:
        if path.exists() and not (path.is_file() or (entry.filters and path.is_dir())):
            raise UsageError(f"{shown_path(path)}: is no file; give the path of the archive with --from")
    folder = data_root / name
    chosen_filters = {
        key: value for key, value in (("label_filter", label_filter), ("photo_filter", photo_filter)) if value
    }
    if folder.exists():  # perhaps on a disk that is not ours to write to
        return _already_there(name, entry, folder, chosen_filters)
    if not entry.url and not archives:
        raise NotAvailable(_instructions(name, entry))
    work = data_root / WORK / name
    with explained(work, "--data"):
        work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work.with_name(f"{name}.lock"), timeout=0):
            if folder.exists():  # another process made it a moment ago
                return _already_there(name, entry, folder, chosen_filters)
            if entry.filters:
                made = _from_cityscapes(name, work, archives, filters)
            else:
                made = {"archives": _from_archives(name, entry, work, archives, url or entry.url)}
            return _finish(name, entry, work, folder, made)
    except Timeout as error:
        raise BenchError(f"data set {name}: another process is preparing it; wait for it") from error


def _embedded(name: str) -> bool:
    from bench.schema.protocol import load_protocol, protocol_names

    base = name.partition("@")[0]
    return base not in sources() and base in protocol_names() and load_protocol(name).data.family.startswith("earth")


def _pictures(name: str) -> PictureData | None:
    """The data of a protocol over two pictures of the user's."""
    from bench.schema.protocol import load_protocol, protocol_names

    data = load_protocol(name).data if name.partition("@")[0] in protocol_names() else None
    return data if isinstance(data, PictureData) else None


def _filters(name: str, entry: Source, label: str | None, photo: str | None) -> dict[str, str]:
    given = {"label_filter": label, "photo_filter": photo}
    if not entry.filters:
        if label or photo:
            raise UsageError(f"--label-filter and --photo-filter are for cityscapes; {name} is unpacked as it is")
        return {}
    for key, value in given.items():
        if value is not None and value not in FILTERS:
            raise UsageError(f"--{key.replace('_', '-')} {value}: choose {' or '.join(FILTERS)}")
    return {key: value or "nearest" for key, value in given.items()}


def _config(name: str, entry: Source) -> FolderData:
    return FolderData(name=name, counts=entry.counts or None, validation=0)


def _already_there(name: str, entry: Source, folder: Path, filters: dict[str, str]) -> Prepared:
    try:
        dataset = FolderDataSet(_config(name, entry), folder.parent, folder.parent / WORK)
    except BenchError as error:
        raise BenchError(
            f"{folder} is there already but cannot be used ({error}); move it away and run the same command again"
        ) from error
    record = read_record(folder / RECORD)
    for key, value in filters.items():
        if record and getattr(record, key) != value:
            raise UsageError(
                f"{folder} was prepared with --{key.replace('_', '-')} {getattr(record, key)}, not {value}; move it away "
                "to prepare it anew"
            )
    return _result(name, "here already", folder, dataset, record)


def _result(
    name: str, state: Literal["prepared", "here already"], folder: Path, dataset: FolderDataSet, record: Record | None
) -> Prepared:
    counts = {f"{split} {s}": len(dataset.images(split, s)) for split in dataset.splits for s in dataset.streams}
    deviations = dataset.count_deviations()
    return Prepared(data=name, state=state, folder=str(folder), counts=counts, deviations=deviations, record=record)


def _from_archives(name: str, entry: Source, work: Path, given: Sequence[Path], url: str | None) -> list[Archive]:
    """Fill the working folder from given archives, or else from one that is downloaded."""
    archives, staging = given, work / name
    if not given:
        assert url is not None  # a source has either
        archives = [download_archive(url, work / "archive", entry.sha256, entry.max_bytes)]
    described = []
    try:
        for archive in archives:
            described.append(_describe(archive, entry.sha256, archive.name if given else str(url)))
            if given and entry.sha256 and not described[-1].verified:
                raise BenchError(f"{archive}: its sha256 is not the published {entry.sha256}; get it from {entry.url}")
        with explained(staging, "--data"):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
        for archive in archives:
            _unpack(archive, name, entry, staging)
    except Damaged as error:
        if given:
            raise
        archives[0].unlink(missing_ok=True)
        raise BenchError(
            f"{url}: what was downloaded is damaged or incomplete and was removed; run the same command again"
        ) from error
    missing = [folder for folder in entry.folders if not (staging / folder).is_dir()]
    if missing:
        one = len(archives) == 1
        held = f"{', '.join(map(str, archives))}: {'holds' if one else 'hold'}"
        asked = f"is it the archive of {name}?" if one else f"{name} is made of {', '.join(entry.archives)}"
        raise BenchError(f"{held} no images in {', '.join(entry.folders[missing[0]])}; {asked}")
    return described


def _unpack(archive: Path, name: str, entry: Source, staging: Path) -> None:
    with Meter(f"unpacking {name}", "bytes", archive.stat().st_size) as meter:
        unpack(
            archive,
            staging,
            lambda path: _place(path, name, entry, archive),
            entry.max_bytes,
            lambda position: meter.advance(max(0, position - meter.done)),
        )


def _place(path: PurePosixPath, name: str, entry: Source, archive: Path) -> PurePosixPath | None:
    """Where a file of the archive goes: archives may hold the folders below a folder of their own."""
    if path.parts and path.parts[0] != name and path.parts[0] in sources():
        raise BenchError(f"{archive}: is the archive of {path.parts[0]}, not of {name}")
    if path.suffix.lower() not in EXTENSIONS or any(part.startswith(JUNK) for part in path.parts):
        return None
    for target, origins in entry.folders.items():
        for origin in (PurePosixPath(origin).parts for origin in origins):
            for above in range(3):
                if path.parts[above : above + len(origin)] == origin and len(path.parts) > above + len(origin):
                    return PurePosixPath(target, *path.parts[above + len(origin) :])
    return None


def _describe(archive: Path, published: str | None, origin: str) -> Archive:
    """Size and sha256 of an archive, and whether it has the sha256 that its owner publishes."""
    digest = hashlib.sha256()
    try:
        size = archive.stat().st_size
        with Meter(f"checking {origin.rpartition('/')[2]}", "bytes", size) as meter, archive.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
                meter.advance(len(chunk))
    except OSError as error:
        raise BenchError(f"{archive}: cannot be read ({error.strerror}); give the path of the archive") from error
    sha256 = digest.hexdigest()
    fields = {"from": origin, "bytes": size, "sha256": sha256, "published_sha256": published}
    return Archive.model_validate({**fields, "verified": sha256 == published})


def _instructions(name: str, entry: Source) -> str:
    options = " ".join(f"--from {archive}" for archive in entry.archives)
    get = entry.get or f"register at {entry.owner.rpartition(' ')[2]}, download {' and '.join(entry.archives)}"
    return f"{name} needs a login: {get}, then run contrastbench data prepare {name} {options}"


def _from_cityscapes(name: str, work: Path, archives: Sequence[Path], filters: dict[str, str]) -> dict[str, Any]:
    """Fill the working folder from the owner's archives; goes on where an earlier attempt with these filters stopped."""
    staging, made_with = work / name, work / "settings.json"
    settings = {**filters, "pillow": PIL.__version__, "from": sorted(str(path.absolute()) for path in archives)}
    if read_json(made_with) != settings:
        shutil.rmtree(staging, ignore_errors=True)
    write_json(made_with, settings)
    convert(
        archives,
        staging,
        filters["label_filter"],
        filters["photo_filter"],
        lambda total, done: Meter(f"resizing {name}", "images", total, done),
    )
    described = [_describe(path, None, path.name) for path in archives if path.is_file()]
    return {"archives": described, **filters, "pillow": PIL.__version__}


def _finish(name: str, entry: Source, work: Path, folder: Path, made: dict[str, Any]) -> Prepared:
    """Count, write the record, rename the working folder to its place and remove the download."""
    staging = work / name
    dataset = FolderDataSet(_config(name, entry), work, work)
    record = Record(data=name, owner=entry.owner, licence=entry.licence, contrastbench=__version__, **made)
    write_json(staging / RECORD, record.model_dump(mode="json", by_alias=True))
    with explained(folder, "--data"):
        staging.rename(folder)
    shutil.rmtree(work, ignore_errors=True)
    return _result(name, "prepared", folder, dataset, record)
