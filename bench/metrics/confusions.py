"""What metrics of classes use: a segmentation network trained on real images, and the test images' true classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.base.errors import BenchError
from bench.data.labels import LabelMaps
from bench.data.transforms import resize, to_tensor
from bench.features.cache import Images
from bench.plugin.config import UNKNOWN

if TYPE_CHECKING:
    from bench.plugin.method import Method


class Segmentation:
    """Confusion matrices of image sets; each set is segmented once, whatever the number of metrics.

    Images are brought to the network's size by PIL's bicubic filter, label maps by the nearest neighbour (CUT,
    supplement, evaluation details).

    Args:
        name: of the network: the train key of its run.
        network: gives the trained method, when the first metric needs it.
        real: real test images.
        labels: gives their true label maps, when the first metric needs them.
    """

    def __init__(self, name: str, network: Callable[[], Method], real: Images, labels: Callable[[], LabelMaps]) -> None:
        self.name = name
        self._network = network
        self._real = real
        self._labels = labels
        self._matrices: dict[int, tuple[Images, np.ndarray]] = {}
        self._shares: dict[int, tuple[Images, np.ndarray]] = {}

    def confusions(self, images: Images) -> np.ndarray:
        """How often each true class was taken for each class, image by image.

        Args:
            images: one for each label map; must not change while this object lives.

        Returns:
            int64 (number of images, classes, classes), true classes in rows; pixels without a scored class are left out.

        Raises:
            NotAvailable: if the label maps are not on this machine.
            BenchError: if the network is not trained, or the sets do not fit.
        """
        if id(images) not in self._matrices:  # kept with the set, so that its id() cannot be given to another
            self._matrices[id(images)] = (images, self._segment(images))
        return self._matrices[id(images)][1]

    def shares(self, images: Images) -> np.ndarray:
        """The share of each class in what the network sees, image by image; no label maps are needed.

        Args:
            images: any; must not change while this object lives.

        Returns:
            float64 (number of images, classes), rows of which add up to 1.

        Raises:
            BenchError: if the network is not trained.
        """
        if id(images) not in self._shares:
            network: Any = self._network()
            count = len(network.labels_of_classes)
            seen = [classes_seen(network, images.pixels(i)) for i in range(len(images))]
            shares = [np.bincount(classes.ravel(), minlength=count) / classes.size for classes in seen]
            self._shares[id(images)] = (images, np.stack(shares))
        return self._shares[id(images)][1]

    def of_real(self) -> np.ndarray:
        """The same of the real test images."""
        return self.confusions(self._real)

    def _segment(self, images: Images) -> np.ndarray:
        from bench.data.training_pairs import condition  # torch

        labels, network = self._labels(), self._network()
        if len(labels) != len(images):
            raise BenchError(
                f"{len(images)} images against {len(labels)} label maps; score one image for each test image"
            )
        segmenter: Any = network
        config = segmenter.config
        size = config.size(config.crop_size)
        device = next(network.parameters()).device
        count = len(segmenter.labels_of_classes)
        matrices = []
        for i, name in enumerate(images.names):
            numbers = condition(labels.resized(i, size), config, f"label map of '{name}'")[0].long().to(device)
            true = segmenter.classes(numbers).cpu().numpy()
            matrices.append(confusion(true, classes_seen(segmenter, images.pixels(i)), count))
        return np.stack(matrices)


def classes_seen(segmenter: Any, pixels: np.ndarray) -> np.ndarray:
    """What a segmentation network sees in one image at its own size.

    Args:
        segmenter: a trained method that can segment.
        pixels: uint8 (H, W, 3) of any size.

    Returns:
        Scored classes, int64 (height, width) of the network's size.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    tensor = to_tensor(resize(image, segmenter.config.size(segmenter.config.crop_size)))
    classes: np.ndarray = segmenter.segment(tensor[None].to(next(segmenter.parameters()).device))[0].cpu().numpy()
    return classes


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        true: whole numbers (H, W); UNKNOWN is left out.
        predicted: the same shape, 0..classes-1.
        classes: how many there are.

    Returns:
        int64 (classes, classes), true classes in rows.
    """
    scored = true != UNKNOWN
    pairs = true[scored].astype(np.int64) * classes + predicted[scored]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
