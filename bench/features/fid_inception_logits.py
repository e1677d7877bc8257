"""The 1,008 class scores of the FID Inception network, whose entropies the Inception score is made of.

Source: torch-fidelity 0.4.0 (`logits_unbiased`) and Salimans et al.'s program; both leave out the last layer's bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.features.fid_inception import WEIGHTS, FIDInception, build_inception

if TYPE_CHECKING:
    from torch import nn


class FIDInceptionLogits(FIDInception):
    """Class scores of the FID Inception network without their bias."""

    id = "fid-inception-logits-2015-12-05@1"
    dimension = 1008

    def network(self) -> nn.Module:
        """See `Extractor.network`."""
        network = build_inception()
        WEIGHTS.load(self.weights, network.load_state_dict)
        network.get_submodule("fc").register_parameter("bias", None)
        return network
