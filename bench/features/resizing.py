"""How programs of the field bring images to the 299 x 299 pixels of the FID network: the dialects of FID.

They differ by up to 154 grey levels on an image of noise, and printed FIDs part with them (Parmar et al. 2022, On Aliased
Resizing). All take uint8 images (H, W, 3) and give float32 (size, size, 3) from 0 to 255.
"""

from __future__ import annotations

import numpy as np

SIDE = 299


def resized_as_pytorch_fid(pixels: np.ndarray, size: int = SIDE) -> np.ndarray:
    """Bilinear between pixel centres, without antialiasing (pytorch-fid 0.3.0, `inception.py`; clean-fid's legacy mode)."""
    import torch
    import torch.nn.functional as F

    image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()


def resized_as_clean_fid(pixels: np.ndarray, size: int = SIDE) -> np.ndarray:
    """Pillow's antialiased bicubic filter on each channel as floats, cut to 0..255 (clean-fid 0.1.35, `resize.py`)."""
    from PIL import Image

    channels = [
        Image.fromarray(np.ascontiguousarray(pixels[..., channel], np.float32)).resize(
            (size, size), Image.Resampling.BICUBIC
        )
        for channel in range(pixels.shape[2])
    ]
    return np.clip(np.stack([np.asarray(channel) for channel in channels], axis=-1), 0, 255)


def resized_as_tensorflow1(pixels: np.ndarray, size: int = SIDE) -> np.ndarray:
    """TensorFlow 1's bilinear: pixel i comes from i times the scale, not from pixel centres; no antialiasing.

    The original FID program's, and torch-fidelity 0.4.0's, which copies it: the order of float32 operations is TensorFlow's
    (`resize_bilinear_op.cc`, align_corners False, half_pixel_centers False), so that every bit is the same.
    """
    image = pixels.astype(np.float32)
    top, bottom, down = _places(image.shape[0], size)
    left, right, across = _places(image.shape[1], size)
    down, across = down[:, None, None], across[None, :, None]
    above = image[top][:, left] + (image[top][:, right] - image[top][:, left]) * across
    below = image[bottom][:, left] + (image[bottom][:, right] - image[bottom][:, left]) * across
    return above + (below - above) * down


def _places(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new pixel the old ones on both sides, and how far it is from the first towards the second."""
    source = np.arange(size, dtype=np.float32) * (np.float32(length) / np.float32(size))
    first = np.floor(source).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), source - first.astype(np.float32)
