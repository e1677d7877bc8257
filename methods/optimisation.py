"""What every update of the originals has in common: Adam, one step of it, frozen opponents, the `linear` schedule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from bench.base import collective


def adam(parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float = 0.0) -> Adam:
    """Adam as the originals use it (eps 1e-8), in torch's fused form: 1.5 to 3 times as fast.

    Args:
        parameters: what it trains.
        lr: initial learning rate.
        betas: of the two averages.
        weight_decay: times the weights, added to the gradient before the averages see it.
    """
    return Adam(parameters, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)


def descend(loss: Tensor, *optimizers: Optimizer) -> None:
    """One update: clear the gradients the optimizers use, back-propagate `loss`, step them in order; over all ranks."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    collective.average_gradients(*optimizers)
    for optimizer in optimizers:
        optimizer.step()


def two_updates(
    first: tuple[Tensor, Sequence[Optimizer]], second: tuple[Tensor, Sequence[Optimizer]], mixed: bool
) -> dict[nn.Parameter, Tensor]:
    """Two updates from one forward pass, whose graph both losses share.

    Args:
        first: a loss and the optimizers that step by it.
        second: another loss, and those of the optimizers that step once more.
        mixed: back-propagate the second loss after the first update, through weights from after and activations from before
            it. No loss has that gradient, but it is what programs did whose optimizers wrote past autograd (torch < 1.5).
            False: both gradients are of the weights before either update.

    Returns:
        The gradients of the second update; `.grad` of every parameter is that of the first.
    """
    (loss, optimizers), (later_loss, again) = first, second
    stepped = _parameters(optimizers)
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    if not mixed:
        later = torch.autograd.grad(later_loss, _parameters(again), retain_graph=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    else:
        loss.backward(retain_graph=True)
        # autograd must not notice that the weights it has saved are other ones now
        with torch.autograd._unsafe_preserve_version_counter(tuple(stepped)):
            for optimizer in optimizers:
                optimizer.step()
        later = torch.autograd.grad(later_loss, _parameters(again))
    before = {parameter: parameter.grad for parameter in stepped}
    found = dict(zip(_parameters(again), later, strict=True))
    for parameter, gradient in found.items():
        parameter.grad = gradient
    for optimizer in again:
        optimizer.step()
    for parameter, earlier in before.items():
        parameter.grad = earlier
    return found


def _parameters(optimizers: Sequence[Optimizer]) -> list[nn.Parameter]:
    return [parameter for optimizer in optimizers for group in optimizer.param_groups for parameter in group["params"]]


@contextmanager
def frozen(*parts: nn.Module | nn.Parameter) -> Iterator[None]:
    """Let gradients pass through modules without reaching their parameters, whose own `.grad` is left alone.

    Args:
        parts: modules, or parameters on their own.
    """
    parameters = (p for part in parts for p in ([part] if isinstance(part, nn.Parameter) else part.parameters()))
    thawed = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in thawed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in thawed:
            parameter.requires_grad_(True)


def full_precision(images: Tensor) -> torch.autocast:
    """End autocast where patches are compared: logits span +-14 and their exponentials e^28, too much for 16 bits.

    Args:
        images: anything on the device.
    """
    return torch.autocast(images.device.type, enabled=False)


def at_least_float32(features: Tensor) -> Tensor:
    """Features of 16 bits in single precision, others as they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def linear_factor(epoch: int, n_epochs: int, n_epochs_decay: int) -> float:
    """The factor on the initial learning rate: 1, then falling linearly but not quite to 0.

    taesungp/contrastive-unpaired-translation b3ac297, models/networks.py, get_scheduler; the last of 200 + 200 epochs
    still has 1/201.

    Args:
        epoch: 1-based.
        n_epochs: epochs at factor 1.
        n_epochs_decay: epochs over which it falls.
    """
    return 1.0 - max(0, epoch - n_epochs) / (n_epochs_decay + 1)


def linear_schedule(optimizer: Optimizer, n_epochs: int, n_epochs_decay: int, early: int = 0) -> LambdaLR:
    """A scheduler with `linear_factor`, stepped once per epoch; torch counts epochs from 0.

    Args:
        optimizer: whose learning rate it sets.
        n_epochs: epochs at factor 1.
        n_epochs_decay: epochs over which it falls.
        early: epochs by which it is ahead; with 1 the last epoch has factor 0.
    """
    return LambdaLR(optimizer, lambda done: linear_factor(done + 1 + early, n_epochs, n_epochs_decay))
