"""Image synthesis from label maps, learnt from pairs of both; and what all tasks on such pairs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.data.dataset import DataSet
from bench.data.transforms import quantise
from bench.plugin.capabilities import Synthesizer
from bench.plugin.config import UNKNOWN
from bench.tasks.task import Function, Group, Task

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.base.randomness import Draws
    from bench.data.training_images import TrainingBatches


class PairedTask(Task):
    """A task on pairs of a label map (stream A, see PairedConfig) and an image (stream B)."""

    layouts: ClassVar[tuple[str, ...]] = ("label-maps",)

    def settings_of(self, dataset: DataSet) -> dict[str, Any]:
        """See `Task.settings_of`; which classes there are in the label maps."""
        highest, unlabelled = 0, False
        for split in dataset.splits:
            maps = dataset.labels(split)
            for classes in (maps.labels(i)[..., 0] for i in range(len(maps))):
                unlabelled |= bool((classes == UNKNOWN).any())
                highest = max(highest, int(classes.max(where=classes != UNKNOWN, initial=0)))
        return {"label_nc": highest + 1, "contain_dontcare_label": unlabelled, "no_instance": True, "aspect_ratio": 1.0}

    def batches(
        self, dataset: DataSet, method: Any, draws: Draws, cache: Path, device: torch.device | str
    ) -> TrainingBatches:
        """See `Task.batches`."""
        from bench.data.training_pairs import TrainingPairs

        return TrainingPairs(dataset, method.streams, method.config, draws, cache, device)

    def size(self, config: Any) -> tuple[int, int]:
        """(height, width) of images in pixels."""
        width, height = config.size(config.crop_size)
        return height, width

    def example_batch(self, config: Any, streams: Sequence[str], draws: Draws) -> dict[str, Tensor]:
        """A training batch of noise images and random label maps."""
        import torch

        batch = super().example_batch(config, streams, draws)
        channels = 1 if config.no_instance else 2
        shape = (config.batch_size, channels, *self.size(config))
        numbers = draws.stream("conformance.labels").integers(config.classes, size=shape)
        batch["A"] = torch.from_numpy(numbers).float()
        return batch


class PairedSynthesis(PairedTask):
    """An image is made for every label map of the test images."""

    name = "paired_synthesis"
    verb = "synthesize"
    capability = Synthesizer
    pattern = "earth-land2sat-paired"

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        import torch

        from bench.data.training_pairs import evaluation_conditions

        indices = [group.indices[i] for i in outputs]
        conditions = torch.stack(list(evaluation_conditions(dataset, group.split, indices, method.config)))
        return list(quantise(method.synthesize(conditions.to(next(method.parameters()).device))))

    def preparation(self, config: Any) -> str:
        """See `Task.preparation`."""
        height, width = self.size(config)
        return (
            f"label maps with one channel of class numbers, resized to {width}x{height} pixels by the nearest neighbour; "
            "what is made lies in [-1, 1] and becomes bytes by (x + 1) / 2 * 255, cut off"
        )

    def as_function(self, method: Any) -> Function:
        """See `Task.as_function`; of conditions."""
        return method.synthesize, {"condition": self.example_input(method.config, "A")[:1]}

    def expected_side(self, side: int) -> int | None:
        """None: label maps decide."""
        return None
