"""Protocols: what is measured, on what, how, and which checkpoint counts. YAML files, versioned, validated here.

A change that could move a number bumps the version and adds a line to the file's `changes`.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from bench.base.errors import UsageError, unknown_name
from bench.base.regular import is_regular
from bench.base.validation import Strict, validation_line
from bench.plugin.discovery import plugins
from bench.plugin.named import is_file_reference, is_named
from bench.schema.bounded_yaml import read_yaml
from bench.schema.cell import Checkpoint
from bench.schema.data import DataConfig
from bench.schema.parameters import name_of_choice, parameters, protocols_in
from bench.schema.yaml_files import own_protocol_files, protocol_files

SCALES = ("smoke", "mini", "paper")
OWN_IMAGES = "images of your own need none: --images DIR, or contrastbench data use DIR, which writes one"
_BY_PATH = re.compile(r"(?P<file>.*\.ya?ml)(\[(?P<choice>[^\[\]]*)\])?")


class MetricUse(Strict):
    """One metric of a protocol and its settings."""

    metric: str
    settings: dict[str, Any] = {}


class SegmenterUse(Strict):
    """The segmentation network that scores a protocol's images; trained once, at the same scale, with seed 0.

    Attributes:
        method: which network.
        protocol: the protocol whose real training images it learns from, `name@version`.
    """

    method: str
    protocol: str

    @field_validator("method")
    @classmethod
    def _may_run(cls, reference: str) -> str:
        if is_file_reference(reference) and not is_named(Path(reference.rpartition(":")[0])):
            raise ValueError(f"{reference} is a file, which a protocol cannot run; name an installed method")
        return reference


class Scale(Strict):
    """How much of the published training a run does. Everything it changes is written down as a deviation.

    Attributes:
        available: False where nothing can be run at this scale; `why` says for what reason.
        stand_in: protocol whose data, metrics and scale of the same name are used instead of this protocol's.
        stand_in_one_in: train with one in so many of the stand-in's training images, so that protocols that differ in
            how many images they train with still do; 1: with all.
        overrides: configuration fields set for every method that has them (network width, crop size).
        epoch_divisor: published epochs, constant and decaying, are each divided by this (at least one remains), so
            that decay phases, curricula and switches still happen and methods keep their relative budgets.
        images_per_epoch: images in one epoch; None: as the method's recipe says.
        scored_checkpoints: how many evenly spaced checkpoints are scored, the last one among them.
        test_images, validation_images: evenly spaced subset that is scored; None: all.
        outputs_per_input: different images that are made of each test input, where the task can.
        seeds: how many seeds a reproduction runs by default.
        threads: threads of one run; part of the train key, since it changes bits.
        why: what this scale is for, in one sentence.
    """

    available: bool = True
    stand_in: str | None = None
    stand_in_one_in: int = Field(1, ge=1)
    overrides: dict[str, Any] = {}
    epoch_divisor: int = Field(1, ge=1)
    images_per_epoch: int | None = Field(None, ge=1)
    scored_checkpoints: int = Field(1, ge=1)
    test_images: int | None = Field(None, ge=2)
    validation_images: int | None = Field(None, ge=2)
    outputs_per_input: int = Field(1, ge=1)
    seeds: int = Field(1, ge=1)
    threads: int = Field(1, ge=1)
    why: str

    @model_validator(mode="after")
    def _stand_in_takes_all(self) -> Scale:
        if not self.available and self.model_fields_set - {"available", "why"}:
            raise ValueError("a scale that is not available says why and nothing else")
        if self.stand_in and self.model_fields_set - {"stand_in", "stand_in_one_in", "why", "seeds"}:
            raise ValueError("a scale with stand_in takes everything else from the stand-in's scale of the same name")
        if self.stand_in_one_in > 1 and not self.stand_in:
            raise ValueError("stand_in_one_in needs a stand_in, whose training images it counts")
        return self


class Protocol(Strict):
    """One protocol file.

    Attributes:
        name, version: together `name@version`.
        title: one line for people.
        task: what a method must be able to do; the name of a task plugin (bench/tasks).
        recipe: the published protocol whose recipe methods train with.
        data: the data set, its split and its direction; the data is oriented so that methods see A -> B only.
        metrics: what is scored, in the order shown.
        segmenter: the network behind the metrics that look at classes; None where no metric does.
        select_by: the metric that chooses best-on-validation and best-on-test.
        counts: the checkpoint rule whose value fills a cell.
        not_measured: metrics that papers print and that cannot be measured on this data -> why.
        stand_in_metrics: metric a paper prints -> metric measured where data or weights are stand-ins.
        scales: smoke, mini and paper.
        notes: reading notes shown by `info`.
        changes: one line per version.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    version: int = Field(ge=1)
    title: str
    task: str
    recipe: str
    data: DataConfig
    metrics: list[MetricUse]
    segmenter: SegmenterUse | None = None
    select_by: str
    counts: Checkpoint = "last"
    not_measured: dict[str, str] = {}
    stand_in_metrics: dict[str, str] = {}
    scales: dict[str, Scale]
    notes: list[str] = []
    changes: dict[int, str]
    _file: str = PrivateAttr("")

    @property
    def file(self) -> str:
        """The file it was read from, for messages."""
        return self._file or f"{self.name}.yaml"

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @field_validator("task")
    @classmethod
    def _task_exists(cls, name: str) -> str:
        if name not in plugins("task"):
            raise ValueError(str(unknown_name("task", name, plugins("task"))))
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        if unknown := set(self.scales) - set(SCALES):
            raise ValueError(f"scales: unknown {', '.join(sorted(unknown))}; known: {', '.join(SCALES)}")
        if self.select_by not in {use.metric for use in self.metrics}:
            raise ValueError(f"select_by: {self.select_by} is not among the metrics")
        if self.version not in self.changes:
            raise ValueError(f"changes: no line for version {self.version}")
        return self

    def scale(self, name: str) -> Scale:
        """The scale of that name, or a UsageError naming the scales there are."""
        if name not in self.scales:
            raise unknown_name(f"scale of {self.file}", name, self.scales)
        return self.scales[name]

    def content_hash(self) -> str:
        """sha256 of the validated content: provenance of every result."""
        content = self.model_dump(mode="json")
        for scale in content["scales"].values():
            if scale["outputs_per_input"] == 1:  # added later: the hash of protocols that do not set it stays the same
                del scale["outputs_per_input"]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _validated(content: dict[str, Any], path: Traversable) -> Protocol:
    try:
        protocol = Protocol.model_validate(content)
    except ValidationError as error:
        raise UsageError(validation_line(path.name, error)) from error
    protocol._file = path.name
    return protocol


def load_protocol(reference: str, own: Path | None = None) -> Protocol:
    """Load a protocol by `name`, `name@version` or the path of a YAML file.

    Args:
        reference: which; of a file with parameters `NAME-CHOICE`, `NAME-CHOICE@V` or `FILE.yaml[PARAMETER=CHOICE]`.
        own: the folder in which the user's protocols are, that of the home; looked through where nothing else has the name.

    Raises:
        UsageError: for an unknown name, version or choice, or a file that is not a valid protocol.
    """
    if by_path := _BY_PATH.fullmatch(reference):
        return _load_file(Path(by_path["file"]), by_path["choice"] or "")
    name, _, version = reference.partition("@")
    for base, path in _candidates(name, version, own):
        content = read_yaml(path)
        inside, own_name = protocols_in(content, path.name), content.get("name")
        if base == own_name and name in inside:
            protocol = _validated(inside[name], path)
            if version and str(protocol.version) != version:
                raise UsageError(f"no version {version} of protocol '{name}'; there is {protocol.id}")
            return protocol
        if base == name and base != own_name:
            raise UsageError(f"{path.name}: its name is '{own_name}'; name and file must agree")
        if base == name:
            raise UsageError(f"protocol {name} leaves something open; name one of {', '.join(inside)}")
    unknown = unknown_name("protocol", name, [known for known in protocol_names(own) if "@" not in known])
    raise UsageError(f"{unknown}; {OWN_IMAGES}")


def _candidates(name: str, version: str, own: Path | None) -> list[tuple[str, Traversable]]:
    """The files that can hold a protocol, with their names: of its version first, then of the longest part of its name."""
    parts = [(*stem.partition("@")[::2], path) for stem, path in _files(own).items()]
    fitting = [p for p in parts if f"{name}-".startswith(f"{p[0]}-") and p[1] in ("", version)]
    fitting.sort(key=lambda part: (part[1] == version, len(part[0])), reverse=True)
    return [(base, path) for base, _, path in fitting]


def _load_file(path: Path, choice: str) -> Protocol:
    if not is_regular(path):
        raise UsageError(f"{path}: no such protocol file; {OWN_IMAGES}")
    content = read_yaml(path)
    name = name_of_choice(content, choice, str(path))
    return _validated(protocols_in(content, path.name)[name], path)


def _files(own: Path | None) -> dict[str, Traversable]:
    """Every protocol file by its stem."""
    return {**own_protocol_files(own), **protocol_files()}


def protocol_names(own: Path | None = None) -> list[str]:
    """Every name that `load_protocol` knows: `NAME` (the newest version) and `NAME@V` (older ones), file by file.

    Args:
        own: as of `load_protocol`.
    """
    names = []
    for stem, path in sorted(_files(own).items()):
        base, at, version = stem.partition("@")
        content = read_yaml(path)
        inside = protocols_in(content, path.name) if parameters(content, path.name) else [base]
        names += [f"{name}{at}{version}" for name in inside]
    return names
