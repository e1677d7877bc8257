import torch
from torch import nn
from torch.nn import functional as F

from methods.networks.blur import BlurDownsample, BlurUpsample


def test_reference_arrays(golden) -> None:
    arrays = golden("aa_resample.npz")
    down, up = BlurDownsample(3).double(), BlurUpsample(3).double()
    for name in ("down", "down_even"):
        torch.testing.assert_close(down(arrays[f"x_{name}"]), arrays[f"y_{name}"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(up(arrays["x_up"]), arrays["y_up"], rtol=1e-12, atol=1e-12)
    for module, name in ((down, "filt_down"), (up, "filt_up")):
        torch.testing.assert_close(module.filt, arrays[name].expand_as(module.filt), rtol=0, atol=0)


def test_upsampling_is_bilinear() -> None:
    x = torch.randn(2, 5, 7, 4, dtype=torch.float64)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(BlurUpsample(5).double()(x), expected, rtol=1e-12, atol=1e-12)


def test_filters_are_buffers_with_the_originals_key() -> None:
    network = nn.Sequential(BlurDownsample(8), BlurUpsample(8))
    assert not list(network.parameters())
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes == {"0.filt": (8, 1, 3, 3), "1.filt": (8, 1, 4, 4)}
