"""land-share: what stands in for the share of zebra pixels on Earth data."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import AfterValidator

from bench.base.errors import unknown_name
from bench.data.land_cover import CLASS_NAMES
from bench.metrics.metric import MetricSettings
from bench.metrics.of_shares import ShareMetric
from bench.metrics.scored_images import ScoredImages


def _known(name: str) -> str:
    if name not in CLASS_NAMES:
        raise ValueError(str(unknown_name("land cover class", name, CLASS_NAMES)))
    return name


class LandShareSettings(MetricSettings):
    """Whose share: names of land cover classes."""

    land: list[Annotated[str, AfterValidator(_known)]] = ["barren"]


class LandShare(ShareMetric):
    """Percentage of pixels that a small DRN takes for some land cover; never the share of zebras."""

    name = "land-share"
    higher_is_better = None
    description = (
        "percentage of pixels of a land cover by a small DRN; should be that of the training images; not zebras"
    )
    revision = 1
    uses_segmenter: ClassVar[bool] = True
    Settings: ClassVar[type[MetricSettings]] = LandShareSettings

    def shares(self, images: ScoredImages) -> tuple[np.ndarray, np.ndarray | None]:
        """See `ShareMetric.shares`."""
        segmentation = images.segmented()
        return segmentation.shares(images.fake), None if images.training is None else segmentation.shares(
            images.training
        )

    def classes(self, settings: MetricSettings) -> list[int]:
        """The classes' numbers."""
        assert isinstance(settings, LandShareSettings)
        return [CLASS_NAMES.index(name) for name in settings.land]
