"""Segmentation of real images: what networks that score other methods' images are trained to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.dataset import DataSet
from bench.data.images import ImageSet
from bench.metrics.confusions import classes_seen
from bench.plugin.capabilities import Segmenter
from bench.tasks.paired import PairedTask
from bench.tasks.task import EXAMPLES, Function, Group, Selection, output_files, wrong_shape

if TYPE_CHECKING:
    from torch import Tensor


class Segmentation(PairedTask):
    """Every real test image is segmented; the picture is in the colours of the data set's label maps."""

    name = "segmentation"
    verb = "segment"
    capability = Segmenter
    given = "input B"
    truth = "truth A"
    segments = True
    layouts = ()  # the metrics there are know the classes of published data sets only

    def groups(self, dataset: DataSet, selection: Selection) -> list[Group]:
        """See `Task.groups`; the other way round, from B to A."""
        (group,) = super().groups(dataset, selection)
        images, maps = group.real, group.given
        return [Group("", group.split, group.indices, images, output_files(images.names), images, maps)]

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        colours = dataset.colours()[method.labels_of_classes.cpu().numpy()]
        images = group.inputs(outputs)
        return [colours[classes_seen(method, images.pixels(i))] for i in range(len(images))]

    def compared(self, group: Group, fake: ImageSet) -> tuple[ImageSet, ImageSet | None]:
        """The real images: the network is scored by what it sees in them, not by its pictures."""
        return group.real, None

    def preparation(self, config: Any) -> str:
        """See `Task.preparation`."""
        height, width = self.size(config)
        return (
            f"RGB resized to {width}x{height} pixels with PIL's bicubic filter and scaled to [-1, 1]; what is seen is shown "
            "in the colours of the data set's label maps"
        )

    def as_function(self, method: Any) -> Function:
        """See `Task.as_function`; classes of images."""
        return method.segment, {"images": self.example_input(method.config, "B")[:1]}

    def make_examples(self, method: Any) -> Any:
        """Classes of two noise images."""
        return method.segment(self.example_input(method.config, "B"))

    def problem(self, output: Tensor, config: Any) -> str | None:
        """See `Task.problem`; the output is classes."""
        if wrong := wrong_shape(output, (EXAMPLES, *self.size(config))):
            return wrong
        low, whole = float(output.min()), not output.is_floating_point()
        return None if whole and low >= 0 else f"classes are whole numbers from 0, not {output.dtype} from {low:.3g}"
