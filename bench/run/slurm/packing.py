"""Which runs share a job, which jobs share an array, and what each of them asks the scheduler for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from bench.run.executors.order import levels
from bench.run.slurm.options import SlurmOptions
from bench.schema.run_spec import RunSpec

START_MINUTES = 10  # to import torch from a slow file system and to decode images; and scores come on top
SLACK = 1.5  # a node may be that much slower than what was measured
BASE_GB = 4  # torch, decoded images, the features of a score
FEATURE_MAPS = (
    320  # of full size and the network's first width, kept for the backward pass of a 9-block generator and its D
)
MOST_TASKS = 1000  # of an array: Slurm's own limit, unless a site has raised it


@dataclass(frozen=True)
class Request:
    """What each job of an array asks for, and what tells arrays apart.

    Attributes:
        level: 0 for runs that need no other run that is submitted with them, 1 for runs that need one of those, ...
        label: the method; empty where short runs of several are mixed.
        device: type of device.
        ranks: of each run, with a device each.
        cpus, memory_gb: of a job.
        minutes: time limit.
    """

    level: int
    label: str
    device: str
    ranks: int
    cpus: int
    memory_gb: int
    minutes: int

    @property
    def name(self) -> str:
        """The name that the queue shows."""
        return f"contrastbench-{self.label or 'runs'}"


@dataclass(frozen=True)
class Array:
    """One array of jobs.

    Attributes:
        request: of each job.
        packs: the train keys of each job.
    """

    request: Request
    packs: list[list[str]]


def arrays(
    specs: Mapping[str, RunSpec],
    expected: Mapping[str, float],
    options: SlurmOptions,
    together: int,
    memory: Mapping[str, float] = MappingProxyType({}),
) -> list[Array]:
    """Lay runs out in jobs.

    Args:
        specs: train key -> run, the most urgent first.
        expected: train key -> seconds, where known.
        options: of the jobs.
        together: runs at once in a job.
        memory: train key -> GB of a job that does it, where the usual has been too little.

    Returns:
        One array for each kind of run, runs that others need first.
    """
    level_of = levels(specs)
    kinds: dict[Request, list[str]] = {}
    for key, spec in specs.items():
        is_short = key in expected and expected[key] < 60 * options.pack_minutes
        usual = options.memory_gb or memory_gb(spec) * spec.ranks.count * together
        request = Request(
            level=level_of[key],
            label="" if is_short else spec.label,
            device=spec.device,
            ranks=spec.ranks.count,
            cpus=options.cpus or spec.threads * spec.ranks.count * together,
            memory_gb=math.ceil(memory.get(key, usual)),
            minutes=0,
        )
        kinds.setdefault(request, []).append(key)
    found = []
    for request, keys in kinds.items():
        packs = _packs(keys, expected, options, together)
        minutes = max(_minutes(pack, expected, options, together) for pack in packs)
        parts = (packs[begin : begin + MOST_TASKS] for begin in range(0, len(packs), MOST_TASKS))
        found += [Array(replace(request, minutes=minutes), part) for part in parts]
    return sorted(found, key=lambda array: array.request.level)


def memory_gb(spec: RunSpec) -> float:
    """Main memory that a run may need: what a step keeps grows with the batch, the pixels and the width; an estimate."""
    config = spec.config
    numbers = {"batch_size": 1, "crop_size": 256, "ngf": 64}
    batch, size, width = (config.get(name) or usual for name, usual in numbers.items())
    return float(BASE_GB + (0 if spec.device == "cuda" else 4 * FEATURE_MAPS * batch * size**2 * width / 1e9))


def _packs(keys: list[str], expected: Mapping[str, float], options: SlurmOptions, together: int) -> list[list[str]]:
    """Fill jobs in the order of urgency, each up to `pack` runs or about `pack_minutes`."""
    packs: list[list[str]] = []
    filled = 0.0
    for key in keys:
        seconds = expected.get(key, math.inf) / together
        if options.pack is not None:
            fits = bool(packs) and len(packs[-1]) < options.pack
        else:
            fits = bool(packs) and filled + seconds <= 60 * options.pack_minutes
        if not fits:
            packs.append([])
            filled = 0.0
        packs[-1].append(key)
        filled += seconds
    return packs


def _minutes(pack: list[str], expected: Mapping[str, float], options: SlurmOptions, together: int) -> int:
    """The time limit of a job: as long as its runs are expected to take, or the longest if nobody knows."""
    most = max(1, round(60 * options.hours))
    if any(key not in expected for key in pack):
        return most
    longest = max(expected[key] for key in pack)
    seconds = max(longest, sum(expected[key] for key in pack) / together)
    return min(most, math.ceil(START_MINUTES + SLACK * seconds / 60 + options.signal_seconds / 60))
