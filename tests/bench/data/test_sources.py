import subprocess
import sys

import pytest
from pydantic import ValidationError

from bench.base.errors import UsageError
from bench.data.sources import Source, source, sources
from bench.schema.data import FolderData
from bench.schema.protocol import load_protocol, protocol_names


def test_every_folder_data_set_of_a_protocol_can_be_prepared_with_its_counts() -> None:
    wanted = [load_protocol(name).data for name in protocol_names()]
    folders = [data for data in wanted if isinstance(data, FolderData)]
    assert {data.name for data in folders} >= {"horse2zebra", "cityscapes", "gta2cityscapes"}
    for data in folders:
        assert source(data.name).counts == (data.counts or {})


def test_every_source_says_who_and_under_which_terms() -> None:
    for name, entry in sources().items():
        assert entry.owner, name
        assert entry.licence, name
        assert bool(entry.counts) == bool(entry.counts_from), name
        assert entry.url is None or entry.url.startswith("http"), name


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="no data set to prepare named 'horse2zerba'; did you mean horse2zebra"):
        source("horse2zerba")


def test_a_source_is_either_downloaded_or_given() -> None:
    about = {"title": "t", "owner": "o", "licence": "l", "max_mb": 1}
    for wrong in ({}, {"url": "http://x", "archives": ["x.zip"]}, {"url": "http://x", "sha256": "12"}):
        with pytest.raises(ValidationError):
            Source.model_validate(about | wrong)


def test_listing_needs_neither_torch_nor_pillow() -> None:
    code = "import bench.data.sources as s, sys; s.sources(); print({'torch', 'PIL', 'requests'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
