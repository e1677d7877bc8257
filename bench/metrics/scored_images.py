"""What a metric is given: the images to score, what they are compared with, and the networks it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.base.errors import BenchError, NotAvailable
from bench.features.cache import FeatureCache, Images
from bench.features.extractor import Extractor
from bench.metrics.confusions import Segmentation

if TYPE_CHECKING:
    import torch


class GeneratorView(ABC):
    """A trained generator whose noise a metric chooses: for path lengths, or for how far outputs of one input differ.

    Codes are points of the space in which the generator goes from one image to another (StyleGAN2: w; StarGAN v2: the
    style). Equal codes, noise and input give equal images.

    Attributes:
        inputs: number of test inputs, of one of which each image is made; 0 where codes alone decide.
    """

    inputs: int = 0

    @abstractmethod
    def codes(self, n: int, stream: torch.Generator) -> torch.Tensor:
        """Draw n codes (n, ...) from a stream on the CPU."""

    @abstractmethod
    def images(self, codes: torch.Tensor, noise: torch.Generator, index: int = 0) -> torch.Tensor:
        """Make an image (n, 3, H, W) in [-1, 1] of each code.

        Args:
            codes: (n, ...).
            noise: on the CPU; where all other noise comes from, if the generator has any.
            index: of the test input, 0..inputs-1.
        """


@dataclass(frozen=True)
class ScoredImages:
    """The images to score; every metric of one checkpoint shares one of these.

    Attributes:
        fake: the images that a method made of the test inputs.
        real: test images of the target domain.
        truth: what fake[i] should look like, aligned pixel by pixel; None where no such truth exists.
        cache: folder of extracted features.
        weights: folder searched first for weight files that the user must supply.
        device: torch device that features are extracted on.
        segmentation: the network and the true classes that metrics of classes use, or why there are none.
        generator: the generator that made them, for metrics that choose its noise, or why there is none.
        outputs_per_input: how many images in a row of `fake` were made of one input.
        training: training images of the target domain, None where there are none at hand.
    """

    fake: Images
    real: Images
    truth: Images | None
    cache: Path
    weights: Path | None = None
    device: str = "cpu"
    segmentation: Segmentation | str = "this protocol has no segmentation network; score one that has a segmenter"
    generator: GeneratorView | str = "these images come without the generator that made them; score a run of the method"
    outputs_per_input: int = 1
    training: Images | None = None

    @cached_property
    def _features(self) -> FeatureCache:
        return FeatureCache(self.cache)

    def features(self, extractor: type[Extractor]) -> tuple[np.ndarray, np.ndarray]:
        """Features of the fake and of the real images, each float32 (number of images, dimension).

        Raises:
            NotAvailable: if the extractor's weights are absent.
        """
        network = extractor(self.weights, self.device)
        return self._features.features(network, self.fake), self._features.features(network, self.real)

    def features_of_fakes(self, extractor: type[Extractor]) -> np.ndarray:
        """Features of the fake images alone; see `features`."""
        return self._features.features(extractor(self.weights, self.device), self.fake)

    def features_of_training(self, extractor: type[Extractor]) -> np.ndarray | None:
        """Features of the training images, None where there are none; see `features`."""
        if self.training is None:
            return None
        return self._features.features(extractor(self.weights, self.device), self.training)

    def segmented(self) -> Segmentation:
        """What tells the classes in images.

        Raises:
            NotAvailable: if there is no such network, or no true classes to compare with.
        """
        if isinstance(self.segmentation, str):
            raise NotAvailable(self.segmentation)
        return self.segmentation

    def asked_generator(self) -> GeneratorView:
        """The generator that made the images.

        Raises:
            NotAvailable: if there is none, or none whose noise can be chosen.
        """
        if isinstance(self.generator, str):
            raise NotAvailable(self.generator)
        return self.generator

    def aligned(self) -> Images:
        """The aligned truth.

        Raises:
            NotAvailable: if this data set has none.
            BenchError: if it does not fit the fake images.
        """
        if self.truth is None:
            raise NotAvailable("this data set has no aligned truth to compare with; score an Earth protocol instead")
        if len(self.truth) != len(self.fake) or not len(self.fake):
            raise BenchError(
                f"{len(self.fake)} translated images against {len(self.truth)} of aligned truth; "
                "score the images of the whole test set, one for each"
            )
        return self.truth
