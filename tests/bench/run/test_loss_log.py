import json

import pytest
import torch

from bench.base.errors import BenchError
from bench.base.sealed import Damaged
from bench.ledger.losses import read_losses
from bench.run.loss_log import LossLog, NonFinite, Window


@pytest.fixture
def log(tmp_path) -> LossLog:
    (tmp_path / "cut-1").mkdir()
    log = LossLog(tmp_path / "cut-1" / "metrics.jsonl")
    for step in (1, 2, 3):
        log.append({"step": step, "epoch": 1, "G": 0.1 * step})
    return log


def test_rows_are_linked_across_processes_and_come_back_without_their_links(log):
    LossLog(log.path).append({"step": 4, "epoch": 1, "G": -0.0})
    rows, chain = read_losses(log.path, "cut-1")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[1] == {"step": 2, "epoch": 1, "G": 0.2}
    assert chain.seal() == LossLog(log.path).seal()
    assert chain.length == log.length()


def test_equal_runs_write_equal_bytes(log, tmp_path):
    whole = log.path.read_bytes()
    length = len(b"".join(whole.splitlines(keepends=True)[:2]))
    log.truncate(length)
    log.append({"step": 3, "epoch": 1, "G": 0.1 * 3})
    assert log.path.read_bytes() == whole


def test_a_log_of_before_links_is_gone_on_with_and_vouched_for_from_then_on(tmp_path):
    path = tmp_path / "cut-1" / "metrics.jsonl"
    path.parent.mkdir()
    old = b'{"step": 1, "epoch": 1, "G": 0.5}\n{"step": 2, "epoch": 1, "G": 0.25}\n'
    path.write_bytes(old)
    log = LossLog(path)
    log.truncate(len(old))
    log.append({"step": 3, "epoch": 1, "G": 0.125})
    assert [row["G"] for row in read_losses(path, "cut-1")[0]] == [0.5, 0.25, 0.125]
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.75"))
    with pytest.raises(Damaged, match="line 3 is not what was written after the lines before it"):
        read_losses(path, "cut-1")


def test_a_run_does_not_go_on_after_damaged_rows(log):
    whole = log.path.read_bytes()
    for bit in range(0, 8 * len(whole), 3):
        spoiled = bytearray(whole)
        spoiled[bit // 8] ^= 1 << bit % 8
        log.path.write_bytes(spoiled)
        with pytest.raises(Damaged, match=r"metrics\.jsonl: .*remove the run's folder and run the command again"):
            LossLog(log.path).truncate(len(whole))
    log.path.write_bytes(whole[:-10])
    with pytest.raises(BenchError, match="shorter than its checkpoint says"):
        LossLog(log.path).truncate(len(whole))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "true", '"12"', "null", "[]", "1" + "0" * 5000])
def test_a_loss_is_a_finite_number(log, value):
    log.path.write_text(json.dumps({"step": 1, "epoch": 1, "G": 0.5}).replace("0.5", value) + "\n")
    with pytest.raises(Damaged, match="line 1 is damaged"):
        read_losses(log.path, "cut-1")


def test_a_window_is_the_mean_of_what_each_step_reported(log):
    tensors = [{"G": torch.tensor(1.0), "D": torch.tensor(4.0)}, {"G": torch.tensor(2.0)}]
    window = Window(7, [{"G": 6.0}], tensors)
    window.settle()
    assert window.means() == {"G": 3.0, "D": 4.0}
    assert (window.tensors, len(window.rows)) == ([], 3)
    window.settle()
    assert len(window.rows) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_named_with_its_step(value):
    tensors = [{"G": torch.tensor(1.0)}, {"G": torch.tensor(1.0), "D": torch.tensor(value)}]
    with pytest.raises(NonFinite, match=r"loss D is not finite at step 9; the last good checkpoint is kept"):
        Window(7, [{"G": 6.0}], tensors).settle()
