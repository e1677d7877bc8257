"""The short address of what a loss plugin is written against."""

from bench.plugin.loss import LayerPair, LayerShape, LossConfig, LossContext, Pair, PairLoss, PatchLoss

__all__ = ["LayerPair", "LayerShape", "LossConfig", "LossContext", "Pair", "PairLoss", "PatchLoss"]
