"""Rows of losses and their links; what a run does with them is in tests/bench/run/test_loss_log.py."""

import hashlib
import json

import pytest

from bench.base.sealed import Damaged
from bench.ledger.losses import LossChain, is_whole, read_losses

ROWS = [{"step": step, "epoch": 1, "G": step / 4} for step in (1, 2, 3)]


@pytest.fixture
def log(tmp_path):
    """Three linked rows, written as the format says; nothing of the reader is used."""
    path, seen = tmp_path / "metrics.jsonl", b"losses of cut-1\n"
    for row in ROWS:
        link = hashlib.sha256(seen + json.dumps(row).encode()).hexdigest()[:16]
        seen += json.dumps(row | {"chain": link}).encode() + b"\n"
    path.write_bytes(seen.partition(b"\n")[2])
    return path


def test_a_link_is_a_digest_of_the_runs_key_and_of_all_that_was_written_before(log):
    rows, chain = read_losses(log, "cut-1")
    assert rows == ROWS
    assert (chain.rows, chain.length) == (3, log.stat().st_size)
    digest = hashlib.sha256(b"losses of cut-1\n" + log.read_bytes()).hexdigest()
    assert (chain.seal().rows, chain.seal().sha256) == (3, digest)
    with pytest.raises(Damaged, match=r"metrics\.jsonl: line 1 is not what was written"):
        read_losses(log, "cut-2")


def test_a_quick_look_takes_a_log_for_whole_only_if_every_byte_is_there(log):
    seal = read_losses(log, "cut-1")[1].seal()
    assert is_whole(log, "cut-1", seal, 3)
    assert not is_whole(log, "cut-2", seal, 3)
    assert not is_whole(log, "cut-1", seal, 4)
    content = log.read_bytes()
    for place in range(len(content)):
        log.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not is_whole(log, "cut-1", seal, 3)
    log.write_bytes(content[: content.index(b"\n") + 1])
    assert not is_whole(log, "cut-1", seal, 3)
    log.unlink()
    assert not is_whole(log, "cut-1", seal, 3)


def test_only_whole_lines_count_and_as_many_bytes_as_are_asked_for(log):
    first = len(log.read_bytes().partition(b"\n")[0]) + 1
    for length, count in ((0, 0), (first - 1, 0), (first, 1), (first + 9, 1), (None, 3)):
        rows, chain = read_losses(log, "cut-1", length)
        assert rows == ROWS[:count]
        assert (chain.rows, chain.length > 0) == (count, count > 0)


def test_a_link_says_nothing_that_was_not_taken_in(log):
    chain = LossChain("cut-1")
    before = chain.seal()
    assert chain.link(ROWS[0]) == chain.link(ROWS[0]) == json.loads(log.read_bytes().splitlines()[0])["chain"]
    assert chain.seal() == before
    assert chain.link(ROWS[1]) != chain.link(ROWS[0])


def test_a_run_without_a_log_has_no_losses(tmp_path):
    rows, chain = read_losses(tmp_path / "none" / "metrics.jsonl", "cut-1")
    assert (rows, chain.rows, chain.length) == ([], 0, 0)


@pytest.mark.parametrize(
    "row",
    [
        {"epoch": 1, "G": 0.5}, {"step": 1, "G": 0.5}, {"step": 0, "epoch": 1}, {"step": 1, "epoch": 0},
        {"step": 1.0, "epoch": 1}, {"step": True, "epoch": 1}, {"step": 1, "epoch": 1, "chain": 7},
        {"step": 1, "epoch": 1, "G": True}, {"step": 1, "epoch": 1, "G": 2**63}, {"step": 2**63, "epoch": 1},
    ],
)  # fmt: skip
def test_a_row_has_a_step_an_epoch_and_numbers(tmp_path, row):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(Damaged, match=r"metrics\.jsonl: line 1 is damaged"):
        read_losses(path, "cut-1")


def test_steps_only_rise(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for second in (1, 2):
        path.write_text('{"step": 2, "epoch": 1}\n' + json.dumps({"step": second, "epoch": 1}) + "\n")
        with pytest.raises(Damaged, match=r"metrics\.jsonl: line 2 is damaged"):
            read_losses(path, "cut-1")
    path.write_text('{"step": 1, "epoch": 1, "G": -9223372036854775807}\n{"step": 2, "epoch": 1, "G": 1e308}\n')
    assert [row["G"] for row in read_losses(path, "cut-1")[0]] == [-(2**63) + 1, 1e308]
