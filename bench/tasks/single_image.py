"""Translation of one picture into the look of another, learnt from these two alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.dataset import DataSet
from bench.data.images import Fitted, ImageSet
from bench.data.tiles import Tiles
from bench.data.transforms import quantise, round_sides, to_tensor
from bench.plugin.capabilities import Translator
from bench.tasks.task import Group, Selection, Task, output_files

if TYPE_CHECKING:
    import torch

    from bench.base.randomness import Draws
    from bench.data.training_images import TrainingBatches

TILE = 64  # pixels; the published size of crops, whatever a run was trained with, so that scores can be compared


class SingleImageTranslation(Task):
    """The whole picture A is translated at once, and its squares of 64 pixels are compared with those of picture B."""

    name = "single_image_translation"
    verb = "translate"
    capability = Translator
    layouts = ("two-pictures",)
    pattern = "single-image"

    def batches(
        self, dataset: DataSet, method: Any, draws: Draws, cache: Path, device: torch.device | str
    ) -> TrainingBatches:
        """See `Task.batches`; crops of both pictures."""
        from bench.data.training_crops import TrainingCrops

        return TrainingCrops(dataset, method.config, draws, device)

    def epoch_length(self, dataset: DataSet) -> int:
        """See `Task.epoch_length`; as many crops as the original counts."""
        from bench.data.training_crops import CROPS

        return CROPS

    def groups(self, dataset: DataSet, selection: Selection) -> list[Group]:
        """See `Task.groups`; what the result is compared with is the picture that was learnt from."""
        given = selection.images(dataset, "A")
        truth = selection.images(dataset, "B") if dataset.aligned(selection.split) else None
        exemplars = dataset.images("train", "B")
        files, real = output_files(given.names), self.as_scored(exemplars)
        return [Group("", selection.split, range(len(given)), given, files, real, truth, exemplars=exemplars)]

    def together(self, method: Any) -> int:
        """See `Task.together`; pictures have sizes of their own."""
        return 1

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`; at full size, both sides rounded to multiples of 4."""
        device = next(method.parameters()).device
        pictures = (to_tensor(round_sides(group.given.pixels(i)))[None].to(device) for i in outputs)
        return [quantise(method.translate(picture))[0] for picture in pictures]

    def compared(self, group: Group, fake: ImageSet) -> tuple[ImageSet, ImageSet | None]:
        """See `Task.compared`; squares of both."""
        truth = None if group.truth is None else self.as_scored(Fitted(group.truth, fake))
        return self.as_scored(fake), truth

    def as_scored(self, images: ImageSet) -> ImageSet:
        """See `Task.as_scored`; in squares."""
        return Tiles(images, TILE)

    def preparation(self, config: Any) -> str:
        """See `Task.preparation`."""
        return (
            "RGB at its own size, both sides brought to the nearest multiples of 4 with PIL's bicubic filter, scaled to "
            "[-1, 1]; what is made lies in [-1, 1] and becomes bytes by (x + 1) / 2 * 255, cut off"
        )

    def expected_side(self, side: int) -> int | None:
        """None: the picture decides."""
        return None
