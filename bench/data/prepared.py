"""What `data prepare` did, and the record of it that stays beside the images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.base.errors import BenchError
from bench.base.regular import read_regular
from bench.base.validation import Strict, validation_line
from bench.base.words import shown_path

RECORD = "prepared.json"
MAX_BYTES = 1 << 20
PLAIN = "http://"  # an address that anyone on the way can answer for


class Archive(Strict):
    """An archive that a data set was made from.

    Attributes:
        source: its address or file name; `from` in prepared.json.
        size: in bytes; `bytes` in prepared.json.
        sha256: of the file.
        published_sha256: as its owner publishes it.
        verified: whether the two are equal.
    """

    source: str = Field(alias="from")
    size: int = Field(alias="bytes")
    sha256: str
    published_sha256: str | None = None
    verified: bool = False

    @property
    def unprotected(self) -> bool:
        """Whether it came over plain http and nothing tells that it is the owner's file."""
        return self.source.startswith(PLAIN) and not self.verified


class Record(BaseModel):
    """What prepared.json holds: where a data set came from; entries of other versions are left alone.

    Attributes:
        data, owner, licence: of which data set.
        contrastbench: the version that made it.
        archives: what it was made from.
        label_filter, photo_filter, pillow: how cityscapes was resized, and by which Pillow.
    """

    model_config = ConfigDict(frozen=True)

    data: str
    owner: str
    licence: str
    contrastbench: str
    archives: list[Archive]
    label_filter: str | None = None
    photo_filter: str | None = None
    pillow: str | None = None


class Prepared(Strict):
    """What `data prepare` did.

    Attributes:
        data: the data set's name.
        state: whether it was made now, was there, or needs nothing.
        folder: where it is; None where it is embedded.
        counts: images by split and stream.
        deviations: how they differ from the published ones.
        record: of prepared.json; None if the data set was put there by hand.
    """

    data: str
    state: Literal["prepared", "here already", "embedded"]
    folder: str | None = None
    counts: dict[str, int] = {}
    deviations: list[str] = []
    record: Record | None = None


def read_record(path: Path) -> Record | None:
    """The record beside the images, None if there is none.

    Raises:
        BenchError: if it is damaged.
    """
    if not path.exists():
        return None
    try:
        return Record.model_validate_json(read_regular(path, MAX_BYTES), strict=True)
    except ValidationError as error:
        what = validation_line(shown_path(path), error)
    except OSError as error:
        what = f"{shown_path(path)}: cannot be read ({error.strerror})"
    raise BenchError(f"{what}; remove it, and the data set counts as put there by hand")


def print_prepared(result: Prepared) -> None:
    """Show what `prepare` did to people."""
    from bench.schema.protocol import protocol_names

    if result.state == "embedded":
        print(f"{result.data}: embedded, there is nothing to prepare")
        return
    print(f"{result.data}: {result.state}")
    print(f"  folder    {result.folder}")
    print(f"  images    {', '.join(f'{place} {count}' for place, count in result.counts.items())}")
    for line in result.deviations:
        print(f"  deviation {line}")
    record = result.record
    if record is None:
        print(f"  origin    not known: it has no {RECORD}, so it was put there by hand")
    else:
        for archive in record.archives:
            checked = "as published" if archive.verified else "not verified: its owner publishes no checksum"
            print(f"  archive   {archive.source}, {archive.size / 1e6:.1f} MB")
            print(f"  sha256    {archive.sha256}, {checked}")
            if archive.unprotected:
                print("  warning   it came over plain http: nothing shows that it was not changed on its way")
        if record.label_filter:
            print(f"  resized   label maps {record.label_filter}, photographs {record.photo_filter}")
        print(f"  owner     {record.owner}")
        print(f"  licence   {record.licence}")
    if result.data in protocol_names():
        print(f"check the pixels: contrastbench data verify {result.data}")
