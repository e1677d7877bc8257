"""The FID Inception network behind the resizing of other programs than pytorch-fid; the same weights, other numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.features.fid_inception import FIDInception
from bench.features.resizing import resized_as_clean_fid, resized_as_tensorflow1

if TYPE_CHECKING:
    from torch import Tensor


def _centred(resized: np.ndarray) -> Tensor:
    """The input of TensorFlow's graph: (x - 128) / 128, not pytorch-fid's 2 x / 255 - 1."""
    import torch

    return (torch.from_numpy(resized).permute(2, 0, 1) - 128) / 128


class FIDInceptionClean(FIDInception):
    """Pool-3 features as clean-fid computes them in its mode `clean` (Parmar et al. 2022, On Aliased Resizing)."""

    id = "fid-inception-clean-2015-12-05@1"
    preprocessing = (
        "299x299 by Pillow's bicubic filter, each channel as floats, antialiased, cut to 0..255; (x - 128) / 128"
    )

    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """See `Extractor.preprocess`."""
        return _centred(resized_as_clean_fid(pixels))


class FIDInceptionTF1(FIDInception):
    """Pool-3 features as the original FID program and torch-fidelity compute them (Heusel et al. 2017)."""

    id = "fid-inception-tf1-2015-12-05@1"
    preprocessing = "299x299 by TensorFlow 1's bilinear resize (no pixel centres, no antialias); (x - 128) / 128"

    def preprocess(self, pixels: np.ndarray) -> Tensor:
        """See `Extractor.preprocess`."""
        return _centred(resized_as_tensorflow1(pixels))
