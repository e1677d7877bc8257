"""Reference arrays, a tiny configuration of the patch-wise methods, and a way to run their steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.checks.replay.replay import Replay
from bench.plugin.method import Method, StepContext
from methods.networks.stylegan2_discriminator import StyleGAN2Discriminator
from methods.networks.stylegan2_generator import StyleGAN2Generator

GOLDEN = Path(__file__).parents[1] / "golden" / "unpaired"
# five residual blocks: the smallest generator that has a module 16
TINY = {"ngf": 4, "ndf": 4, "n_blocks": 5, "netF_nc": 16, "num_patches": 16}


@pytest.fixture
def golden() -> Callable[[str], dict[str, Tensor]]:
    def load(name: str) -> dict[str, Tensor]:
        with np.load(GOLDEN / name) as arrays:
            found = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        # what single precision holds exactly is stored so
        return {key: value.double() if value.dtype == torch.float32 else value for key, value in found.items()}

    return load


@pytest.fixture
def recorded_steps(golden) -> Callable[[str], dict[str, Tensor]]:
    """The two training steps that were recorded of a method, complete (tests/golden/README.md says what is left out)."""

    def load(method: str) -> dict[str, Tensor]:
        inputs = {key: value for key, value in golden("trainstep_cut.npz").items() if "/input_" in key}
        record = inputs | golden(f"trainstep_{method}.npz")
        for key in [key for key in record if key.startswith("init/")]:
            place = key.removeprefix("init/")
            weight = nn.Parameter(record[key].clone())
            weight.grad = record[f"grad_step0/{place}"]
            torch.optim.Adam([weight], lr=2e-4, betas=(0.5, 0.999)).step()
            record[f"after_step0/{place}"] = weight.detach()
        return record

    return load


RIVALS = Path(__file__).parents[1] / "golden" / "rivals"
# how the recorded programs' Adam was set where it was not lr 2e-4 without weight decay
RIVAL_ADAM: dict[str, dict[str, Any]] = {
    "munit": {"lr": 1e-4, "weight_decay": 1e-4},
    "drit": {"lr": 1e-4, "weight_decay": 1e-4},
}
SLOWER = {"drit": ("disContent", 4e-5)}


@pytest.fixture
def rival_arrays() -> Callable[[str], dict[str, Tensor]]:
    def load(name: str) -> dict[str, Tensor]:
        with np.load(RIVALS / f"{name}.npz") as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    return load


@pytest.fixture
def rival_steps(rival_arrays) -> Callable[[str], dict[str, Tensor]]:
    """Two recorded training steps, complete but for images (tests/golden/README.md says what is left out)."""

    def load(name: str) -> dict[str, Tensor]:
        record: dict[str, Tensor] = rival_arrays(f"trainstep_{name}")
        settings = {"lr": 2e-4} | RIVAL_ADAM.get(name, {})
        for key in [key for key in record if key.startswith("init/")]:
            place = key.removeprefix("init/")
            network, lr = SLOWER.get(name, ("", 0.0))
            own = settings | ({"lr": lr} if place.startswith(f"{network}.") else {})
            weight = nn.Parameter(record[key].double())
            optimizer = torch.optim.Adam([weight], betas=(0.5, 0.999), **own)
            for kind in ("grad_step0", "grad_second_step0"):
                if f"{kind}/{place}" in record:
                    weight.grad = record[f"{kind}/{place}"].double()
                    optimizer.step()
            record[f"after_step0/{place}"] = weight.detach()
        return record

    return load


@pytest.fixture
def rival_errors() -> Callable[[Replay, dict[str, Tensor]], tuple[float, float]]:
    """The largest relative error of a replay, and the largest absolute one of gradients and weights of biases.

    The gradient of a bias in front of a normalisation is zero but for rounding, of which Adam makes a step.
    """

    def measure(result: Replay, record: dict[str, Tensor]) -> tuple[float, float]:
        relative, absolute = 0.0, 0.0
        for key, error in result.compare(record).items():
            if key.endswith(".bias"):
                absolute = max(absolute, float((result.tensors[key] - record[key]).abs().max()))
            else:
                relative = max(relative, error)
        return relative, absolute

    return measure


@pytest.fixture
def tiny() -> dict[str, Any]:
    return dict(TINY)


def images(step: int, batch: int = 1, side: int = 32, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return {name: (torch.rand(batch, 3, side, side, generator=generator) * 2 - 1).to(dtype) for name in "AB"}


class Driver:
    """Runs training steps of a method as the harness would."""

    images = staticmethod(images)

    @staticmethod
    def build(method: type[Method], seed: int = 0, **config: Any) -> Method:
        return method(method.Config(**config), Draws(seed))

    @staticmethod
    def step(
        method: Method, step: int, draws: Draws | None = None, batch: int = 1, epoch: int = 1
    ) -> dict[str, Tensor]:
        dtype = next(method.parameters()).dtype
        context = StepContext(step, epoch, 10, method.config.total_epochs, (draws or Draws(0)).at(step))
        return method.training_step(images(step, batch, dtype=dtype), context)


@pytest.fixture
def driver() -> type[Driver]:
    return Driver


STYLEGAN2 = Path(__file__).parents[1] / "golden" / "stylegan2"
# the records' networks: 32 pixels, 16 channels at every resolution
TINY_STYLEGAN2 = {"resolution": 32, "channel_base": 512, "channel_max": 16}


@pytest.fixture
def stylegan2_golden() -> Callable[[str], dict[str, Tensor]]:
    def load(name: str) -> dict[str, Tensor]:
        if name.endswith(".npz"):
            with np.load(STYLEGAN2 / name) as arrays:
                return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        return load_file(STYLEGAN2 / name)

    return load


def _state(load: Callable[[str], dict[str, Tensor]], network: str) -> dict[str, Tensor]:
    """A network's state, which is that of the trajectories but for biases and averages."""
    stored = load("traj_init.safetensors") | load("biases.npz")
    return {key.removeprefix(network): value for key, value in stored.items() if key.startswith(network)}


@pytest.fixture
def reference_generator(stylegan2_golden) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        netG = StyleGAN2Generator(z_dim=16, w_dim=16, **TINY_STYLEGAN2).double()
        netG.load_state_dict(_state(stylegan2_golden, "G."))
        return netG

    return build


@pytest.fixture
def reference_discriminator(stylegan2_golden) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        netD = StyleGAN2Discriminator(**TINY_STYLEGAN2).double()
        netD.load_state_dict(_state(stylegan2_golden, "D."))
        return netD

    return build


CFL_SPADE = Path(__file__).parents[1] / "golden" / "cfl_spade"


@pytest.fixture
def cfl_golden() -> Callable[[str], dict[str, Tensor]]:
    def load(name: str) -> dict[str, Tensor]:
        with np.load(CFL_SPADE / f"{name}.npz") as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    return load
