"""Recorded training steps: those of tests/golden, and those of the independent implementations beside the tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.checks.replay.recording import read_recording
from bench.checks.replay.replay import Replay, replay
from tests.gpu.case import GOLDEN, TOLERANCE, error, read

sys.path.insert(0, str(Path(__file__).parents[1] / "methods"))  # whose modules import each other by their bare names
SMALL = {"ngf": 4, "ndf": 4, "netF_nc": 32, "num_patches": 64}


@dataclass(frozen=True)
class Recorded:
    """Steps of a method by somebody else.

    Attributes:
        method: its name.
        config: of the method that replays them; or what makes it.
        record: gives the record.
        epoch: in which they happen.
        by_angle: networks of which single precision is compared by the gradient's direction, and those left out of it.
    """

    method: str
    config: Any
    record: Callable[[], Any]
    epoch: int | None = None
    by_angle: dict[str, bool] = field(default_factory=dict)


def _cyclegan() -> dict[str, Tensor]:
    inputs = {key: value for key, value in read("unpaired/trainstep_cut.npz").items() if "/input_" in key}
    return inputs | read("unpaired/trainstep_cyclegan.npz")


def _rival(name: str) -> Callable[[], dict[str, Tensor]]:
    return lambda: read(f"rivals/trainstep_{name}.npz")


def _independent(name: str, **options: Any) -> Callable[[], dict[str, Tensor]]:
    def made() -> dict[str, Tensor]:
        import reference_records

        record: dict[str, Tensor] = getattr(reference_records, name)(**options)
        return record

    return made


def _stargan(name: str) -> Recorded:
    def config() -> dict[str, Any]:
        from stargan_steps import RECORDED as SETTINGS

        return SETTINGS[name]

    def record() -> dict[str, Tensor]:
        from stargan_steps import stargan_steps

        return stargan_steps(name)

    return Recorded("stargan_v2", config, record)


def _contrastive_config() -> Any:
    from reference_contrastive_feature import TINY

    from methods.contrastive_feature_config import ContrastiveFeatureConfig

    return ContrastiveFeatureConfig(**TINY)


def _contrastive() -> dict[str, Tensor]:
    from reference_contrastive_feature import record

    found: dict[str, Tensor] = record(_contrastive_config(), steps=1)
    return found


_LOGISTIC = {
    "adversarial_loss": "logistic", "crop_size": 32, "load_size": 32, "batch_size": 4, "channel_base": 512,
    "channel_max": 16, "z_dim": 16, "w_dim": 16, "self_attention": None, "style_mixing": 0.0, "noise": "const",
    "r1_gamma": 10.0,
}  # fmt: skip
_NARROW = {"ngf": 2, "ndf": 2}  # widths of most recorded rivals
_SPATIAL = _NARROW | {"patch_nums": 64, "vgg_nc": (2, 3, 6, 8, 8)}
RECORDED = {
    "cut": Recorded("cut", SMALL, lambda: read("unpaired/trainstep_cut.npz")),
    # one ReLU input of this record is 2e-6 and may round to the other side of 0, which moves G_A's gradient by percents
    "cyclegan": Recorded(
        "cyclegan",
        {"ngf": 4, "ndf": 4},
        _cyclegan,
        by_angle={"G_A": False, "G_B": True, "D_A": True, "D_B": True},
    ),
    "dual_contrastive, logistic": Recorded(
        "dual_contrastive", _LOGISTIC, lambda: GOLDEN / "stylegan2" / "traj_logistic_ns.npz"
    ),
    "gcgan": Recorded(
        "gcgan", _NARROW | {"n_blocks": 6, "batch_size": 2, "pool_size": 2, "identity": 0.3}, _rival("gcgan")
    ),
    "gcgan, cross": Recorded(
        "gcgan", _NARROW | {"model": "cross", "geometry": "vf", "batch_size": 1, "pool_size": 1}, _rival("gcgan_cross")
    ),
    "distancegan": Recorded("distancegan", _NARROW | {"pool_size": 2}, _rival("distancegan")),
    "munit": Recorded("munit", _NARROW | {"mlp_dim": 16}, _rival("munit")),
    "drit": Recorded("drit", {"ngf": 1, "nef": 2, "ndf": 1}, _rival("drit")),
    "fsesim": Recorded("fsesim", _SPATIAL, _rival("fsesim")),
    "lsesim": Recorded("lsesim", _SPATIAL | {"patch_size": 8}, _rival("lsesim")),
    "sincut": Recorded("sincut", {"ngf": 0.5, "ndf": 0.25, "netF_nc": 16, "batch_size": 4}, _rival("sincut")),
    "stargan_v2": _stargan("stargan_v2"),
    "stargan_v2, released": _stargan("stargan_src_released"),
    "fastcut": Recorded("fastcut", SMALL, _independent("record_fastcut")),
    "negcut": Recorded("negcut", SMALL, _independent("record_negcut", fast=False)),
    "fastnegcut": Recorded("fastnegcut", SMALL, _independent("record_negcut", fast=True)),
    "src_hdce": Recorded("src_hdce", SMALL, _independent("record_src"), epoch=5),
    "contrastive_feature": Recorded("contrastive_feature", _contrastive_config, _contrastive),
}


def compare(name: str, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """Replay the first step of a record: its losses, images and gradients, relative to the largest entry of each kind.

    Args:
        name: one of RECORDED.
        device: where.
        dtype: in which precision.

    Returns:
        Errors by kind, where each largest one is, and whether all are within the precision's tolerance.
    """
    given = RECORDED[name]
    config = given.config() if callable(given.config) else given.config
    content = given.record()
    found = replay(given.method, config, content, epoch=given.epoch, steps=1, dtype=dtype, device=device)
    recorded = read_recording(content, found.method.networks())
    values: dict[str, Any] = {
        "losses": _worst(found, [key for key in recorded if key.startswith("step0/loss_")], recorded)
    }
    if images := [f"step0/{name}" for name in found.method.visuals() if f"step0/{name}" in recorded]:
        values["images"] = _worst(found, images, recorded)
    ok = all(values[kind] <= TOLERANCE[dtype] for kind in values)
    # grad_step0/NETWORK, or grad_step0_UPDATE/NETWORK of one that is updated several times
    parts = sorted({key.split(".")[0] for key in recorded if re.match(r"grad_step0[_/]", key)})
    for part in parts:
        prefix, label = f"{part}.", part.removeprefix("grad_step0").lstrip("_/")
        network = part.partition("/")[2]
        gradients = {key: value.double() for key, value in recorded.items() if key.startswith(prefix)}
        if dtype == torch.float32 and network in given.by_angle:
            cosine = _cosine(found.tensors, gradients)
            values[f"cosine of gradient {label}"] = cosine
            ok = ok and (cosine > 0.9999 or not given.by_angle[network])
            continue
        largest = torch.stack([gradient.abs().max() for gradient in gradients.values()]).max()
        values[f"gradient {label}"] = max(error(found.tensors[k], g, largest) for k, g in gradients.items())
        ok = ok and values[f"gradient {label}"] <= TOLERANCE[dtype]
    return values | {"ok": ok}


def _worst(found: Replay, keys: Iterable[str], recorded: Mapping[str, Tensor]) -> float:
    return max(error(found.tensors[key], recorded[key].double(), recorded[key].double().abs().max()) for key in keys)


def _cosine(found: Mapping[str, Tensor], recorded: Mapping[str, Tensor]) -> float:
    one = torch.cat([found[key].double().flatten() for key in recorded])
    other = torch.cat([value.flatten() for value in recorded.values()])
    return float(torch.cosine_similarity(one, other, dim=0))
