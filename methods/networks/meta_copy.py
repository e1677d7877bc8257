"""A network without its weights, to ask for the shapes of its results."""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def meta_copy(network: Network) -> Network:
    """The same network in evaluation mode on torch's meta device: its results have shapes and types, but no numbers.

    Weights are not copied, nothing is drawn, and hooks stay with the original.
    """
    stand_ins: dict[int, torch.Tensor] = {}
    for parameter in network.parameters():
        stand_ins[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"), requires_grad=False)
    for buffer in network.buffers():
        stand_ins[id(buffer)] = torch.empty_like(buffer, device="meta")
    copy = deepcopy(network, stand_ins).eval()
    for module in copy.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return copy
