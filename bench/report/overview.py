"""What a results root holds: runs by state, versions, dates, and what stands in for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bench.base.checked import Checked
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.base.words import duration
from bench.ledger.folders import Examined, examine, read_progress
from bench.ledger.over_runs import over_runs
from bench.report.anchors import Anchors
from bench.report.contents import Contents
from bench.schema.cell import Cell
from bench.schema.protocol import load_protocol
from bench.schema.records import RunProgress
from bench.schema.run_spec import read_spec
from results.tables.comparable import is_stand_in

MOST_RUNS = 2000  # in the list; a browser takes seconds for ten times as many
RUN_STATES = ("done", "running", "failed", "not run", "damaged", "unreadable")


@dataclass(frozen=True)
class RunLine:
    """One run of the list at the page's end."""

    key: str
    anchor: str
    method: str
    data: str
    seed: str
    state: str
    reason: str
    steps: str
    trained: str


@dataclass(frozen=True)
class Overview:
    """What the page says of all runs, and the list of them at its end.

    `problems`: a line for each file that is not what was written; `left_out`: how many runs are counted and not listed.
    """

    states: list[tuple[str, int]]
    scales: list[tuple[str, str]]
    provenance: list[tuple[str, str]]
    runs: list[RunLine]
    left_out: int
    stand_ins: list[tuple[str, str]]
    problems: list[str]


def overview(home: Home, contents: Contents, keys: Sequence[str] | None, anchors: Anchors) -> Overview:
    """Count the runs that the page shows.

    Args:
        home: the results root.
        contents: what the page shows.
        keys: the runs to count; None: all of the results root.
        anchors: gives names.
    """
    there = {folder.key: folder for folder in home.runs()}
    wanted = list(there) if keys is None else sorted(there.keys() & set(keys))
    found = list(over_runs(home, _read, [there[key] for key in wanted]))
    runs = [replace(line, anchor=anchors.of("run", line.key)) for line, _ in found]
    runs += [_missing_run(key, anchors) for key in keys or [] if key not in there]
    counts = Counter(run.state for run in runs)
    cells = [cell for result in contents.tables for cell in result.cells]
    return Overview(
        states=[(state, counts[state]) for state in (*RUN_STATES, "not here") if counts[state] or state == "done"],
        scales=_scales(contents),
        provenance=_provenance([made for _, made in found]),
        problems=contents.problems + [run.reason for run in runs if run.state in ("damaged", "unreadable")],
        runs=_listed(runs),
        left_out=max(0, len(runs) - MOST_RUNS),
        stand_ins=_stand_ins(cells),
    )


@dataclass(frozen=True)
class Made:
    """What the page says of all runs together, of one: less of it than the run's records hold, since there may be many."""

    is_done: bool
    time: float | None
    train_seconds: float | None
    device: str
    versions: dict[str, str]
    code: str
    in_parts: bool
    is_older: bool
    no_seal: bool


def _read(folder: RunFolder, checked: Checked) -> tuple[RunLine, Made]:
    """One run; its anchor is given later."""
    examined = examine(folder, checked)
    result = examined.result
    line = _run(folder, examined, checked)
    return line, Made(
        is_done=result is not None,
        time=result.time if result else None,
        train_seconds=result.train_seconds if result else None,
        device=result.device or "?" if result else "",
        versions={name: result.versions.get(name, "?") for name in ("python", "torch")} if result else {},
        code=result.code[:12] if result else "",
        in_parts=result is not None and len(result.codes) > 1,
        is_older=examined.is_older_code,
        no_seal=examined.has_no_seal,
    )


def _run(folder: RunFolder, examined: Examined, checked: Checked) -> RunLine:
    result = examined.result
    progress = read_progress(folder) if result is None else RunProgress()
    state: str
    state, reason = examined.state, examined.reason
    identity = ("?", "?", "?")
    try:
        spec = read_spec(folder.spec, checked)
        identity = spec.name, spec.data.name, str(spec.seed)
        if examined.problems and state != "running":
            state, reason = "damaged", "; ".join(examined.problems)
    except BenchError as error:
        state, reason = "unreadable", str(error)
    marks = [mark for mark, is_so in _marks(examined) if is_so]
    total = result.steps if result else progress.total_steps
    return RunLine(
        folder.key,
        "",
        *identity,
        state,
        "; ".join(filter(None, (reason, *marks))),
        f"{result.steps if result else progress.step or 0} of {total}" if total else "",
        "" if result is None else duration(result.train_seconds),
    )


def _listed(runs: list[RunLine]) -> list[RunLine]:
    """As many runs as a browser can show, those that are not done before the others."""
    if len(runs) <= MOST_RUNS:
        return runs
    keys = {run.key for run in sorted(runs, key=lambda run: run.state == "done")[:MOST_RUNS]}
    return [run for run in runs if run.key in keys]


def _marks(examined: Examined) -> list[tuple[str, bool]]:
    return [("older code", examined.is_older_code), ("no seal", examined.has_no_seal)]


def _missing_run(key: str, anchors: Anchors) -> RunLine:
    method = key.rpartition("-")[0]
    return RunLine(
        key, anchors.of("run", key), method, "", "", "not here", "its folder is not in this results root", "", ""
    )


def _scales(contents: Contents) -> list[tuple[str, str]]:
    words = {
        "smoke": "seconds a run: shows that everything works; its scores mean nothing",
        "mini": "minutes a run: a first signal, not yet a stable one",
        "paper": "the published training; on the published data where it is here",
    }
    used = [result.scale for result in contents.tables] + [findings.scale for findings in contents.comparisons]
    return [(scale, text) for scale, text in words.items() if scale in used]


def _provenance(made: Sequence[Made]) -> list[tuple[str, str]]:
    """Versions and dates of the finished runs; several are counted."""
    done = [one for one in made if one.is_done]
    if not done:
        return []
    times = sorted(one.time for one in done if one.time is not None)
    seconds = [one.train_seconds for one in done if one.train_seconds is not None]
    first, last = (_day(time) for time in (times[0], times[-1])) if times else ("?", "?")
    lines = [
        ("finished", f"{first} UTC" if first == last else f"{first} to {last} UTC"),
        ("training took", f"{duration(sum(seconds))} in all"),
        ("device", _counted([one.device for one in done])),
        *((name, _counted([one.versions[name] for one in done])) for name in ("python", "torch")),
        ("source of contrastbench", _counted([one.code for one in done])),
    ]
    if in_parts := sum(one.in_parts for one in done):
        lines.append(("several sources", f"{in_parts} runs were trained in parts by different source"))
    if older := sum(one.is_older for one in made):
        lines.append(("older code", f"{older} runs were made by other source than the one that made this page"))
    if unsealed := sum(one.no_seal for one in made):
        lines.append(("no seal", f"{unsealed} runs have records of an earlier format, which carry no checksum"))
    return lines


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")


def _counted(values: Sequence[str]) -> str:
    counts = Counter(values)
    if len(counts) == 1:
        return values[0]
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(counts.items()))


def _stand_ins(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Each replacement on this page: (what is replaced, what was used instead)."""
    replacements: dict[tuple[str, str], None] = {}
    for cell in cells:
        if not is_stand_in(cell):
            continue
        if cell.ran_as is not None and cell.ran_as != cell.protocol:
            replacements[f"data {cell.protocol}", f"{cell.ran_as}: {_title(cell.ran_as)}"] = None
        if cell.scored_as is not None and cell.scored_as != cell.metric:
            replacements[f"metric {cell.metric}", cell.scored_as] = None
    return list(replacements)


def _title(protocol: str) -> str:
    try:
        return load_protocol(protocol).title
    except BenchError:  # a user's protocol file that is not here
        return "its protocol is not installed"


def shown_runs(contents: Contents) -> list[str]:
    """The train keys that anything on the page refers to."""
    keys = [key for result in contents.tables for cell in result.cells for key in cell.train_keys.values()]
    keys += [key for findings in contents.comparisons for contender in findings.contenders for key in contender.runs]
    return sorted(set(keys))
