"""Run specifications and the keys that name them: equal resolved runs are one run, whichever tables want them.

`train_key` covers everything that decides the weights; `score_key` adds the checkpoint, the images and the metric.
In-tree source hashes are provenance only (`code_hash`): a mismatch marks a result as older code, it does not retrain.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from bench.base.device import DeviceType
from bench.base.errors import BenchError
from bench.base.storage import write_text
from bench.base.validation import Strict, validation_line
from bench.schema.cell import Checkpoint
from bench.schema.data import DataConfig, FolderData
from bench.schema.protocol import MetricUse

FORMAT: Literal[2] = 2  # of spec.json: raised when an older version could not read it
READABLE = (1, FORMAT)  # in format 1 a run had no device: its key has none, and it is taken as one on the CPU
Split = Literal["validation", "test"]


def digest(value: Any) -> str:
    """sha256 of a JSON-serialisable value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class ScoringPlan(Strict):
    """How a run is scored; not part of the train key.

    Attributes:
        metrics: what is measured on the test images.
        segmenter: train key of the run that metrics of classes ask; None: there is none, or it is not available here.
        no_segmenter: why it is not available.
        select_by: measured on validation images too, to choose best-on-validation.
        counts: the checkpoint rule that fills cells.
        scored_checkpoints: evenly spaced checkpoints that are kept and scored.
        test_images, validation_images: evenly spaced subsets; None: all.
        outputs_per_input: images made of each of them.
    """

    metrics: list[MetricUse]
    segmenter: str | None = None
    no_segmenter: str = ""
    select_by: str
    counts: Checkpoint
    scored_checkpoints: int
    test_images: int | None
    validation_images: int | None
    outputs_per_input: int = 1

    def epochs(self, total: int) -> list[int]:
        """The epochs (1-based) whose checkpoints are scored, the last one among them."""
        count = min(self.scored_checkpoints, total)
        return sorted({round(total * (i + 1) / count) for i in range(count)})

    def image_count(self, split: Split) -> int | None:
        """How many images of a split are scored; None: all."""
        return self.test_images if split == "test" else self.validation_images


class RunSpec(Strict):
    """One run: everything that decides its weights, and how it is scored.

    Attributes:
        method: plugin name or FILE.py:Class.
        label: the method's short name, the readable part of the key.
        revisions: of the mathematics of the method and of each plugin it uses, by name.
        config: the resolved configuration.
        data: the data set; `fingerprint` is the sha256 of its decoded pixels.
        seed, device, precision, threads: as they say; all change bits.
        plugins: sha256 of every user-supplied plugin file, by reference.
        needs: role -> train key of a run that must be finished first.
        evaluation: how it is scored.
        asked_by: protocols and scale that asked for it, for people.
    """

    format: Literal[1, 2] = FORMAT
    method: str
    label: str
    revisions: dict[str, int]
    config: dict[str, Any]
    data: DataConfig
    fingerprint: str
    seed: int
    device: DeviceType = "cpu"
    precision: Literal["fp32"] = "fp32"
    threads: int = 1
    plugins: dict[str, str] = {}
    needs: dict[str, str] = {}
    evaluation: ScoringPlan
    asked_by: list[str] = []

    @property
    def train_key(self) -> str:
        """`METHOD-` and 16 hexadecimal digits; the name of the run's folder."""
        config = {
            name: self._by_content(value) if isinstance(value, str) else value for name, value in self.config.items()
        }
        parts = {
            "format": self.format,
            "method": self._by_content(self.method),
            "class": self.label,
            "revisions": self.revisions,
            "config": config,
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "precision": self.precision,
            "threads": self.threads,
            "plugins": sorted(self.plugins.values()),
            "needs": self.needs,
        }
        if self.format > 1:
            parts["device"] = self.device
        return f"{self.label}-{digest(parts)[:16]}"

    def _by_content(self, reference: str) -> str:
        """A class in a user's file by the file's content, so that a copy elsewhere is the same run."""
        return content_name(self.plugins[reference], reference) if reference in self.plugins else reference

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run."""
        return int(self.config["n_epochs"] + self.config["n_epochs_decay"])

    @property
    def scored_epochs(self) -> list[int]:
        """The epochs (1-based) whose checkpoints are kept and scored, the last one among them."""
        return self.evaluation.epochs(self.total_epochs)

    @property
    def comes_after(self) -> list[str]:
        """Train keys of the runs that must have ended before this one starts."""
        segmenter = self.evaluation.segmenter
        return [*self.needs.values(), *([segmenter] if segmenter else [])]

    @property
    def superseded(self) -> str:
        """Why this run is not asked for any more, though its method and data are; empty if nothing is known."""
        if isinstance(self.data, FolderData) and self.data.direction == "BtoA" and "pairing" not in self.revisions:
            return (
                "by an earlier pairing rule, which went through the other folder in order (direction BtoA); the command "
                "that asked for it trains it anew"
            )
        return ""

    def with_file(self, sha256: str, path: Path) -> RunSpec:
        """This run, for a place where the user's file of that content is `path`; its key stays."""
        moved = {
            name: f"{path}:{name.rpartition(':')[2]}"
            for name, file_sha256 in self.plugins.items()
            if file_sha256 == sha256
        }
        return self.model_copy(
            update={
                "method": moved.get(self.method, self.method),
                "config": {k: moved.get(v, v) if isinstance(v, str) else v for k, v in self.config.items()},
                "plugins": {moved.get(name, name): file_sha256 for name, file_sha256 in self.plugins.items()},
            }
        )

    def merged(self, other: RunSpec) -> RunSpec:
        """This run, with the metrics and checkpoints of both specifications scored."""
        plan, other_plan = self.evaluation, other.evaluation
        metrics = plan.metrics + [use for use in other_plan.metrics if use not in plan.metrics]
        return self.model_copy(
            update={
                "evaluation": plan.model_copy(
                    update={
                        "metrics": metrics,
                        "segmenter": plan.segmenter or other_plan.segmenter,
                        "scored_checkpoints": max(plan.scored_checkpoints, other_plan.scored_checkpoints),
                    }
                ),
                "asked_by": self.asked_by + [name for name in other.asked_by if name not in self.asked_by],
            }
        )


def _format(content: bytes) -> object:
    """The format number of a `spec.json`, None where there is none to be read."""
    try:
        return json.loads(content).get("format")
    except (ValueError, AttributeError):
        return None


def content_name(sha256: str, reference: str) -> str:
    """How a key names a class in a user's file: by the file's content."""
    return f"sha256:{sha256}:{reference.rpartition(':')[2]}"


def read_spec(path: Path) -> RunSpec:
    """Read a run's `spec.json`; errors name the file."""
    try:
        content = path.read_bytes()
        number = _format(content)
        if number not in (None, *READABLE):
            raise BenchError(
                f"{path}: written by another version of contrastbench (format {number}, this one reads 1 and {FORMAT}); "
                "use that version, or another --home"
            )
        return RunSpec.model_validate_json(content)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BenchError(
            validation_line(str(path), error) + "; run the command that started it again, which writes it anew"
        ) from error


def write_spec(path: Path, spec: RunSpec) -> None:
    """Write a run's `spec.json`, if it does not say the same already."""
    text = spec.model_dump_json(indent=1) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


@lru_cache(maxsize=1)
def code_hash() -> str:
    """sha256 over the in-tree source that can move a number (harness, methods): provenance of a result."""
    total = hashlib.sha256()
    for package in ("bench", "methods"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode())
            total.update(path.read_bytes())
    return total.hexdigest()
