"""Record a method's training steps: what they start from, what was drawn for them, and what they made.

    steps = record(method, batches, Draws(seed=0))
    save_file(steps, "steps.safetensors")
    replay("cut", method.config, "steps.safetensors", dtype=torch.float32)  # the same to the bit

The keys are those of bench/checks/replay/replay.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bench.base.randomness import Draws
from bench.checks.replay.recording import places, state_outside
from bench.plugin.method import Method, StepContext, on_device


def record(
    method: Method, batches: Sequence[Mapping[str, Tensor]], draws: Draws, *, epoch: int = 1
) -> dict[str, Tensor]:
    """Make one training step for each batch, and write down everything that a replay needs and computes.

    Args:
        method: as it was built: optimizers that have made steps have averages that a record does not hold.
        batches: of the steps, by stream, on the method's device.
        draws: the run's random streams; the first batch is step 0.
        epoch: 1-based epoch in which the steps happen.

    Returns:
        A record, its tensors on the CPU and in the method's precision.
    """
    networks = method.networks()
    recorded: dict[str, Tensor] = {}
    for network, module in networks.items():
        recorded |= {f"init/{place}": parameter for place, parameter in places(network, module)}
        recorded |= {f"init_buffers/{network}.buffer.{name}": buffer for name, buffer in module.named_buffers()}
    recorded |= {f"init_state/{name}": tensor for name, tensor in state_outside(method, networks).items()}
    recorded = {key: _copy(tensor) for key, tensor in recorded.items()}
    total = method.config.total_epochs
    recorded |= {"epoch": torch.tensor([epoch]), "total_epochs": torch.tensor([total])}
    for step, streams in enumerate(batches):
        batch = dict(streams)
        context = StepContext(step, epoch, len(batches), total, draws.at(step)).with_shapes(batch)
        drawn = method.draw(context)
        recorded |= {f"step{step}/input_{stream}": _copy(tensor) for stream, tensor in batch.items()}
        recorded |= {f"step{step}/drawn/{name}": _copy(tensor) for name, tensor in drawn.items()}
        device = next(iter(batch.values())).device
        given = on_device(drawn, device)
        losses = method.step(batch, given, method.phase(context, drawn))
        recorded |= results(method, networks, step, losses, method.record_images(batch, given))
    return recorded


def results(
    method: Method,
    networks: Mapping[str, nn.Module],
    step: int,
    losses: dict[str, Tensor],
    images: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """What a step made, under the keys of a record: losses as the original reports them, images, gradients, weights.

    Args:
        method: after the step.
        networks: the method's.
        step: its number in the record.
        losses: what `step` returned.
        images: what `Method.record_images` returned.
    """
    reported = method.record_losses(losses)
    tensors = {f"step{step}/loss_{name}": loss.reshape(1) for name, loss in reported.items()}
    tensors |= {f"step{step}/{name}": image for name, image in images.items()}
    updates = method.update_gradients()
    for network, module in networks.items():
        for place, parameter in places(network, module):
            gradient = parameter.new_zeros(parameter.shape) if parameter.grad is None else parameter.grad
            tensors[f"grad_step{step}/{place}"] = gradient
            tensors[f"after_step{step}/{place}"] = parameter
            for update, gradients in method.later_gradients().items():
                if parameter in gradients:
                    tensors[f"grad_{update}_step{step}/{place}"] = gradients[parameter]
        for update, gradients in updates.items():
            if any(parameter in gradients for parameter in module.parameters()):
                for place, parameter in places(network, module):
                    gradient = gradients.get(parameter, parameter.new_zeros(parameter.shape))
                    tensors[f"grad_step{step}_{update}/{place}"] = gradient
        for name, buffer in module.named_buffers():
            tensors[f"after_step{step}/{network}.buffer.{name}"] = buffer
    return {key: _copy(tensor) for key, tensor in tensors.items()}


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()
