"""The short address of what a loss plugin is written against."""

from bench.plugin.loss import LayerPair, LossConfig, LossContext, Pair, PairLoss, PatchLoss

__all__ = ["LayerPair", "LossConfig", "LossContext", "Pair", "PairLoss", "PatchLoss"]
