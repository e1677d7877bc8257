"""Translation from domain A to domain B, learnt from images that belong to no pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.base.errors import BenchError
from bench.data.dataset import DataSet
from bench.data.transforms import quantise
from bench.plugin.capabilities import StyledTranslator, Translator, TwoWayTranslator
from bench.tasks.task import Function, Group, Task, output_files
from bench.tasks.wishes import Sides, Wishes, prepared_inputs

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class UnpairedTranslation(Task):
    """Every test image of A is translated to B, by a method of many styles in one drawn by the image's number."""

    name = "unpaired_translation"
    verb = "translate"
    capability = Translator

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        import torch

        translate, device = _translator(method, group.backward), next(method.parameters()).device
        made: list[np.ndarray] = []
        for part, images, (height, width) in prepared_inputs(
            group.inputs(outputs), group.sides, method.config.crop_size, device
        ):
            styles = []
            if isinstance(method, StyledTranslator):
                styles = [torch.cat([method.latents(1, _style_stream(group, outputs[i])) for i in part])]
            try:
                translated = translate(images, *styles)
            except RuntimeError as error:
                if group.sides is None:
                    raise
                raise _too_odd(group, outputs[part[0]], width, height, error) from error
            made += list(quantise(translated[..., :height, :width]))
        return made

    def own_groups(self, method: Any, dataset: DataSet, wishes: Wishes) -> list[Group]:
        """See `Task.own_groups`."""
        possible = ["size"]
        possible += ["styles", "seed"] if isinstance(method, StyledTranslator) else []
        possible += ["direction"] if isinstance(method, TwoWayTranslator) else []
        wishes.require_only(f"method {method.name}", *possible)
        images, styles, backward = dataset.images("test", "A"), wishes.styles or 1, wishes.direction == "BtoA"
        sides = Sides.wanted(wishes, _translator(method, backward), next(method.parameters()).device)
        files = output_files(images.names, styles)
        return [
            Group(
                "", "test", range(len(images)), images, files, images, outputs_per_input=styles,
                seed=wishes.seed, sides=sides, backward=backward,
            )
        ]  # fmt: skip

    def as_function(self, method: Any) -> Function:
        """See `Task.as_function`; with a style where the method has styles."""
        import torch

        translate, inputs = super().as_function(method)
        if isinstance(method, StyledTranslator):
            inputs["style"] = method.latents(1, torch.Generator().manual_seed(0))
        return translate, inputs


def _translator(method: Any, backward: bool) -> Callable[..., Tensor]:
    translate: Callable[..., Tensor] = method.translate_back if backward else method.translate
    return translate


def _too_odd(group: Group, output: int, width: int, height: int, error: RuntimeError) -> BenchError:
    name, why = group.given.names[output // group.outputs_per_input], str(error).strip().split("\n")[0]
    return BenchError(
        f"{name}: the network does not take {width}x{height} pixels here ({why}); resize with --size N, or leave --size out"
    )


def _style_stream(group: Group, output: int) -> torch.Generator:
    """The stream of one output's style: the same in every run, at every checkpoint and for every subset of images."""
    from bench.base.randomness import Draws

    place, number = divmod(output, group.outputs_per_input)
    purpose = f"samples.{group.split}.style" + (f".{number}" if number else "")
    return Draws(group.seed).at(group.indices[place]).generator(purpose)
