import os
import time

import pytest

from bench.base.home import RunFolder
from bench.base.storage import write_json
from bench.ledger.folders import is_owned
from bench.ledger.heartbeat import Heartbeat, age, is_beating, read_heartbeat


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "toy-0")


def beat(folder, seconds_ago=0.0, **more):
    at = time.time() - seconds_ago
    content = {"job": "12", "claim": "a", "host": "n1", "pid": 3, "every": 10.0, "beat": at, "status": None} | more
    write_json(folder.heartbeat, content)
    os.utime(folder.heartbeat, (at, at))


def test_a_run_with_a_fresh_heartbeat_is_owned_and_one_with_an_old_heartbeat_is_not(folder):
    assert not is_beating(folder)
    beat(folder, 39)
    assert is_beating(folder)
    assert is_owned(folder)
    beat(folder, 41)
    assert not is_owned(folder)


def test_a_process_that_said_its_end_does_not_beat(folder):
    beat(folder, status=0)
    assert not is_beating(folder)


def test_a_node_whose_clock_is_late_counts_by_the_file_systems_clock(folder):
    beat(folder)
    write_json(folder.heartbeat, read_heartbeat(folder).model_copy(update={"beat": 0.0}).model_dump())
    assert age(folder, read_heartbeat(folder)) < 30


@pytest.mark.parametrize("content", ["", "[]", '{"job": 3}', '{"job": "1"}'])
def test_a_damaged_heartbeat_is_none(folder, content):
    folder.path.mkdir()
    folder.heartbeat.write_text(content)
    assert read_heartbeat(folder) is None
    assert not is_beating(folder)


def test_it_is_read_back_as_written(folder):
    beat(folder, status=3)
    assert isinstance(read_heartbeat(folder), Heartbeat)
    assert read_heartbeat(folder).status == 3
