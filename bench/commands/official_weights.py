"""Official checkpoints of CUT's and CycleGAN's code bases (`latest_net_G.pth`) in this project's networks.

Their state dicts name modules as ours do (`model.1.weight`, `model.12.conv_block.1.weight`; reflection pads count), so
nothing is renamed; `load_official` says what differs from file to file. No code in a file is executed.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import BenchError, UsageError
from bench.base.regular import is_regular
from bench.base.words import shown_path
from bench.plugin.method import Method

# A -> B's generator under the originals' names: G, or G_A where there are two
GENERATORS = ("netG", "netG_A", "netG_AB")
# prefixes that a file may put before every key: DataParallel, torch.compile, a whole model's own name for its generator
WRAPPERS = ("module", "_orig_mod", *GENERATORS, "G", "G_A", "G_AB")
# where one file holds several networks that fit: A -> B's generator
PREFERRED = (*GENERATORS, "G", "G_A", "G_AB", "generator")
MAX_DEPTH = 8  # dictionaries in dictionaries
# statistics that InstanceNorm2d of torch < 0.4 saved and never used; CycleGAN's loader drops them as well
LEFTOVERS = ("running_mean", "running_var", "num_batches_tracked")
NAMED = 3


def generator_name(method: Method) -> str:
    """The attribute of the network that takes an official generator checkpoint.

    Raises:
        UsageError: if the method has none under the originals' names.
    """
    children = dict(method.named_children())
    for name in GENERATORS:
        if name in children:
            return name
    raise UsageError(f"method {method.name} has no netG; official generator weights fit translators, which have one")


def generator_of(method: Method) -> nn.Module:
    """The network that takes an official generator checkpoint.

    Raises:
        UsageError: if the method has none under the originals' names.
    """
    return method.get_submodule(generator_name(method))


def official_file(generator: str) -> str:
    """The name under which the originals' programs save a generator: `latest_net_G_A.pth` for netG_A."""
    return f"latest_net_{generator.removeprefix('net')}.pth"


def load_official(network: nn.Module, path: Path, method: str) -> None:
    """Load an official checkpoint of a generator.

    Prefixes of wrappers are taken off; unused statistics of instance norms are left out; blur filters, which are
    constants, may be missing (files saved before they were buffers).

    Args:
        network: the method's generator.
        path: `.pth` as torch saves it, or `.safetensors`.
        method: the method's name, for messages.

    Raises:
        UsageError: if the file is missing, no state dict, of integers, or of another network: the message names keys,
            shapes and the settings that would fit.
        BenchError: if weights are not finite.
    """
    shown = shown_path(path)
    target = network.state_dict()
    weights = _chosen(path, _read(path), set(target))
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
            f"{shown}: weights of another network than {method}'s generator: {'; '.join(problems)}; "
            f"choose the method it was trained with (--method) and its settings ({_settings(weights, target)})"
        )
    if kinds := sorted({str(value.dtype) for value in weights.values() if not value.is_floating_point()}):
        raise UsageError(
            f"{shown}: its weights are of {', '.join(kinds)}, of which nothing here says the scale; save them as float32"
        )
    broken = [key for key, value in weights.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise BenchError(f"{shown}: {_listed(broken)}: not all weights are finite numbers; the file is damaged")
    network.load_state_dict(target | {key: value.to(target[key].dtype) for key, value in weights.items()})


def _read(path: Path) -> Any:
    shown = shown_path(path)
    if not is_regular(path):
        raise UsageError(f"{shown}: no such file; give a generator's checkpoint such as latest_net_G.pth")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]{1,80}) ", str(error))
        more = f"{asked[1]}, which is code" if asked else "or is no checkpoint"
        raise UsageError(
            f"{shown}: holds more than tensors ({more}), and code is not run; save netG.state_dict() alone, as tensors"
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds for a damaged file
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(f"{shown}: cannot be read as a checkpoint: {reason}") from error


def _chosen(path: Path, content: Any, expected: set[str]) -> dict[str, Tensor]:
    """Of all state dicts in a file, the one that fits the network best, under whatever name it stands.

    Raises:
        UsageError: if there is none, or several that fit equally.
    """
    candidates = [(names, _strip(weights, expected)) for names, weights in _state_dicts(content, ())]
    if not candidates:
        raise UsageError(
            f"{shown_path(path)}: holds no weights of a network; give a generator's checkpoint such as latest_net_G.pth"
        )
    fits = [len(expected & set(weights)) for _, weights in candidates]
    best = [entry for entry, fit in zip(candidates, fits, strict=True) if fit == max(fits)]
    if len(best) == 1:
        return best[0][1]
    if max(fits) == 0:  # a network of another kind: its keys are named
        return max(candidates, key=lambda entry: len(entry[1]))[1]
    for preferred in PREFERRED:
        named = [weights for names, weights in best if preferred in names]
        if len(named) == 1:
            return named[0]
    places = _listed([".".join(names) for names, _ in best])
    raise UsageError(
        f"{shown_path(path)}: holds several networks that fit ({places}); save the one that is meant alone"
    )


def _state_dicts(content: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Every dictionary with tensors in it, however deep, and the keys that lead to it."""
    if not isinstance(content, Mapping) or len(names) > MAX_DEPTH:
        return
    weights = {key: value for key, value in content.items() if isinstance(key, str) and _is_weight(value)}
    if weights:
        yield names, weights
    for key, value in content.items():
        if isinstance(key, str | int):
            yield from _state_dicts(value, (*names, str(key)))


def _is_weight(value: Any) -> bool:
    """Whether it is a plain tensor with content, not one that is sparse, quantised or only announced."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized and not value.is_meta


def _settings(weights: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> str:
    """The settings of a ResNet generator that the weights were made with, where they differ."""
    wanted = []
    blocks, ours = (len({key.split(".")[1] for key in keys if ".conv_block." in key}) for keys in (weights, target))
    if blocks and ours and blocks != ours:
        wanted.append(f"--set n_blocks={blocks}")
    first = "model.1.weight"
    if first in weights and first in target and weights[first].shape[:1] != target[first].shape[:1]:
        wanted += [f"--set ngf={channels}" for channels in weights[first].shape[:1]]
    return " ".join(wanted) or "--set ngf=..."


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
