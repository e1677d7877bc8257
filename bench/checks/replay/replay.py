"""Replay a method's training steps from a record of initial weights, inputs and draws.

    result = replay("negcut", {"ngf": 4, "ndf": 4, "netF_nc": 32, "num_patches": 64}, "trainstep_negcut.safetensors")
    print(result.summary("trainstep_negcut.safetensors"))

A record is a flat dictionary of arrays (.safetensors or .npz), of any precision. `NNN` counts the parameters of a network
in definition order, `kind` is the last part of the parameter's name (`weight`, `bias`), S counts steps and JJ draws from 0.
Single numbers may be arrays of one element. What a record must hold:

    init/NET.NNN.kind         every parameter before the first step; whole networks may be missing, of steps without them
    stepS/input_STREAM        the batch, by the streams' names or those of `Method.recorded_streams`
    stepS/patch_ids_JJ        results of `draw.permutation`, in the order of the calls
    stepS/noise_JJ            of `draw.normal`; a leading 1 stands for every image of a batch
    stepS/uniform_JJ, index_JJ, flipped   of `draw.uniform`, `draw.integer`, `draw.bernoulli`

or, in the place of all draws of a step, what the method's own `draw` returned (bench/checks/replay/record.py writes it):

    stepS/drawn/NAME          given to `Method.step` as it is

and what it may hold:

    epoch, stepS/epoch, total_epochs, total_steps   when the steps happen (1-based); the call may say it instead
    statistics/STREAM_JJ      batches that the method measures before the first step (`Method.measure`)
    statistics/NAME           what it finds in them, a buffer that belongs to no network; without batches it is given
    stepS/draw_PURPOSE        of `draw.normal` for that purpose, which takes the first rows; need not be used
    init_buffers/NET.buffer.NAME          buffers before the first step; as many as wanted
    init_state/NAME           parameters and buffers that belong to no network, likewise
    stepS/loss_NAME           losses (`Method.record_losses`); stepS/NAME: images (`Method.record_images`)
    stepS/NAME_mean_std, stepS/NAME_rows_I_to_J   of an image, instead of all of it
    grad_stepS/NET.NNN.kind   the gradient that the step's update used
    grad_NAME_stepS/NET.NNN.kind          that of another update of the step (`Method.later_gradients`)
    grad_stepS_NAME/NET.NNN.kind          that of one of several updates of the step (`Method.update_gradients`)
    after_stepS/NET.NNN.kind, after_stepS/NET.buffer.NAME   every parameter, and buffers, after the step

Keys of any other form are listed by `Replay.unknown` and change nothing. Records of another format, trajectories
(bench/checks/replay/stylegan2_recording.py), are brought into this one. docs/replay.md has a worked example for each method.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from bench.base.errors import BenchError, UsageError
from bench.base.randomness import Draws
from bench.base.validation import validation_line
from bench.checks.replay.record import results
from bench.checks.replay.recorded_draws import DRAWN, NAMED_DRAW, RecordedDraws
from bench.checks.replay.recording import (
    MEASURED,
    Recording,
    count_steps,
    drawn_in,
    load_buffers,
    load_state,
    load_weights,
    measured,
    read_recording,
    require_drawn,
)
from bench.plugin.config import MethodConfig
from bench.plugin.discovery import load_method
from bench.plugin.method import Method, StepContext, on_device

# what `Replay.summary` compares, in the order of its lines: the first pattern that matches a key counts
_PARTS = {
    "statistics": r"statistics/.*",
    "losses": r"step\d+/loss_.*",
    "images": r"step\d+/.*",
    "gradients": r"grad_.*",
    "buffers": r"after_step\d+/[^/]*\.buffer\..*",
    "weights": r"after_step.*",
}
# what a record gives to a replay
_GIVEN = (
    r"init/.*|init_buffers/.*|init_state/.*|(?:step\d+/)?epoch|total_epochs|"
    rf"total_steps|{MEASURED.pattern}|step\d+/(?:input_.*|drawn/.*|{NAMED_DRAW}.*|{DRAWN.pattern})"
)


@dataclass(frozen=True)
class Replay:
    """What a replay computed.

    Attributes:
        tensors: losses, images, gradients and weights under the keys of a record, on the CPU.
        method: the method as the last step left it.
        steps: how many steps were replayed.
    """

    tensors: dict[str, Tensor]
    method: Method
    steps: int

    @property
    def losses(self) -> dict[str, Tensor]:
        """`stepS/loss_NAME` of every step."""
        return {key: value for key, value in self.tensors.items() if "/loss_" in key}

    @property
    def gradients(self) -> dict[str, Tensor]:
        """`grad_stepS/NET.NNN.kind` of every step; zero where no update reached a parameter."""
        return {key: value for key, value in self.tensors.items() if key.startswith("grad_")}

    @property
    def weights(self) -> dict[str, Tensor]:
        """`after_stepS/NET.NNN.kind` and `after_stepS/NET.buffer.NAME` of every step."""
        return {key: value for key, value in self.tensors.items() if key.startswith("after_step")}

    def compare(self, record: str | Path | Mapping[str, Any], floor: float = 1e-5) -> dict[str, float]:
        """The error of everything that the record holds of the replayed steps: max |replay - record| / max |record|.

        Args:
            record: what to compare with.
            floor: smallest denominator. The gradients of biases in front of a normalisation are zero but for rounding,
                and no relative error means anything there.

        Returns:
            key -> error, for every loss, image, gradient and weight in the record; infinite where the replay has no
            such tensor (`unknown` lists them), another shape or a number that is not finite.
        """
        return {
            key: _error(self._computed(key), expected, floor)
            for key, expected in read_recording(record, self.method.networks()).items()
            if self._is_result(key)
        }

    def unknown(self, record: str | Path | Mapping[str, Any]) -> list[str]:
        """What the record holds of the replayed steps, or beside them, and the replay has no counterpart for.

        A loss that the method does not log under that name, an image it does not show, or a key of no known form.
        """
        recorded = read_recording(record, self.method.networks())
        results = [key for key in recorded if self._is_result(key)]
        unrecognised = [key for key in recorded if not (_is_given(key) or _place(key) or self._is_result(key))]
        return sorted([key for key in results if self._computed(key) is None] + unrecognised)

    def summary(self, record: str | Path | Mapping[str, Any], floor: float = 1e-5) -> str:
        """The comparison as lines of text: the largest error of each part and where it is, then what is unknown."""
        errors, unknown = self.compare(record, floor), self.unknown(record)
        compared = {key: error for key, error in errors.items() if key not in unknown}
        lines = []
        for part, pattern in _PARTS.items():
            own = {key: compared.pop(key) for key in list(compared) if re.fullmatch(pattern, key)}
            if own:
                worst = max(own, key=lambda key: own[key])
                lines.append(f"{part:<10} {len(own):>5} compared, largest error {own[worst]:.1e} ({worst})")
        lines += [f"{self.method.name} has no {key}" for key in unknown]
        return "\n".join(lines)

    def _computed(self, key: str) -> Tensor | None:
        """What the replay has under a key of a record, or makes of an image for it; None: nothing."""
        if (rows := re.fullmatch(r"(.+)_rows_(\d+)_to_(\d+)", key)) and rows[1] in self.tensors:
            return self.tensors[rows[1]][..., int(rows[2]) : int(rows[3]) + 1, :]
        if (whole := key.removesuffix("_mean_std")) != key and whole in self.tensors:
            return torch.stack([self.tensors[whole].mean(), self.tensors[whole].std()])
        return self.tensors.get(key)

    def _is_result(self, key: str) -> bool:
        if key.startswith("statistics/"):
            return not _is_given(key)
        place = _place(key)
        return place is not None and int(place[1]) < self.steps and not _is_given(key)


def _place(key: str) -> re.Match[str] | None:
    return re.match(r"(?:grad_(?:[a-z]+_)?|after_)?step(\d+)(?:_[a-z_]+)?/", key)


def _is_given(key: str) -> bool:
    return re.fullmatch(_GIVEN, key) is not None


def _error(actual: Tensor | None, expected: Tensor, floor: float) -> float:
    single = actual is not None and actual.numel() == expected.numel() == 1
    if actual is None or (actual.shape != expected.shape and not single):
        return float("inf")
    actual, expected = actual.double().reshape(expected.shape), expected.double()
    error = float((actual - expected).abs().max() / expected.abs().max().clamp_min(floor))
    return error if error == error else float("inf")


def replay(
    method: str | type[Method],
    config: MethodConfig | dict[str, Any],
    record: str | Path | Mapping[str, Any],
    *,
    epoch: int | None = None,
    total_epochs: int | None = None,
    total_steps: int | None = None,
    steps: int | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Replay:
    """Run a method's training steps on a record's weights, inputs and draws.

    Args:
        method: name, `FILE.py:Class` or class.
        config: its configuration, or the values that differ from its defaults.
        record: a file, a folder (trajectories) or the content (formats: see the module).
        epoch: 1-based epoch in which the steps happen. None: what the record says; if it says nothing, 1 for a method
            to which it does not matter, and an error for one that has a curriculum.
        total_epochs: of the whole run. None: what the record says, or else the configuration.
        total_steps: of the whole run. None: what the record says, or else as many as are replayed.
        steps: how many of the record's steps; all if None.
        dtype: precision of everything.
        device: where the steps are made; what they computed comes back to the CPU.

    Returns:
        What the steps computed.

    Raises:
        UsageError: if the record does not exist, or the configuration has a wrong key or value.
        BenchError: if weights, inputs or draws do not fit the method, or the epoch is needed; the message names the key.
    """
    method_class = load_method(method) if isinstance(method, str) else method
    resolved = _resolve(method_class, config)
    trained = method_class(resolved, Draws(seed=0)).to(device, dtype)
    networks = trained.networks()
    recorded = read_recording(record, networks)
    load_weights(networks, recorded, "init/")
    load_buffers(networks, recorded, "init_buffers/")
    load_state(trained, networks, recorded, "init_state/")
    tensors = measured(trained, networks, recorded, dtype)

    count = _steps(recorded, steps)
    total = total_epochs or _number(recorded, "total_epochs") or resolved.total_epochs
    all_steps = total_steps or _number(recorded, "total_steps") or count
    for step in range(count):
        draws = RecordedDraws(recorded, step, dtype)
        batch = {stream: images.to(device) for stream, images in _batch(trained, recorded, step, dtype).items()}
        context = StepContext(step, epoch or _epoch(trained, recorded, step), all_steps, total, draws).with_shapes(
            batch
        )
        if drawn := drawn_in(recorded, step, dtype):
            expected = trained.draw(replace(context, draw=Draws(seed=0).at(step)))
            require_drawn(drawn, expected, step)
        else:
            drawn = trained.draw(context)
            draws.finish()
        given = on_device(drawn, next(iter(batch.values())).device)
        losses = trained.step(batch, given, trained.phase(context, drawn))
        tensors |= results(trained, networks, step, losses, trained.record_images(batch, given))
    return Replay(tensors, trained, count)


def _resolve(method_class: type[Method], config: MethodConfig | dict[str, Any]) -> MethodConfig:
    if isinstance(config, MethodConfig):
        return config
    try:
        return method_class.Config(**config)
    except ValidationError as error:
        raise UsageError(validation_line(f"configuration of {method_class.name}", error)) from error


def _steps(record: Recording, requested: int | None) -> int:
    count = count_steps(record)
    if count == 0:
        raise BenchError("record: holds no step (no key step0/input_...), so there is nothing to replay")
    if requested is not None and requested > count:
        raise BenchError(f"record: holds {count} steps, {requested} were asked for")
    return count if requested is None else requested


def _number(record: Recording, key: str) -> int | None:
    return int(record[key].item()) if key in record else None


def _epoch(method: Method, record: Recording, step: int) -> int:
    epoch = _number(record, f"step{step}/epoch") or _number(record, "epoch")
    if epoch is None and method.depends_on_epoch:
        raise BenchError(
            f"record: {method.name} changes with the epochs, and neither the record (key epoch) nor the call says in which "
            "one the steps happen; add epoch=N to the call of replay"
        )
    return epoch or 1


def _batch(method: Method, record: Recording, step: int, dtype: torch.dtype) -> dict[str, Tensor]:
    batch = {}
    for stream in (*method.streams, *method.optional_streams):
        keys = [f"step{step}/input_{name}" for name in (stream, method.recorded_streams.get(stream, stream))]
        if (key := next((key for key in keys if key in record), None)) is not None:
            # domains are numbers of heads, not values
            batch[stream] = record[key] if stream.startswith("y_") else record[key].to(dtype)
        elif stream in method.streams:
            raise BenchError(f"record: {keys[-1]} is missing, which {method.name} reads")
    return batch
