"""Features kept from earlier commands, and the official files of evaluation networks."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn
from trials import REFUSED, Reader, Trials, outcome, spoiled

from bench.base.hashing import file_sha256
from bench.base.weight_files import WeightFile
from bench.features import cache


def test_kept_features(trials: Trials) -> None:
    path = trials.folder / "features.npz"
    features = np.arange(12, dtype=np.float32).reshape(3, 4)
    cache._write(path, features)
    whole = path.read_bytes()

    def read(path: Path) -> Any:
        found = cache._read(path, (3, 4))
        return None if found is None else found.tobytes()

    trials.withstands(Reader(read, whole, "features.npz"))

    def check(arrays: dict[str, np.ndarray]) -> None:
        np.savez(path, **arrays)
        outcome(read, path)

    odd = st.sampled_from(
        [features, features[:2], features.astype("f8"), np.array(cache._checksum(features)), np.array(["a", "b"]),
        np.array(7),
         np.zeros((0, 4), "f4"), np.array(b"x"), np.zeros(3, dtype=[("a", "f4")]), np.full((3, 4), np.nan, "f4")]
    )  # fmt: skip
    trials.try_all(
        st.dictionaries(st.sampled_from(["features", "sha256", "", "../x", "a/b"]), odd, max_size=3), check, 0.3
    )


class Call:
    """What a pickle bomb holds."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return Path.touch, (Path("bomb"),)  # type: ignore[return-value]


def saved(content: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


@pytest.mark.parametrize("legacy", [False, True])
def test_official_weights(trials: Trials, monkeypatch: pytest.MonkeyPatch, legacy: bool) -> None:
    """A file of the right checksum, or of one that begins alike: its makers publish eight digits."""
    monkeypatch.chdir(trials.folder)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    options = {"_use_new_zipfile_serialization": False} if legacy else {}
    whole = saved(before, **options)
    path = trials.folder / "weights.pth"

    def load(path: Path) -> Any:
        file = WeightFile(
            name=path.name, sha256=file_sha256(path)[:8] if path.is_file() else "0", purpose="FID", origin="example.org"
        )
        file.load(path.parent, network.load_state_dict)
        return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}

    content: list[Any] = [
        None, [], {}, "x", {"a": Call()}, Call(), {"state_dict": before}, {1: torch.zeros(1)}, {**before, "0.weight": None},
        {**before, "0.weight": torch.zeros(4, 3, 3)}, {**before, "0.weight": torch.full((4, 3, 3, 3), float("nan"))},
        {**before, "0.bias": torch.zeros(4, device="meta")}, {**before, "0.bias": torch.zeros(4).to_sparse()},
        {"0.weight": before["0.weight"]},
        {**before, "2.weight": torch.zeros(1)}, {**before, "0.bias": torch.zeros(4, dtype=torch.complex64)},
        {**before, "a\nb": torch.zeros(1)},
    ]  # fmt: skip
    bombs = [pickle.dumps(Call()), b"cos\nsystem\n(S'touch bomb'\ntR.", saved({"a": Call()}, **options)]
    made = st.sampled_from([*bombs, *(saved(one, **options) for one in content)])

    def check(raw: bytes) -> None:
        network.load_state_dict(before)
        path.write_bytes(raw)
        found = outcome(load, path, names_file=True)
        assert found is REFUSED or all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())
        assert not (trials.folder / "bomb").exists(), "code in a file was run"
        trials.counts["refused" if found is REFUSED else "taken: its checksum is the published one"] += 1

    trials.try_all(made, check, 0.5)
    trials.try_all(spoiled(whole), check, 0.5)
    trials.no_file(Reader(load, whole), path)
