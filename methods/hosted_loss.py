"""What methods that take a patch-wise loss by name have in common: its options and its sub-networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from bench.base.randomness import Draws
from bench.base.validation import validation_line
from bench.loss import PairLoss
from bench.plugin.discovery import load_loss


def whole_options(loss: str, options: dict[str, Any]) -> dict[str, Any]:
    """A loss's options with its defaults written out: they are part of the recipe.

    Args:
        loss: a name, or FILE.py:Class.
        options: those that differ from the defaults.

    Raises:
        ValueError: for a wrong option, in one line.
    """
    try:
        return load_loss(loss).Config(**options).model_dump(mode="json")
    except ValidationError as error:
        raise ValueError(validation_line(f"loss {loss}", error)) from error


def build_loss(
    reference: str,
    options: dict[str, Any],
    channels: Sequence[int],
    make_head: Callable[[], nn.Module],
    draws: Draws,
) -> PairLoss:
    """Make a loss and its sub-networks; whatever it draws from torch's global generator is keyed too.

    Args:
        reference: a name, or FILE.py:Class.
        options: of the loss.
        channels: of the feature maps that it will see.
        make_head: see `PairLoss.build`.
        draws: streams for initial weights.
    """
    loss_class = load_loss(reference)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(draws.generator("init.loss").initial_seed())
        loss = loss_class(loss_class.Config(**options))
        loss.build(channels, make_head)
    return loss
