"""What training goes on from: tensors of checkpoints, the loss log's end, optimizers, tickets of executors."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from made_records import KEY
from safetensors.torch import save
from trials import REFUSED, Reader, Trials, as_json, outcome, spoiled, strange
from written_records import write_losses

from bench.base.hashing import file_sha256
from bench.base.home import RunFolder
from bench.base.sealed import sealed
from bench.checks.conformance.subject import Subject
from bench.ledger.checkpoint_files import OptimizerRecord, Progress, WeightsRecord, tensors_of, write_record
from bench.run.checkpoint import Checkpoints
from bench.run.loss_log import LossLog
from bench.run.optimizer_state import unpack
from bench.run.ticket import is_alive, read_tickets


def with_header(header: Any) -> bytes:
    """A safetensors file of a made-up header."""
    text = header if isinstance(header, bytes) else as_json(header)
    return struct.pack("<Q", len(text)) + text + bytes(64)


HEADERS = [
    {}, {"a": {}}, {"a": None}, {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}},
    {"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 16]}}, {"a": {"dtype": "F32", "shape": [-4],
    "data_offsets": [0, 16]}},
    {"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}, {"a": {"dtype": "F32", "shape": [4],
    "data_offsets": [0, 10**30]}},
    {"a": {"dtype": "F8_E8M0", "shape": [64], "data_offsets": [0, 64]}}, {"a": {"dtype": "x", "shape": [],
    "data_offsets": [0, 64]}},
    {"__metadata__": {"a": 1}}, {"__metadata__": {"format": "pt"}}, b"{" * 5000, b"null", b"", b"[]",
    {"netG.weight": {"dtype": "BOOL", "shape": [64], "data_offsets": [0, 64]}}, {"x" * 9999: {"dtype": "U8",
    "shape": [64], "data_offsets": [0, 64]}},
]  # fmt: skip


@pytest.fixture(scope="module")
def toy(make_toys: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return Subject.of_method(make_toys(tmp_path_factory.mktemp("toys")).method, {"crop_size": 8})


def test_tensors_of_checkpoints(trials: Trials, toy: Subject) -> None:
    """With the JSON half that fits them, as whoever forges them writes it; and without, as an accident leaves them."""
    checkpoints, method = Checkpoints(trials.folder, print, KEY), toy.build()
    checkpoints.save_weights(method, 1, Progress())
    path = tensors_of(trials.folder, "epoch-000001")
    whole, sealed_half = path.read_bytes(), (trials.folder / "epoch-000001.json").read_bytes()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}

    def load(_: Path) -> None:
        checkpoints.load_weights(method, 1)

    def unchanged() -> bool:
        return all(torch.equal(tensor, before[name]) for name, tensor in method.state_dict().items())

    def accident(content: bytes) -> None:
        path.write_bytes(content)
        assert outcome(load, path) is REFUSED or content == whole
        assert unchanged()
        trials.counts["refused"] += 1

    trials.try_all(spoiled(whole), accident, 0.5)

    def forgery(content: bytes) -> None:
        path.write_bytes(content)
        write_record(trials.folder, WeightsRecord(run=KEY, sha256=file_sha256(path), epoch=1))
        found = outcome(load, path)
        assert found is REFUSED or all(bool(torch.isfinite(tensor).all()) for tensor in method.parameters())
        method.load_state_dict(before)
        trials.counts["refused" if found is REFUSED else "read: whoever forged it knows the format"] += 1

    odd = [{k: v.to(torch.int8) for k, v in before.items()}, {k: v * float("nan") for k,
    v in before.items() if v.is_floating_point()},
           {k: v[None] for k, v in before.items()}, {}, {k: v for k, v in list(before.items())[1:]}]  # fmt: skip
    made = st.sampled_from([*map(with_header, HEADERS), *map(save, odd)])
    trials.try_all(made | spoiled(whole), forgery, 0.5)
    (trials.folder / "epoch-000001.json").write_bytes(sealed_half)
    trials.no_file(Reader(lambda _: load(path), whole), path)


def test_where_the_losses_go_on(trials: Trials) -> None:
    folder = RunFolder(trials.folder / KEY)
    write_losses(folder, [{"step": step, "epoch": 1, "G": 0.5} for step in (2, 4)])
    whole = folder.metrics.read_bytes()

    def read(path: Path) -> Any:
        return LossLog(path).truncate(len(whole))

    path = folder.metrics

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = outcome(read, path)
        assert found is REFUSED or path.read_bytes()[: len(whole)] in (whole, content[: len(whole)])
        trials.counts["refused" if found is REFUSED else "gone on"] += 1

    trials.try_all(spoiled(whole), check, 0.5)
    trials.no_file(Reader(read, whole, may_be=lambda found, good: True), path)


def test_states_of_optimizers(trials: Trials) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(3))], lr=1e-3)
    record = {
        "plain": {"0": {}},
        "param_groups": [json.loads(json.dumps({k: v for k, v in optimizer.state_dict()["param_groups"][0].items()}))],
    }
    tensors = {
        "optimizer/G/0/step": torch.tensor(2.0),
        "optimizer/G/0/exp_avg": torch.zeros(3),
        "optimizer/G/0/exp_avg_sq": torch.zeros(3),
    }
    names = st.sampled_from(
        [
            *tensors,
            "optimizer/G/1/step",
            "optimizer/H/0/step",
            "optimizer/",
            "optimizer/G/٣/step",
            "optimizer/G//",
            "optimizer/G/0/x",
        ]
    )
    values = st.sampled_from(
        [torch.zeros(3), torch.zeros(()), torch.zeros(3, 3), torch.zeros(0), torch.zeros(3, dtype=torch.int8)]
    )

    def check(case: tuple[dict[str, Any], dict[str, torch.Tensor]]) -> None:
        content, changes = case

        def read(_: Path) -> None:
            found = unpack({"G": optimizer}, tensors | changes, {"G": OptimizerRecord.model_validate(content)})
            optimizer.load_state_dict(found["G"])

        try:
            OptimizerRecord.model_validate(content)
        except ValueError:  # told when the checkpoint is read
            return
        trials.counts["refused" if outcome(read, Path()) is REFUSED else "gone on"] += 1

    trials.try_all(st.tuples(strange(record) | st.just(record), st.dictionaries(names, values, max_size=2)), check, 0.5)


def test_tickets(trials: Trials) -> None:
    """A job of another number is never asked for, let alone cancelled."""
    content = {
        "executor": "local",
        "run": KEY,
        "job": {"host": "x", "pid": 2**22 + 1, "started": "1"},
        "submitted": 1.0,
    }

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(
            sealed("ticket", f"{KEY}, local", {key: value for key, value in content.items() if key != "seal"})
        )

    def read(path: Path) -> Any:
        tickets = read_tickets(RunFolder(path.parents[1]))
        assert not any(map(is_alive, tickets))
        return tickets

    def none_or_it(found: Any, good: Any) -> bool:
        return found == [] or found == good

    trials.withstands(Reader(read, forge(content | {"format": 2}), f"{KEY}/tickets/local.json", none_or_it, forge))
