"""Records of training steps that others made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.numpy import save
from torch import nn
from trials import REFUSED, Reader, Trials, outcome

from bench.checks.replay.recording import load_weights, read_recording
from bench.checks.replay.stylegan2_recording import read_trajectory

ARRAYS = {
    "init/G.000.weight": np.zeros((2, 3), "f4"),
    "step0/input_A": np.zeros((1, 3, 4, 4), "f4"),
    "step0/loss_G": np.ones(1, "f4"),
}


def by_name(found: Any) -> Any:
    return {name: tensor.numpy().tobytes() for name, tensor in found.items()}


def test_safetensors(trials: Trials) -> None:
    """What an accident leaves readable is another record, which no replay of the method takes for the whole one."""
    read = lambda path: by_name(read_recording(path, {}))  # noqa: E731
    trials.withstands(Reader(read, save(ARRAYS), "record.safetensors", lambda found, good: isinstance(found, dict)))


def test_npz(trials: Trials) -> None:
    path = trials.folder / "record.npz"
    np.savez(path, **ARRAYS)
    read = lambda path: by_name(read_recording(path, {}))  # noqa: E731
    trials.withstands(Reader(read, path.read_bytes(), path.name, lambda found, good: isinstance(found, dict)))

    def check(arrays: dict[str, Any]) -> None:
        np.savez(path, **arrays)
        outcome(read, path)

    odd = [
        np.zeros(3),
        np.array("text"),
        np.array([None], object),
        np.zeros(2, "u2"),
        np.zeros(2, "c16"),
        np.zeros(2, [("a", "f4")]),
        np.datetime64("2020"),
    ]
    trials.try_all(st.dictionaries(st.sampled_from(["a", "", "b/c"]), st.sampled_from(odd), max_size=2), check, 0.3)


def test_trajectories(trials: Trials) -> None:
    from safetensors.torch import save_file

    save_file({"G.weight": torch.zeros(2)}, trials.folder / "traj_init.safetensors")
    np.savez(trials.folder / "traj_inputs.npz", reals=np.zeros((1, 1, 3, 4, 4), "f4"))
    np.savez(trials.folder / "traj_a.npz", loss_G=np.zeros(1))
    whole = (trials.folder / "traj_a.npz").read_bytes()
    is_read = lambda found, good: isinstance(found, dict)  # noqa: E731
    trials.withstands(Reader(lambda path: by_name(read_trajectory(path)), whole, "traj_a.npz", is_read, inputs=0.5))


def test_weights_of_records(trials: Trials) -> None:
    networks = {"G": nn.Linear(3, 2)}
    whole = {"init/G.000.weight": torch.zeros(2, 3), "init/G.001.bias": torch.zeros(2)}
    odd = st.sampled_from(
        [
            torch.zeros(6),
            torch.zeros(0),
            torch.zeros(2, 3),
            torch.zeros(2, 3, dtype=torch.int8),
            torch.zeros(()),
            torch.zeros(2, dtype=torch.complex64),
        ]
    )

    def check(changes: dict[str, torch.Tensor]) -> None:
        found = outcome(lambda _: load_weights(networks, whole | changes, "init/"), Path())
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    names = st.sampled_from([*whole, "init/G.002.weight", "init/", "init/H.000.weight"])
    trials.try_all(st.dictionaries(names, odd, max_size=2), check, 0.3)
