"""Translation from domain A to domain B, learnt from images that belong to no pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.dataset import DataSet
from bench.data.transforms import quantise
from bench.plugin.capabilities import StyledTranslator, Translator
from bench.tasks.task import Group, Task

if TYPE_CHECKING:
    import torch


class UnpairedTranslation(Task):
    """Every test image of A is translated to B, by a method of many styles in one drawn by the image's number."""

    name = "unpaired_translation"
    verb = "translate"
    capability = Translator

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        import torch

        from bench.data.training_images import evaluation_images

        inputs = evaluation_images(group.inputs(outputs), method.config.crop_size)
        images = torch.stack([image for _, image in inputs]).to(next(method.parameters()).device)
        if isinstance(method, StyledTranslator):
            styles = torch.cat([method.latents(1, _style_stream(group, i)) for i in outputs])
            return list(quantise(method.translate(images, styles)))
        return list(quantise(method.translate(images)))


def _style_stream(group: Group, output: int) -> torch.Generator:
    """The stream of one output's style: the same in every run, at every checkpoint and for every subset of images."""
    from bench.base.randomness import Draws

    return Draws(0).at(group.indices[output]).generator(f"samples.{group.split}.style")
