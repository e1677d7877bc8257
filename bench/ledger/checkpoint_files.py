"""The JSON half of a checkpoint: everything beside the tensors that a resume or a score reads, under one seal.

A checkpoint is a pair: `NAME.safetensors` (all tensors) and `NAME.json`, which is written last. The JSON half names the run
and the step or epoch that it is of, holds the sha256 of the file of tensors, and a seal over all of that. It has to be what
was written to the byte, so that no flipped bit in either half is taken for a checkpoint. Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, JsonValue, ValidationError

from bench.base.errors import BenchError
from bench.base.home import RunFolder
from bench.base.indented import indented
from bench.base.regular import is_regular, read_regular
from bench.base.storage import write_text
from bench.base.validation import validation_line
from bench.schema.parts import Part, Typed

FORMAT: Literal[2] = 2  # in format 1 nothing but the tensors was sealed
STATE = "state-"  # everything needed to go on training
WEIGHTS = "epoch-"  # what making images needs after a kept epoch
KEPT_STATES = 2  # of a run that is under way
MAX_BYTES = 16 << 20  # of a JSON half; a real one has some kilobytes


class Progress(Typed):
    """How far training is, beside its tensors.

    Attributes:
        seconds: spent in steps, over all sessions of the run.
        window_start, window_rows: the window of losses that is not written yet.
        log_bytes: of the file of losses, up to here.
        parts: what made the training so far.
    """

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    window_start: Annotated[int, Field(ge=0)] = 0
    window_rows: list[dict[str, float]] = []
    log_bytes: Annotated[int, Field(ge=0)] = 0
    parts: list[Part] = []


class OptimizerRecord(Typed):
    """An optimizer's state without its tensors: plain values by parameter, and its groups."""

    plain: dict[str, dict[str, JsonValue]]
    param_groups: list[dict[str, JsonValue]]


class _Record(Typed):
    """What both kinds of checkpoints say.

    Attributes:
        format: of checkpoints.
        run: train key.
        sha256: of the file of tensors.
        tensors: their names; None in format 1.
        non_finite: tensors that were not finite when they were saved (a mask, say); any other has to be.
    """

    format: Literal[1, 2] = FORMAT
    run: str
    sha256: str
    tensors: list[str] | None = None
    non_finite: list[str] = []

    @property
    def name(self) -> str:
        """The stem of its files."""
        raise NotImplementedError


class StateRecord(_Record):
    """What a state to go on from holds beside its tensors: `step` steps are done."""

    step: int = Field(ge=0)
    progress: Progress
    optimizers: dict[str, OptimizerRecord]
    schedulers: dict[str, dict[str, JsonValue]]

    @property
    def name(self) -> str:
        """See `_Record.name`."""
        return state_name(self.step)


class WeightsRecord(_Record):
    """What the weights of a kept epoch say of themselves.

    Attributes:
        epoch: 1-based.
        networks: those whose tensors it holds; None: all that the method has.
        progress: how far training was; None in format 1.
        dropped: the option by which the tensors went; empty: they are there.
    """

    epoch: int = Field(ge=1)
    networks: list[str] | None = None
    progress: Progress | None = None
    dropped: str = ""

    @property
    def name(self) -> str:
        """See `_Record.name`."""
        return weights_name(self.epoch)

    @classmethod
    def of_format_1(cls, content: dict[str, Any], run: str) -> Self:
        """Weights that an earlier version kept: all that it says beside their checksum is the epoch."""
        return cls(format=1, run=run, sha256=content["sha256"], epoch=content["state"]["epoch"])


class OlderState(BenchError):
    """A state of a format that this version does not go on from."""


def state_name(step: int) -> str:
    """The stem of the files of the state after `step` steps."""
    return f"{STATE}{step:09d}"


def weights_name(epoch: int) -> str:
    """The stem of the files of an epoch's weights."""
    return f"{WEIGHTS}{epoch:06d}"


def tensors_of(folder: Path, name: str) -> Path:
    """The file of tensors of a checkpoint."""
    return folder / f"{name}.safetensors"


def json_of(folder: Path, name: str) -> Path:
    """The JSON half of a checkpoint."""
    return folder / f"{name}.json"


def write_record(folder: Path, record: StateRecord | WeightsRecord) -> None:
    """Write a checkpoint's JSON half, sealed."""
    content = json.loads(json.dumps(record.model_dump(mode="json")))
    write_text(json_of(folder, record.name), _text(content | {"seal": _seal(content)}))


def _text(content: dict[str, Any]) -> str:
    return indented(content) + "\n"


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_state(folder: Path, step: int, run: str) -> StateRecord:
    """The JSON half of a state.

    Raises:
        OlderState: an earlier version wrote it.
        BenchError: it is missing, not what was written, or of another run or step.
    """
    path = json_of(folder, state_name(step))
    content = _content(path)
    if _is_format_1(content, {"step", "progress", "optimizers", "schedulers"}):
        raise OlderState(
            f"{path}: an earlier version of contrastbench saved this state, without a seal over all that a resume reads; "
            "finish the run with that version, or remove the run's folder and run the command again"
        )
    record = _checked(path, content, StateRecord)
    _require(path, record.run == run, f"it is of run {record.run}, not {run}")
    _require(path, record.step == step, f"it is of step {record.step}, and its name says {step}")
    return record


def read_weights(folder: Path, epoch: int, run: str) -> WeightsRecord:
    """The JSON half of an epoch's weights; of an earlier version's too, which had nothing in it to be sealed.

    Raises:
        BenchError: it is missing, not what was written, or of another run or epoch.
    """
    path = json_of(folder, weights_name(epoch))
    content = _content(path)
    if _is_format_1(content, {"epoch"}):
        try:
            record = WeightsRecord.of_format_1(content, run)
        except ValidationError as error:
            raise BenchError(f"{validation_line(str(path), error)}: checkpoint is damaged") from error
    else:
        record = _checked(path, content, WeightsRecord)
    _require(path, record.run == run, f"it is of run {record.run}, not {run}")
    _require(path, record.epoch == epoch, f"it is of epoch {record.epoch}, and its name says {epoch}")
    return record


def _content(path: Path) -> dict[str, Any]:
    if not is_regular(path):
        raise BenchError(f"{path}: checkpoint is incomplete")
    try:
        text = read_regular(path, MAX_BYTES)
        content = json.loads(text)
        written = _text(content).encode()
    except OSError as error:
        raise BenchError(f"{path}: checkpoint cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path}: checkpoint is damaged (it is no JSON)") from error
    _require(path, isinstance(content, dict), "it is no JSON object")
    # whoever wrote it wrote exactly this: a flipped bit that changes only spaces or spelling is one too
    _require(path, text == written, "it is not as it was written")
    return dict(content)


def _is_format_1(content: dict[str, Any], of_state: set[str]) -> bool:
    state = content.get("state")
    return content.keys() == {"sha256", "state"} and isinstance(state, dict) and state.keys() == of_state


_R = TypeVar("_R", StateRecord, WeightsRecord)


def _checked(path: Path, content: dict[str, Any], model: type[_R]) -> _R:
    seal = content.pop("seal", None)
    _require(path, seal == _seal(content), "its seal differs")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"{validation_line(f'{path}: checkpoint is wrong', error)}") from error


def _require(path: Path, good: bool, problem: str) -> None:
    if not good:
        raise BenchError(f"{path}: checkpoint is damaged ({problem})")


def dropped_by(folder: RunFolder, epoch: int) -> str:
    """The option by which the weights of a scored epoch went; empty if they are there, or were never made."""
    try:
        return read_weights(folder.checkpoints, epoch, folder.key).dropped
    except BenchError:
        return ""


def gone(folder: RunFolder, epoch: int) -> str:
    """Why nothing more can be measured of an epoch, and the way out; empty if it can."""
    if not (option := dropped_by(folder, epoch)):
        return ""
    return (
        f"the checkpoint of epoch {epoch} is gone ({option}); train again in another --home, or delete the folder of run "
        f"{folder.key} and run the command again"
    )


def drop_weights(folder: Path, record: WeightsRecord, option: str) -> None:
    """Remove an epoch's tensors; that it was there, its checksum and its parts stay.

    Args:
        folder: the run's checkpoints.
        record: from `read_weights`.
        option: by which, for example `--keep last`.
    """
    write_record(folder, record.model_copy(update={"format": FORMAT, "dropped": option}))
    tensors_of(folder, record.name).unlink(missing_ok=True)
