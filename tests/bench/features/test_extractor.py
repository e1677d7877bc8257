"""What every extractor shares: batches of one size, order, and refusal of features that are not finite."""

import numpy as np
import pytest
import torch

from bench.base.errors import BenchError
from bench.features.extractor import Extractor


class Means(Extractor):
    id, dimension, source, preprocessing, batch_size = "means@1", 3, "here", "none", 4

    def check(self):
        pass

    def network(self):
        outer = self
        outer.sizes = []

        class Network(torch.nn.Module):
            def forward(self, images):
                outer.sizes.append(len(images))
                return images.mean((2, 3))

        return Network()

    def preprocess(self, pixels):
        return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[:, :4, :4]


def test_every_pass_has_the_same_size_and_rows_keep_their_order():
    images = [np.full((5 + i, 6, 3), i, np.uint8) for i in range(9)]
    extractor = Means()
    features = extractor.features(iter(images))
    assert extractor.sizes == [4, 4, 4]
    np.testing.assert_array_equal(features, np.repeat(np.arange(9.0)[:, None], 3, axis=1))
    assert features.dtype == np.float32


def test_a_card_is_given_more_images_at_once_and_the_cpu_as_many_as_ever():
    assert (Means().images_per_pass, Means(device="cuda:1").images_per_pass) == (4, 64)
    assert Means(device="cuda:1").device_type == "cuda"


def test_features_that_are_not_finite_are_refused(monkeypatch):
    monkeypatch.setattr(Means, "preprocess", lambda self, pixels: torch.full((3, 4, 4), float("nan")))
    with pytest.raises(BenchError, match="means@1 gave features that are not finite"):
        Means().features([np.zeros((4, 4, 3), np.uint8)])
