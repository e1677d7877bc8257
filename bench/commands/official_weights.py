"""Official checkpoints of CUT's and CycleGAN's code bases (`latest_net_G.pth`) in this project's networks.

Their state dicts name modules as ours do (`model.1.weight`, `model.12.conv_block.1.weight`; reflection pads count), so
nothing is renamed; `load_official` says what differs from file to file. No code in a file is executed.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.plugin.method import Method

# A -> B's generator under the originals' names: G, or G_A where there are two
GENERATORS = ("netG", "netG_A")
# prefixes that a file may put before every key: DataParallel, torch.compile, a whole model's own name for its generator
WRAPPERS = ("module", "_orig_mod", "netG", "netG_A", "G", "G_A")
# statistics that InstanceNorm2d of torch < 0.4 saved and never used; CycleGAN's loader drops them as well
LEFTOVERS = ("running_mean", "running_var", "num_batches_tracked")
NAMED = 3


def generator_of(method: Method) -> nn.Module:
    """The network that takes an official generator checkpoint.

    Raises:
        UsageError: if the method has none under the originals' names.
    """
    children = dict(method.named_children())
    for name in GENERATORS:
        if name in children:
            return children[name]
    raise UsageError(f"method {method.name} has no netG; official generator weights fit translators, which have one")


def load_official(network: nn.Module, path: Path, method: str) -> None:
    """Load an official checkpoint of a generator.

    Prefixes of wrappers are taken off; unused statistics of instance norms are left out; blur filters, which are
    constants, may be missing (files saved before they were buffers).

    Args:
        network: the method's generator.
        path: `.pth` as torch saves it, or `.safetensors`.
        method: the method's name, for messages.

    Raises:
        UsageError: if the file is missing, no state dict, or of another network: the message names keys and shapes.
        BenchError: if weights are not finite.
    """
    target = network.state_dict()
    weights = _strip(_read(path), set(target))
    weights = {key: value for key, value in weights.items() if not _is_leftover(key, network)}
    missing = [key for key in target if key not in weights and not key.endswith(".filt")]
    unexpected = [key for key in weights if key not in target]
    shapes = [
        f"{key} is {tuple(weights[key].shape)} instead of {tuple(target[key].shape)}"
        for key in target
        if key in weights and weights[key].shape != target[key].shape
    ]
    problems = [
        *([f"missing {_listed(missing)}"] if missing else []),
        *([f"unexpected {_listed(unexpected)}"] if unexpected else []),
        *([_listed(shapes)] if shapes else []),
    ]
    if problems:
        raise UsageError(
            f"{path}: weights of another network than {method}'s generator: {'; '.join(problems)}; "
            "choose the method it was trained with (--method) and its settings (--set ngf=...)"
        )
    broken = [key for key, value in weights.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise BenchError(f"{path}: {_listed(broken)}: not all weights are finite numbers; the file is damaged")
    network.load_state_dict(target | {key: value.to(target[key].dtype) for key, value in weights.items()})


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give a generator's checkpoint such as latest_net_G.pth")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path}: holds more than weights (or is no checkpoint), and its code is not run; save netG.state_dict() alone"
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds for a damaged file
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(f"{path}: cannot be read as a checkpoint: {reason}") from error
    while isinstance(content, Mapping) and not any(isinstance(value, Tensor) for value in content.values()):
        inner = [
            value for key, value in content.items() if isinstance(value, Mapping) and key in (*WRAPPERS, "state_dict")
        ]
        if len(inner) != 1:
            break
        content = inner[0]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise UsageError(
            f"{path}: holds no weights of a network; give a generator's checkpoint such as latest_net_G.pth"
        )
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _strip(weights: dict[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """Take wrappers' prefixes off until keys look like the network's."""
    while weights and not expected & set(weights):
        prefix = next((f"{name}." for name in WRAPPERS if any(key.startswith(f"{name}.") for key in weights)), None)
        if prefix is None:
            break
        weights = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    return weights


def _is_leftover(key: str, network: nn.Module) -> bool:
    place, _, name = key.rpartition(".")
    if name not in LEFTOVERS:
        return False
    try:
        # as our instance norms are: without parameters and buffers
        return not network.get_submodule(place).state_dict()
    except AttributeError:
        return False


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
