import pytest
import torch

from methods.feature_spaces import FeatureSpace
from methods.networks.conv_encoder import ConvEncoder
from methods.networks.projection_head import ProjectionHead


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_features(cfl_golden, dtype, tolerance):
    arrays = cfl_golden("cfl_conv_encoder_tiny")
    space = FeatureSpace("conv_encoder", range(6), 256, None, nef=2).to(dtype)
    before = {key.removeprefix("before_"): value for key, value in arrays.items() if key.startswith("before_")}
    assert not space.encoder.load_state_dict(before, strict=False).unexpected_keys
    with torch.no_grad():
        features = [feature.double() for feature in space(arrays["x"].to(dtype))]
    assert tuple(features[0].shape) == (1, 3, 256, 256)
    torch.testing.assert_close(features[0].mean(), arrays["feat0_mean"], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(features[0][:, :, ::64, ::64], arrays["feat0_slice"], rtol=tolerance, atol=tolerance)
    for level in range(1, 6):
        feature = features[level]
        assert list(feature.shape) == arrays[f"feat{level}_shape"].tolist()
        height, width = feature.shape[2] // 8, feature.shape[3] // 8
        shown = feature[:, :, ::height, ::width]
        torch.testing.assert_close(shown, arrays[f"feat{level}_slice"], rtol=tolerance, atol=tolerance)


def test_the_papers_parameter_count():
    encoder = ConvEncoder()
    heads = ProjectionHead(encoder.channels)
    assert sum(p.numel() for p in encoder.parameters()) == 8_366_016
    assert sum(p.numel() for module in (encoder, heads) for p in module.parameters()) == 9_139_904
