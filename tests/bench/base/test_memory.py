"""The most memory that a process held."""

import sys

import pytest

from bench.base.memory import count_anew, most_memory

HUNDRED_MB = 100 * 2**20

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")


def test_what_was_held_for_a_moment_counts_until_it_is_counted_anew():
    before = most_memory("cpu")
    held = bytearray(HUNDRED_MB)
    most = most_memory("cpu")
    del held
    assert most >= before
    assert most_memory("cpu") == pytest.approx(most, rel=0.02)  # the system counts pages a little late
    count_anew("cpu")
    assert most_memory("cpu") < most - HUNDRED_MB // 2
    held = bytearray(HUNDRED_MB)
    assert most_memory("cpu") >= HUNDRED_MB
    del held


def test_a_system_that_does_not_tell_gives_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.base.memory.PROCESS", tmp_path / "gone")
    count_anew("cpu")
    assert most_memory("cpu") is None
