"""A protocol for images of the user's, made of the one that their task names as its pattern: recipe, metrics and scales.

What is changed: metrics that the images cannot have are left out, how much is scored and how long `mini` trains fit the data
and the machine, and `paper` is the recipe as it is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from bench.base.device import DeviceType
from bench.base.streams import one_line
from bench.base.words import duration
from bench.data.dataset import DataSet
from bench.metrics.metric import load_metric
from bench.plan.resolve import EVERY_DATA_SET
from bench.plugin.discovery import load_method, plugins
from bench.schema.data import OwnImagesData
from bench.schema.protocol import Protocol, Scale, load_protocol
from bench.tasks.task import Task

MINI_SECONDS = 900.0  # what a run of scale mini shall take
LEAST_AN_EPOCH = 32  # images; no method takes more in a batch
MOST_SCORED = 1000  # images of a split that mini scores
MEASURING = "--scale mini measures it, and so does data use --calibrate"
ESTIMATES: dict[DeviceType, str] = {  # of a pattern's mini as it is
    "cpu": f"ten to twenty minutes a run on one core, an estimate; {MEASURING}",
    "cuda": f"the recipe's networks and sizes, a quarter of an hour at 0.15 s a step, an estimate; {MEASURING}",
}


@dataclass(frozen=True)
class Speed:
    """How fast a method trains at scale mini on the device at hand.

    Attributes:
        method: its name.
        seconds: of a step.
        steps, images_per_epoch: as many as the scale asked for when it was measured.
    """

    method: str
    seconds: float
    steps: int
    images_per_epoch: int

    @property
    def fitting(self) -> int:
        """Images an epoch with which such a run takes `MINI_SECONDS`."""
        return max(LEAST_AN_EPOCH, round(self.images_per_epoch * MINI_SECONDS / (self.steps * self.seconds)))


def own_protocol(
    name: str, data: OwnImagesData, dataset: DataSet, task: Task, device: DeviceType, method: str | None
) -> Protocol:
    """Make a protocol, whose scale mini is as long as its pattern's.

    Args:
        name: of the protocol.
        data: the user's images.
        dataset: opened.
        task: what is done with them.
        device: what runs are planned for: on a card mini trains the recipe's networks at the recipe's size.
        method: the first that trains with it; None: not known.
    """
    pattern = load_protocol(task.pattern)
    settings = task.settings_of(dataset)
    scales = {
        "smoke": _scale(pattern.scale("smoke"), dataset, settings),
        "mini": _mini(pattern.scale("mini"), dataset, settings, device),
        "paper": pattern.scale("paper").model_copy(
            update={"why": f"the recipe for {pattern.recipe} as published, on your images", "overrides": settings}
        ),
    }
    return Protocol(
        name=name,
        version=1,
        title=f"{data.name}, images of your own",
        task=task.name,
        recipe=_recipe(pattern, task, method),
        data=data,
        metrics=[use for use in pattern.metrics if _can_be_had(use.metric, data, task)],
        select_by=pattern.select_by,
        counts=pattern.counts,
        scales=scales,
        changes={1: "first version, written from the images"},
    )


def _can_be_had(metric: str, data: OwnImagesData, task: Task) -> bool:
    """Whether a metric of the pattern can be measured on these images."""
    loaded = load_metric(metric)
    return (data.pairs or not loaded.needs_truth) and (task.segments or not loaded.uses_segmenter)


def _recipe(pattern: Protocol, task: Task, method: str | None) -> str:
    """The pattern's recipe if a method of the task has it, else the first one that a method has."""
    methods = [name for name, plugin in plugins("method").items() if plugin.literals.get("task") == task.name]
    known = [recipe for name in [*filter(None, [method]), *methods] for recipe in load_method(name).recipes]
    named = [recipe for recipe in known if recipe != EVERY_DATA_SET]
    return pattern.recipe if pattern.recipe in named or not named else named[0]


def _scale(scale: Scale, dataset: DataSet, settings: dict[str, Any]) -> Scale:
    """A scale of the pattern, with the images that there are."""
    counts: dict[str, int] = {
        split: max(len(dataset.images(split, stream)) for stream in dataset.streams) for split in dataset.splits
    }
    asked = {"test": scale.test_images, "validation": scale.validation_images}
    scored = {
        f"{split}_images": count if count is not None and counts.get(split, 0) > count else None
        for split, count in asked.items()
    }
    return scale.model_copy(update={**scored, "overrides": scale.overrides | settings})


def _mini(scale: Scale, dataset: DataSet, settings: dict[str, Any], device: DeviceType) -> Scale:
    found = _scale(
        scale.model_copy(update={"test_images": MOST_SCORED, "validation_images": MOST_SCORED}), dataset, settings
    )
    why = f"a first signal; {ESTIMATES[device]}"
    return found.model_copy(update={"why": why, **({"overrides": settings} if device == "cuda" else {})})


def fitted(protocol: Protocol, speed: Speed, device: DeviceType) -> Protocol:
    """A protocol whose scale mini takes about a quarter of an hour by a measured speed."""
    mini = protocol.scale("mini")
    share = speed.fitting / speed.images_per_epoch
    why = (
        f"a first signal in about {duration(MINI_SECONDS)} a run of {speed.method} on {device}: "
        f"{round(speed.steps * share)} steps of {speed.seconds:.3g} s, as measured"
    )
    fitting = mini.model_copy(update={"images_per_epoch": speed.fitting, "why": why})
    return protocol.model_copy(update={"scales": {**protocol.scales, "mini": fitting}})


def protocol_text(protocol: Protocol, said: list[str]) -> str:
    """A protocol as a file that people read and edit.

    Args:
        protocol: what it holds.
        said: what is to be known of it, one comment line each.
    """
    content = protocol.model_dump(exclude_defaults=True)
    content["data"] = {"family": protocol.data.family, **content["data"]}
    if isinstance(protocol.data, OwnImagesData) and protocol.data.held_out is not None:
        content["data"]["held_out"] = protocol.data.held_out.model_dump()
    content["scales"] = {name: {"why": one["why"], **one} for name, one in content["scales"].items()}
    ordered = {key: content[key] for key in Protocol.model_fields if key in content}
    body = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return "".join(f"# {one_line(line)}\n" for line in said) + body
