"""Trajectory records: some training steps of an unconditional GAN, tensors under the networks' own parameter names.

Files that lie together, for a run X:

    traj_init.safetensors      `G.PARAMETER`, `D.PARAMETER`, buffers included, before the first step
    traj_inputs.npz            `z_G`, `z_pl`, `z_D` (steps, batch, z_dim), `reals` (steps, batch, 3, R, R),
                               `pl_noise_unit_normal` (steps, batch', 3, R, R)
    traj_X.npz                 after each step: `loss_G`, `loss_D`, `pl_mean`, `fake_logits_D`, `real_logits_D`, `w_avg`
    traj_X_final.safetensors   `G.*`, `D.*`, `EMA.*` after the last step

As one dictionary, which `bench.replay.replay` takes as well as a path, they keep their keys; those of the last file have
`final/` in front, and the last two files may be absent. The average (netG_ema) starts as a copy of G.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.base.regular import is_regular
from bench.checks.replay.tensor_files import read_tensors

Recording = Mapping[str, Tensor]

_DRAWS = {"z_G": "z_G", "z_pl": "z_pl", "z_D": "z_D", "pl_noise": "pl_noise_unit_normal"}  # by purpose


def is_trajectory(record: Recording) -> bool:
    """Whether a record has the keys of this format."""
    return {"reals", *_DRAWS.values()} <= record.keys()


def read_trajectory(path: Path) -> dict[str, Tensor]:
    """Read the files of one run into one dictionary.

    Args:
        path: `traj_X.npz`, or the folder it lies in if there is one run in it.

    Raises:
        UsageError: if a file is missing or the folder holds several runs.
    """
    if path.is_dir():
        runs = sorted(file for file in path.glob("traj_*.npz") if file.name != "traj_inputs.npz")
        if len(runs) != 1:
            names = ", ".join(file.name for file in runs) or "none"
            raise UsageError(f"{path}: holds these trajectories: {names}; give the path of one of them")
        path = runs[0]
    if path.suffix != ".npz" or path.name == "traj_inputs.npz":
        raise UsageError(
            f"{path}: is a part of trajectories; give the path of traj_X.npz, which has the losses of run X"
        )
    files = [path.with_name("traj_init.safetensors"), path.with_name("traj_inputs.npz"), path]
    for file in files:
        if not is_regular(file):
            raise UsageError(f"{file}: is missing; a trajectory needs it beside {path.name}")
    record: dict[str, Tensor] = {}
    for file in files:
        record |= read_tensors(file)
    final = path.with_name(f"{path.stem}_final.safetensors")
    if final.is_file():
        record |= {f"final/{key}": tensor for key, tensor in read_tensors(final).items()}
    return record


def as_steps(record: Recording, networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The same record in the common form of `bench.checks.replay.replay`.

    Args:
        record: this format, as one dictionary.
        networks: G, D and G_ema, whose definition order the common form counts by.

    Returns:
        `init`, inputs and draws by name; what was recorded of each step, mean logits as the losses D_fake and D_real.

    Raises:
        BenchError: if the record's networks have other tensors than these.
    """
    steps = len(record["reals"])
    expected = {f"{n}.{key}" for n, module in networks.items() if n != "G_ema" for key, _, _ in _tensors(n, module)}
    for key in sorted(expected ^ {key for key in record if key.startswith(("G.", "D."))}):
        fault = "is missing, which the method needs" if key in expected else "is of no network of the method"
        raise BenchError(f"trajectory: {key} {fault}; resolution, channels or attention differ from the record's")
    tensors: dict[str, Tensor] = {}
    for network, module in networks.items():
        initial, final = ("G", "EMA") if network == "G_ema" else (network, network)
        for key, place, is_buffer in _tensors(network, module):
            tensors[f"{'init_buffers' if is_buffer else 'init'}/{place}"] = record[f"{initial}.{key}"]
            if f"final/{final}.{key}" in record:
                tensors[f"after_step{steps - 1}/{place}"] = record[f"final/{final}.{key}"]
    logged = {"G": "loss_G", "D": "loss_D", "pl_mean": "pl_mean", "D_fake": "fake_logits_D", "D_real": "real_logits_D"}
    for step in range(steps):
        tensors[f"step{step}/input_B"] = record["reals"][step]
        tensors |= {f"step{step}/draw_{purpose}": record[key][step] for purpose, key in _DRAWS.items()}
        tensors |= {f"step{step}/loss_{n}": record[k][step].mean().reshape(1) for n, k in logged.items() if k in record}
        if "w_avg" in record:
            tensors[f"after_step{step}/G.buffer.mapping.w_avg"] = record["w_avg"][step]
    return tensors


def _tensors(network: str, module: nn.Module) -> Iterator[tuple[str, str, bool]]:
    """(own name, the common form's name, whether it is a buffer) of every tensor."""
    for index, (name, _) in enumerate(module.named_parameters()):
        yield name, f"{network}.{index:03d}.{name.rpartition('.')[2]}", False
    for name, _ in module.named_buffers():
        yield name, f"{network}.buffer.{name}", True
