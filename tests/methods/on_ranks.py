"""A function on several ranks of this machine, as a run on several devices calls it, and steps to compare."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.base import collective
from bench.base.randomness import Draws
from bench.method import Method, StepContext
from bench.run.ranked_step import RankedStep

Named = dict[str, Tensor]


def on_ranks(
    folder: Path, function: Callable[..., Named], *arguments: Any, count: int = 2, per_rank: tuple[str, ...] = ()
) -> list[Named]:
    """What a function returns on each of several ranks; one that fails shows its traceback and fails the test."""
    context = multiprocessing.get_context("fork")  # so that tests hand over functions of their own
    folder.mkdir(parents=True, exist_ok=True)

    def work(rank: int) -> None:
        torch.set_num_threads(1)
        try:
            collective.join(folder / "meeting", rank, count, per_rank)
            with collective.together():
                found = function(*arguments)
        except BaseException:
            traceback.print_exc()
            raise
        save_file({name: value.detach().clone().contiguous() for name, value in found.items()}, folder / f"{rank}")
        collective.leave()

    children = [context.Process(target=work, args=(rank,)) for rank in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        child.kill()
    assert [child.exitcode for child in children] == [0] * count
    return [load_file(folder / f"{rank}") for rank in range(count)]


def steps(build: Callable[[], Method], batch: Callable[[Method, int], Named], count: int = 3) -> Named:
    """Losses and gradients of some steps in double precision, and all that the method holds after them."""
    method = build().double()
    make = RankedStep(method)
    found: Named = {}
    for number in range(count):
        whole = batch(method, number)
        whole = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in whole.items()}
        losses = make(whole, StepContext(number, 1, count, 1, Draws(0).at(number)))
        found |= {f"loss.{number}.{name}": loss for name, loss in losses.items()}
        found |= {f"gradient.{number}.{name}": gradient.clone() for name, gradient in method.named_gradients()}
    found |= {f"after.{name}": tensor.clone() for name, tensor in method.state_dict().items()}
    return found


def largest_difference(one: Named, other: Named) -> tuple[float, str]:
    """The largest difference of two results and where it is, relative to the largest entry of a tensor of 1 or more."""
    assert one.keys() == other.keys()
    return max(
        (float((one[name] - other[name]).abs().max() / one[name].abs().max().clamp(min=1)), name)
        for name in one
        if one[name].numel()
    )
