"""Run specifications and the keys that name them: equal resolved runs are one run, whichever tables want them.

`train_key` covers everything that decides the weights; `score_key` adds the checkpoint, the images and the metric.
In-tree source hashes are provenance only (`code_hash`): a mismatch marks a result as older code, it does not retrain.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bench.base.checked import Checked, stamp
from bench.base.device import DeviceType
from bench.base.errors import BenchError
from bench.base.precision import Precision
from bench.base.ranks import ONE, Ranks
from bench.base.regular import read_regular
from bench.base.sealed import MAX_BYTES, Damaged, read_sealed, sealed, validated
from bench.base.storage import explained, read_object, write_json
from bench.base.validation import Strict
from bench.schema.data import DataConfig, FolderData
from bench.schema.scoring_plan import ScoringPlan

FORMAT: Literal[3] = 3  # of spec.json: raised when an older version could not read it
UNSEALED = (1, 2)  # formats without a seal; in format 1 a run had no device: its key has none, and it is one on the CPU
KIND = "spec"
WAY_OUT = "run the command that started it again, which writes it anew"
LOCK_SECONDS = 30.0  # how long another command may take to write the same file
_SEAL_LINE = re.compile(rb'\n "seal": "[0-9a-f]{64}",?')  # of the file's layout; text of a value holds no line end
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # made once: every key of every score passes by


def digest(value: Any) -> str:
    """sha256 of a JSON-serialisable value in canonical form."""
    return hashlib.sha256(CANONICAL.encode(value).encode()).hexdigest()


class RunSpec(Strict):
    """One run: everything that decides its weights, and how it is scored.

    Attributes:
        method: plugin name or FILE.py:Class.
        label: the method's short name, the readable part of the key.
        revisions: of the mathematics of the method and of each plugin it uses, by name.
        config: the resolved configuration.
        data: the data set; `fingerprint` is the sha256 of its decoded pixels.
        seed, device, precision, threads: as they say; all change bits.
        ranks: the processes that make it; one in older records. Several add in another order, which changes bits.
        plugins: sha256 of every user's file of a plugin, with the modules of the user's that it imports and the data
            files that it declares (bench/plugin/closure.py), by reference.
        needs: role -> train key of a run that must be finished first.
        evaluation: how it is scored.
        others: how it is scored for other commands, where that is not within `evaluation`.
        asked_by: protocols and scale that asked for it, for people.
        task: what its method does, so that a record can be shown without the method's file; empty in older records.
        called: what people call its method where that is not the label: by its loss, and by what is changed,
            `focal_nce{gamma=1}`; not part of the key, and empty in older records.
        labels: what commands labelled it with (--label), for people; not part of the key.
    """

    format: Literal[1, 2, 3] = FORMAT
    method: str
    label: str
    revisions: dict[str, int]
    config: dict[str, Any]
    data: DataConfig
    fingerprint: str
    seed: int
    device: DeviceType = "cpu"
    precision: Precision = "fp32"
    threads: int = 1
    ranks: Ranks = ONE
    plugins: dict[str, str] = {}
    needs: dict[str, str] = {}
    evaluation: ScoringPlan
    others: list[ScoringPlan] = []
    asked_by: list[str] = []
    task: str = ""
    called: str = ""
    labels: list[str] = []

    @property
    def train_key(self) -> str:
        """`METHOD-` and 16 hexadecimal digits; the name of the run's folder."""
        config = {
            name: self._by_content(value) if isinstance(value, str) else value for name, value in self.config.items()
        }
        parts = {
            "format": min(self.format, 2),  # what is new in format 3 decides no weights
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
        if self.ranks != ONE:
            parts["ranks"] = self.ranks.model_dump(mode="json")
        return f"{self.label}-{digest(parts)[:16]}"

    def _by_content(self, reference: str) -> str:
        """A class in a user's file by the file's content, so that a copy elsewhere is the same run."""
        return content_name(self.plugins[reference], reference) if reference in self.plugins else reference

    @property
    def name(self) -> str:
        """What people call its method: by loss or method, and what is changed."""
        if self.called:
            return self.called
        # a run of an earlier version says no more than the class of the user that it is about
        users = [value for value in self.config.values() if isinstance(value, str) and value in self.plugins]
        return users[0].rpartition(":")[2] if users else self.label

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.name} on {self.data.name}, seed {self.seed}"

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run."""
        return int(self.config["n_epochs"] + self.config["n_epochs_decay"])

    @property
    def plans(self) -> list[ScoringPlan]:
        """How it is scored, for this command and for others."""
        return [self.evaluation, *self.others]

    @property
    def scored_epochs(self) -> list[int]:
        """The epochs (1-based) whose checkpoints are kept and scored, the last one among them."""
        return sorted({epoch for plan in self.plans for epoch in plan.epochs(self.total_epochs)})

    @property
    def comes_after(self) -> list[str]:
        """Train keys of the runs that must have ended before this one starts."""
        segmenters = [plan.segmenter for plan in self.plans if plan.segmenter is not None]
        return list(dict.fromkeys([*self.needs.values(), *segmenters]))

    def under(self, plan: ScoringPlan) -> RunSpec:
        """This run as it is scored under one of its plans."""
        return self.model_copy(update={"evaluation": plan, "others": []})

    def beside(self, other: RunSpec) -> RunSpec:
        """This run, scored also for whoever wrote `other`, another specification of it."""
        plans = [self.evaluation]
        for plan in [*self.others, *other.plans]:
            place = next((i for i, known in enumerate(plans) if known.covers(plan)), None)
            if place is None:
                plans.append(plan)
            else:
                plans[place] = plans[place].with_metrics_of(plan)
        return self.model_copy(update={"evaluation": plans[0], "others": plans[1:], **self._said_with(other)})

    def _said_with(self, other: RunSpec) -> dict[str, Any]:
        """What commands say of it for people, of both; a name that it has is kept."""
        return {
            "asked_by": list(dict.fromkeys([*self.asked_by, *other.asked_by])),
            "labels": list(dict.fromkeys([*self.labels, *other.labels])),
            "called": other.called or self.called,
        }

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
        plan = self.evaluation
        moved = {
            name: f"{path}:{name.rpartition(':')[2]}"
            for name, file_sha256 in (self.plugins | plan.plugins).items()
            if file_sha256 == sha256
        }
        scoring = {
            "metrics": [use.model_copy(update={"metric": moved.get(use.metric, use.metric)}) for use in plan.metrics],
            "select_by": moved.get(plan.select_by, plan.select_by),
            "plugins": {moved.get(name, name): file_sha256 for name, file_sha256 in plan.plugins.items()},
        }
        return self.model_copy(
            update={
                "method": moved.get(self.method, self.method),
                "config": {k: moved.get(v, v) if isinstance(v, str) else v for k, v in self.config.items()},
                "plugins": {moved.get(name, name): file_sha256 for name, file_sha256 in self.plugins.items()},
                "evaluation": plan.model_copy(update=scoring),
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
                        "plugins": plan.plugins | other_plan.plugins,
                        "segmenter": plan.segmenter or other_plan.segmenter,
                        "scored_checkpoints": max(plan.scored_checkpoints, other_plan.scored_checkpoints),
                    }
                ),
                **self._said_with(other),
            }
        )


def content_name(sha256: str, reference: str) -> str:
    """How a key names a class in a user's file: by the file's content."""
    return f"sha256:{sha256}:{reference.rpartition(':')[2]}"


def read_spec(path: Path, checked: Checked | None = None) -> RunSpec:
    """Read the `spec.json` in a run's folder.

    Args:
        path: the file.
        checked: what was found whole before is not checked again; a file that is whole is added to it.

    Raises:
        BenchError: it is missing, of another version, of another run, or not what was written; names the file.
    """
    try:
        content = None if checked is None else read_regular(path, MAX_BYTES)
    except OSError:  # said below
        content = None
    if checked is None or content is None:
        return _read_spec(path)
    seen = stamp(KIND, path.parent.name, content)
    if seen in checked and (known := _as_checked(content)) is not None:
        return known
    spec = _read_spec(path, content)
    if _as_checked(content) == spec:
        checked.add(seen)
    return spec


def _as_checked(content: bytes) -> RunSpec | None:
    """The specification in a file's content that has been found whole before; None if it has not."""
    with suppress(ValidationError):
        return RunSpec.model_validate_json(_SEAL_LINE.sub(b"", content, count=1), strict=True)
    return None


def _read_spec(path: Path, content: bytes | None = None) -> RunSpec:
    """Read and check it, or this content of it."""
    record = read_sealed(path, KIND, path.parent.name, WAY_OUT, _is_unsealed, content)
    if record is None:
        raise BenchError(f"{path}: cannot be read: No such file or directory")
    _require_readable(path, record.values)
    spec = validated(RunSpec, record, path, WAY_OUT)
    if spec.train_key != path.parent.name:
        raise Damaged(f"{path}: describes run {spec.train_key}; {WAY_OUT}")
    return spec


def _is_unsealed(content: dict[str, Any]) -> bool:
    """Whether content is of a format that had no seal, or of another version, which another error says."""
    number = content.get("format")
    return "others" not in content and type(number) is int and number != FORMAT


def _require_readable(path: Path, content: dict[str, Any]) -> None:
    number = content.get("format")
    if number not in (*UNSEALED, FORMAT):
        raise BenchError(
            f"{path}: written by another version of contrastbench (format {number}, this one reads 1 to {FORMAT}); "
            "use that version, or another --home"
        )


def write_spec(path: Path, spec: RunSpec) -> str:
    """Write a run's `spec.json`, if it does not say the same already; what other commands want scored stays wanted.

    Args:
        path: the file, in the run's folder.
        spec: what to write.

    Returns:
        What was wrong with the file that was there, in one line; empty if nothing was.

    Raises:
        BenchError: it cannot be written, or is of another version of contrastbench.
    """
    if not is_news(path, spec):
        return ""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(".spec.lock"))
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise BenchError(f"{path}: another command is writing it; run the same command again") from None
    try:
        before, damage = _before(path)
        write_json(path, _on_disk(spec if before is None else spec.beside(before), path))
    finally:
        lock.release()
    return damage


def is_news(path: Path, spec: RunSpec) -> bool:
    """Whether a run's `spec.json` does not hold exactly this, or this beside what others want."""
    there = read_object(path)
    if there is not None and there == _on_disk(spec, path):
        return False
    before, _ = _before(path)
    return before is None or _on_disk(spec.beside(before), path) != there


def _before(path: Path) -> tuple[RunSpec | None, str]:
    """The specification on disk; none, and why, if it is damaged."""
    try:
        return (read_spec(path), "") if path.exists() else (None, "")
    except Damaged as error:
        return None, str(error)


def _on_disk(spec: RunSpec, path: Path) -> dict[str, Any]:
    """What the file holds; a run of format 2 is the same run in the present one, of format 1 it would have another key."""
    present = spec if spec.format == 1 else spec.model_copy(update={"format": FORMAT})
    # one process is what every record meant before there could be several; what nobody says is left out likewise
    unsaid = {"ranks"} if spec.ranks == ONE else set()
    unsaid |= {name for name in ("called", "labels") if not getattr(spec, name)}
    return sealed(KIND, path.parent.name, present.model_dump(mode="json", exclude=unsaid))


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
