import logging
from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.data.array_cache import ArrayCache, key_of

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def never() -> np.ndarray:
    raise AssertionError("must come from the cache")


def test_second_get_reads_the_file_memory_mapped_and_read_only(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "c")
    np.testing.assert_array_equal(cache.get("k", lambda: ARRAY), ARRAY)
    stored = ArrayCache(tmp_path / "c").get("k", never)
    assert isinstance(stored, np.memmap)
    assert not stored.flags.writeable
    np.testing.assert_array_equal(stored, ARRAY)
    np.testing.assert_array_equal(np.load(tmp_path / "c" / "k.npy"), ARRAY)


@pytest.mark.parametrize("damage", ["flip a byte", "truncate", "empty", "append"])
def test_damaged_file_is_reported_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    cache = ArrayCache(tmp_path)
    cache.get("k", lambda: ARRAY)
    path = tmp_path / "k.npy"
    content = bytearray(path.read_bytes())
    if damage == "flip a byte":
        content[-40] ^= 1
    path.write_bytes({"truncate": content[:-5], "empty": b"", "append": content + b"x"}.get(damage, content))
    assert cache.read("k") is None
    assert "damaged cache file" in caplog.text
    np.testing.assert_array_equal(cache.get("k", lambda: ARRAY), ARRAY)
    assert isinstance(cache.get("k", never), np.memmap)


def test_unwritable_place_warns_once_and_still_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    for _ in range(2):
        cache = ArrayCache(tmp_path / "file" / "c")
        np.testing.assert_array_equal(cache.get("k", lambda: ARRAY), ARRAY)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "\n" not in warnings[0].getMessage()


def test_error_of_the_source_is_raised_and_leaves_nothing(tmp_path: Path) -> None:
    def rows():
        yield ARRAY[0]
        raise BenchError("bad image") from OSError("truncated")

    with pytest.raises(BenchError, match="bad image"):
        ArrayCache(tmp_path / "c").write("k", ARRAY.shape, rows())
    assert list((tmp_path / "c").iterdir()) == []


def test_key_depends_on_every_part_and_its_borders() -> None:
    assert len({key_of("a", "b"), key_of("ab"), key_of("a", "c"), key_of("b", "a")}) == 4
