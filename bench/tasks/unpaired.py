"""Translation from domain A to domain B, learnt from images that belong to no pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.dataset import DataSet
from bench.data.transforms import quantise
from bench.plugin.capabilities import Translator
from bench.tasks.task import Group, Task


class UnpairedTranslation(Task):
    """Every test image of A is translated to B."""

    name = "unpaired_translation"
    verb = "translate"
    capability = Translator

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        import torch

        from bench.data.training_images import evaluation_images

        inputs = evaluation_images(group.inputs(outputs), method.config.crop_size)
        batch = torch.stack([image for _, image in inputs])
        return list(quantise(method.translate(batch.to(next(method.parameters()).device))))
