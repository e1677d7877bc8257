"""zebra-share: how much of the translations zebras cover, as CUT's supplement measures it."""

from __future__ import annotations

import numpy as np

from bench.features.deeplab_coco_stuff import ZEBRA, DeepLabCOCOStuff
from bench.metrics.metric import MetricSettings
from bench.metrics.of_shares import ShareMetric
from bench.metrics.scored_images import ScoredImages


class ZebraShare(ShareMetric):
    """Percentage of pixels that DeepLab v2, trained on COCO-Stuff, takes for zebra."""

    name = "zebra-share"
    higher_is_better = None
    description = "percentage of zebra pixels by DeepLab v2 on COCO-Stuff; should be that of the training images"
    revision = 1
    extractor = DeepLabCOCOStuff

    def shares(self, images: ScoredImages) -> tuple[np.ndarray, np.ndarray | None]:
        """See `ShareMetric.shares`."""
        return images.features(DeepLabCOCOStuff)[0], images.features_of_training(DeepLabCOCOStuff)

    def classes(self, settings: MetricSettings) -> list[int]:
        """Zebra."""
        return [ZEBRA]
