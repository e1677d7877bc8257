import pytest
import torch

from methods.networks.pixel_patches import PixelPatches


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_patches(cfl_golden, dtype, tolerance):
    arrays = cfl_golden("cfl_pixel_patches")
    space = PixelPatches((4, 8))
    assert space.channels == (48, 192)
    for found, name in zip(space(arrays["image"].to(dtype)), ("size4_stride2", "size8_stride4"), strict=True):
        torch.testing.assert_close(found.double(), arrays[f"patches_{name}"], rtol=tolerance, atol=tolerance)


def test_a_patch_is_what_is_seen_at_its_place():
    image = torch.arange(3 * 8 * 12.0).reshape(1, 3, 8, 12)
    patches = PixelPatches([4])(image)[0]
    assert torch.equal(patches[0, :, 1, 3], image[0, :, 2:6, 6:10].flatten())
