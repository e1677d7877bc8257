"""`status`: every run of a home, what is done, what is left, and the time it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.base.checked import Checked
from bench.base.errors import BenchError, unknown_name
from bench.base.home import Home, RunFolder
from bench.base.streams import printable
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import duration, say, shown_path
from bench.ledger.folders import examine, read_progress
from bench.ledger.over_runs import over_runs
from bench.run.executors.executor import Outcome, queue_outcomes
from bench.run.ticket import read_tickets
from bench.schema.protocol import SCALES
from bench.schema.records import RunProgress
from bench.schema.run_spec import RunSpec, read_spec

MOST_FOLDED = 500  # runs that are shown in columns folded to the terminal; of more, each has a line of its own
_OPEN = ("running", "failed", "not run")  # states of which a scheduler may know more than the run's files
_FOLDED = ("label", "run", "data", "state")  # columns
_KNOWN = {"scale": SCALES, "state": ("done", "running", "failed", "not run", "queued", "dead", "damaged", "unreadable")}


class RunRow(Strict):
    """A run as `status` shows it; a folder that cannot be read has a key, a state and a reason only.

    Attributes:
        key: its train key, the name of its folder.
        name: what people call it, by loss or method and by what is changed.
        method, data, seed: what is trained on what.
        labels: what commands labelled it with.
        asked_by: protocols and scale that asked for it.
        needs: role -> train key of a run that must be finished first.
        state, reason: how far it is, and why it is not further; `damaged` if a record is not what was written, `queued` if
            a scheduler has it, `dead` if the job that did it is gone.
        step, total_steps: of its training.
        train_seconds: what the training took, None before it is finished.
        older_code: whether its training or a score was made by other code than the one installed now.
        no_seal: whether a record is of an earlier format, which had no checksum.
        folder: where it is.
    """

    key: str
    name: str | None = None
    method: str | None = None
    data: str | None = None
    seed: int | None = None
    labels: list[str] = []
    asked_by: list[str] = []
    needs: dict[str, str] = {}
    state: str
    reason: str
    step: int | None = None
    total_steps: int | None = None
    train_seconds: float | None = None
    older_code: bool = False
    no_seal: bool = False
    folder: str


def run_row(folder: RunFolder, spec: RunSpec, checked: Checked | None = None) -> RunRow:
    """A run whose specification can be read; `checked`: see `bench.ledger.folders.examine`."""
    examined = examine(folder, checked)
    state: str
    state, reason, result = examined.state, examined.reason, examined.result
    if examined.problems and state != "running":
        state, reason = "damaged", _joined(examined.problems)
    reason = reason or spec.superseded
    progress = read_progress(folder) if result is None else RunProgress()
    return RunRow(
        key=folder.key,
        name=spec.name,
        method=spec.label,
        data=spec.data.name,
        seed=spec.seed,
        labels=spec.labels,
        asked_by=spec.asked_by,
        needs=spec.needs,
        state=state,
        reason=reason,
        step=result.steps if result else progress.step or 0,
        total_steps=result.steps if result else progress.total_steps,
        train_seconds=result.train_seconds if result else None,
        older_code=examined.is_older_code,
        no_seal=examined.has_no_seal,
        folder=str(folder.path),
    )


def _joined(problems: Sequence[str]) -> str:
    return problems[0] + (f" (and {len(problems) - 1} more like it)" if len(problems) > 1 else "")


def is_shown_in_full(rows: Sequence[RunRow]) -> bool:
    """Whether no run lacks something because a record is damaged or cannot be read."""
    return all(row.state not in ("damaged", "unreadable") for row in rows)


def runs_left(rows: Sequence[RunRow]) -> int:
    """How many of these runs are not done."""
    return sum(row.state != "done" for row in rows)


def status_rows(home: Home) -> list[RunRow]:
    """One row per run folder under the home; a folder that cannot be read is one of state `unreadable`, with the reason.

    Of runs that were given to a scheduler the row says what its queue says, whichever process looks.
    """
    rows = _rows_of_files(home)
    waiting = [home.run(row.key) for row in rows if row.state in _OPEN]
    queued = queue_outcomes(home, [ticket for folder in waiting for ticket in read_tickets(folder)])
    return [_with_queue(row, queued[row.key]) if row.key in queued and row.state in _OPEN else row for row in rows]


def _with_queue(row: RunRow, outcome: Outcome) -> RunRow:
    """A run that its files do not show as done, with what the queue knows; `dead` if it has no job any more."""
    if outcome.state in ("done", "failed", "elsewhere"):
        return row
    state = "dead" if outcome.state == "stopped" else outcome.state
    return row.model_copy(update={"state": state, "reason": outcome.reason or row.reason})


def _rows_of_files(home: Home) -> list[RunRow]:
    return list(over_runs(home, _row_of_files, home.runs()))


def _row_of_files(folder: RunFolder, checked: Checked) -> RunRow:
    try:
        return run_row(folder, read_spec(folder.spec, checked), checked)
    except BenchError as error:
        return RunRow(key=folder.key, state="unreadable", reason=str(error), folder=str(folder.path))


def chosen_rows(rows: Sequence[RunRow], wanted: Mapping[str, Sequence[str]]) -> list[RunRow]:
    """The runs that are wanted.

    Args:
        rows: all of them.
        wanted: `method`, `protocol`, `scale`, `state`, `label` -> any of these.

    Raises:
        UsageError: no run has one of these.
    """
    traits = {what: [_traits(row)[what] for row in rows] for what in wanted}
    for what, values in wanted.items():
        known: set[str] = set().union(*traits[what], _KNOWN.get(what, ()))
        for value in values:
            if value not in known:
                raise unknown_name(f"{what} of a run here", value, known)
    return [row for i, row in enumerate(rows) if all(traits[what][i] & set(of) for what, of in wanted.items())]


def _traits(row: RunRow) -> dict[str, set[str]]:
    """What a run can be chosen by; a protocol is named with its version or without."""
    requests = [request.rpartition(" ") for request in row.asked_by]
    protocols = {protocol for protocol, *_ in requests}
    return {
        "method": {name for name in (row.name, row.method) if name},
        "protocol": protocols | {protocol.partition("@")[0] for protocol in protocols},
        "scale": {scale for *_, scale in requests},
        "state": {row.state},
        "label": set(row.labels),
    }


def print_status(rows: Sequence[RunRow], home: Path, count: int) -> None:
    """Show runs and their states.

    Args:
        rows: those to show.
        home: the results root, as it was given.
        count: how many runs it holds.
    """
    console = Terminal()
    if not count:
        say(
            console,
            f"no runs under {shown_path(home)}; start with: contrastbench reproduce src-hdce/main --scale smoke",
        )
        return
    if rows:
        print_rows(console, [(row, row.train_seconds) for row in rows], "trained")
    of = f" of {count}" if len(rows) < count else ""
    say(console, f"{len(rows)}{of} runs, {runs_left(rows)} not done")


def print_rows(console: Console, rows: Sequence[tuple[RunRow, float | None]], title: str) -> None:
    """Show runs as a table.

    Args:
        console: for people.
        rows: each with the seconds of its last column.
        title: of that column.
    """
    names: tuple[str, ...] = ("run", "seed", "data", "state", "steps", title, "key")
    lines = [_line(row, seconds) for row, seconds in rows]
    if any(row.labels for row, _ in rows):
        names = ("label", *names)
        lines = [(printable(", ".join(row.labels)), *line) for (row, _), line in zip(rows, lines, strict=True)]
    if len(lines) > MOST_FOLDED:
        widths = [max(map(len, column)) for column in zip(names, *lines, strict=True)]
        for line in (names, *lines):
            print(" ".join(map(str.ljust, line, widths)).rstrip(), file=console.file)
        return
    table = Table(box=None, pad_edge=False)
    for name in names:
        # in a narrow terminal these are folded, never a run's key, which people copy
        table.add_column(name, no_wrap=name not in _FOLDED, overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _line(row: RunRow, seconds: float | None) -> tuple[str, ...]:
    total = row.total_steps
    marks = [mark for mark, is_so in (("older code", row.older_code), ("no seal", row.no_seal)) if is_so]
    state = row.state + (f" ({', '.join(marks)})" if marks else "")
    line = (
        row.name or "?",
        "" if row.seed is None else str(row.seed),
        row.data or "",
        f"{state}: {row.reason}" if row.reason else state,
        f"{row.step}/{total}" if total else "",
        duration(seconds) if seconds is not None else "?" if row.data else "",
        row.key,
    )
    return tuple(map(printable, line))
