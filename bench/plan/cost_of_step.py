"""What a training step costs: seconds and memory, measured in a few steps on noise, and bytes of checkpoints, counted.

Noise images of the right size take as long as real ones, so the cost of a run is known before its data is here.
"""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.checked import Checked
from bench.base.device import DeviceType, require
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.base.memory import count_anew, most_memory
from bench.base.storage import read_object, write_json
from bench.base.validation import Strict
from bench.ledger.folders import read_result
from bench.ledger.over_runs import over_runs
from bench.plan.memory import remembered
from bench.plan.resolve import Resolution, resolve
from bench.plugin.config import LENGTH_FIELDS
from bench.plugin.discovery import plugins
from bench.plugin.named import is_file_reference
from bench.schema.run_spec import RunSpec, digest, read_spec

if TYPE_CHECKING:
    from bench.plugin.method import Method

SECONDS = 30.0  # a calibration starts no step that would end later than this, but for the second
STEPS = 34  # nor more than two rounds of StyleGAN2's lazy regularisation, every 16 steps, and two to warm up
WARM_UP = 2


class Cost(BaseModel):
    """What is known of one configuration.

    Attributes:
        seconds_per_step: of training; None: not measured.
        source: where that number comes from, in words.
        memory_bytes: of the device, the most that a process of such a run has held, or one that made its steps; None: not
            measured.
        kept_bytes: of one kept checkpoint.
        state_bytes: of one state to go on from: weights and Adam's two moments of every trained parameter.
    """

    model_config = ConfigDict(frozen=True)

    seconds_per_step: float | None = None
    source: str = ""
    memory_bytes: int | None = None
    kept_bytes: int
    state_bytes: int


@dataclass(frozen=True)
class Workload:
    """A method in one configuration, whatever the seed, the data and the length.

    Attributes:
        method: name or FILE.py:Class.
        label: for people.
        config: resolved.
        threads: of a run.
        needs: role -> the method it needs trained.
        ranks: the processes that share its steps.
    """

    method: str
    label: str
    config: dict[str, Any]
    threads: int
    needs: dict[str, Workload] = field(default_factory=dict)
    ranks: int = 1

    @classmethod
    def of_spec(cls, spec: RunSpec, runs: dict[str, RunSpec]) -> Workload:
        """The workload of a planned run; `runs` holds the runs it needs."""
        needs = {role: cls.of_spec(runs[key], runs) for role, key in spec.needs.items() if key in runs}
        return cls(spec.method, spec.label, spec.config, spec.threads, needs, spec.ranks.count)

    @classmethod
    def of_resolution(cls, resolution: Resolution, ranks: int = 1) -> Workload:
        """The workload of what cannot be planned yet because its data is not here."""
        needs = {
            role: cls.of_resolution(resolve(method, resolution.asked, resolution.scale_name, overrides))
            for role, (method, overrides) in resolution.needs.items()
        }
        threads = resolution.scale.threads
        return cls(resolution.reference, resolution.plugin.name, resolution.values, threads, needs, ranks)

    @property
    def key(self) -> str:
        """Equal for workloads whose steps cost the same."""
        config = {name: value for name, value in self.config.items() if name not in LENGTH_FIELDS}
        together = [self.ranks] if self.ranks > 1 else []
        return digest([self.label, config, self.threads, *together])[:16]

    @property
    def question(self) -> dict[str, Any]:
        """What its sizes depend on, beside the code."""
        return {
            "method": self.method,
            "config": self.config,
            "needs": {k: one.question for k, one in self.needs.items()},
        }

    @property
    def is_built_in(self) -> bool:
        """Whether no file of the user's and no other package decides anything of it."""
        others = {name for kind in ("method", "loss") for name, one in plugins(kind).items() if not one.is_built_in}
        named = [self.method, *(value for value in self.config.values() if isinstance(value, str))]
        is_own = not any(is_file_reference(value) or value in others for value in named)
        return is_own and all(needed.is_built_in for needed in self.needs.values())

    def sizes(self) -> tuple[Sizes, bool]:
        """The sizes, counted, and whether they may be remembered for other homes."""
        kept, state = sizes(self.build())
        return Sizes(kept_bytes=kept, state_bytes=state), self.is_built_in

    def build(self) -> Method:
        """The method, untrained, and what it needs, untrained."""
        from bench.base.randomness import Draws
        from bench.plugin.discovery import load_method

        method_class = load_method(self.method)
        method = method_class(method_class.Config.model_validate(self.config), Draws(0))
        for role, needed in self.needs.items():
            method.receive(role, needed.build().eval())
        return method


class Sizes(Strict):
    """Bytes of a kept checkpoint and of a state to go on from."""

    kept_bytes: int
    state_bytes: int


class Calibrations:
    """What was measured on this machine, in `<home>/calibration.json`, and in the runs under `home`.

    Args:
        home: the results root.
        device: the one that the runs are planned for.
    """

    def __init__(self, home: Home, device: DeviceType = "cpu") -> None:
        self.path: Path = home.root / "calibration.json"
        self.device = device
        self._stored = {name: entry for name, entry in (read_object(self.path) or {}).items() if _is_entry(entry)}
        self._runs: dict[str, list[float]] = {}
        self._memory: dict[str, int] = {}
        for key, seconds, memory in filter(None, over_runs(home, self._measured, home.runs())):
            self._runs.setdefault(key, []).append(seconds)
            if memory is not None:
                self._memory[key] = max(memory, self._memory.get(key, 0))

    def _measured(self, folder: RunFolder, checked: Checked) -> tuple[str, float, int | None] | None:
        """The workload of a finished run, how long a step of it took and the memory that it held."""
        result = read_result(folder)
        if not result or not result.train_seconds or result.device not in ("", self.device):
            return None
        try:
            key = Workload.of_spec(read_spec(folder.spec, checked), {}).key
        except BenchError:  # `status` says what is wrong with it
            return None
        return key, result.train_seconds / result.steps, result.memory_bytes

    def cost(self, workload: Workload) -> Cost:
        """What is known; the sizes are counted on first asking."""
        entry = self._stored.get(self._name(workload), {})
        if not {"kept_bytes", "state_bytes"} <= entry.keys():
            entry = entry | remembered(workload.question, Sizes, workload.sizes).model_dump()
            self._keep(workload, entry)
        if earlier := self._runs.get(workload.key):
            source = f"median of {len(earlier)} earlier run{'s' if len(earlier) > 1 else ''}"
            entry = entry | {"seconds_per_step": statistics.median(earlier), "source": source}
        if memory := self._memory.get(workload.key):
            entry = entry | {"memory_bytes": memory}
        return Cost.model_validate(entry)

    def seconds_per_step(self, workload: Workload) -> float | None:
        """The time of a step as far as it is known; nothing is built for it."""
        if earlier := self._runs.get(workload.key):
            return statistics.median(earlier)
        seconds: float | None = self._stored.get(self._name(workload), {}).get("seconds_per_step")
        return seconds

    def calibrate(self, workload: Workload) -> Cost:
        """Measure a workload and remember it."""
        count_anew(self.device)
        seconds, steps = seconds_per_step(workload, self.device)
        source = f"calibration, {steps} step{'s' if steps > 1 else ''} on {self.device}"
        measured = {"seconds_per_step": seconds, "source": source, "memory_bytes": most_memory(self.device)}
        self._keep(workload, self.cost(workload).model_dump() | measured)
        return self.cost(workload)

    def _name(self, workload: Workload) -> str:
        return f"{workload.label}-{workload.key}-{self.device}"

    def _keep(self, workload: Workload, entry: dict[str, Any]) -> None:
        self._stored[self._name(workload)] = entry
        write_json(self.path, self._stored)


def _is_entry(entry: Any) -> bool:
    """Whether it is what was kept of a workload: sizes, and perhaps a time; anything else is measured anew."""
    with suppress(ValidationError):
        return bool(Cost.model_validate(entry, strict=True))
    return False


def sizes(method: Method) -> tuple[int, int]:
    """Bytes of a kept checkpoint and of a state to go on from."""
    networks = method.networks_to_keep()
    weights = kept = 0
    for name, tensor in method.state_dict().items():
        weights += tensor.numel() * tensor.element_size()
        if networks is None or name.partition(".")[0] in networks:
            kept += tensor.numel() * tensor.element_size()
    trained = {
        parameter.data_ptr(): parameter.numel() * parameter.element_size()
        for optimizer in method.optimizers().values()
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return kept, weights + 2 * sum(trained.values())


def seconds_per_step(workload: Workload, device: str) -> tuple[float, int]:
    """Time training steps on noise.

    Returns:
        The mean over steps after the warm-up (after the first, where there is time for no more), and over how many.

    Raises:
        NotAvailable: the device is not on this machine.
    """
    import torch

    from bench.base.randomness import Draws
    from bench.checks.conformance.subject import Subject
    from bench.plugin.method import StepContext

    method = workload.build().to(require(device))
    subject = Subject(type(method), method.config)
    threads = torch.get_num_threads()
    torch.set_num_threads(workload.threads)
    times: list[float] = []
    draws = Draws(0)
    try:
        # the first step plans convolutions and allocates: alone it would say too much
        while len(times) < 2 or (len(times) < STEPS and sum(times) + times[-1] < SECONDS):
            step = len(times)
            batch = {name: tensor.to(device) for name, tensor in subject.batch(method.streams, step).items()}
            started = time.perf_counter()
            method.training_step(batch, StepContext(step, 1, STEPS, 1, draws.at(step)))
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    counted = times[WARM_UP:] or times[1:]
    return statistics.fmean(counted), len(counted)
