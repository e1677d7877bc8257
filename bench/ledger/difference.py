"""`diff`: two runs side by side, and finding a run by an abbreviated key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.home import Home, RunFolder, expanded
from bench.base.many import mapped
from bench.base.ranks import ONE
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say
from bench.ledger.folders import examine, run_state
from bench.ledger.scores import read_score, score_key, wanted
from bench.schema.cell import State
from bench.schema.run_spec import RunSpec, read_spec

Pair = tuple[Any, Any]
_MADE_ON = ("device", "card", "driver")
_MOST_NAMED = 4  # runs, in an error


def find_run(home: Home, text: str) -> RunFolder:
    """Find one run; see `find_runs`.

    Raises:
        UsageError: if no run or more than one fits.
    """
    fitting = find_runs(home, text)
    if len(fitting) > 1:
        names = [_known_as(folder) for folder in fitting[:_MOST_NAMED]]
        more = f" and {len(fitting) - len(names)} more" if len(fitting) > len(names) else ""
        raise UsageError(
            f"'{text}' fits {len(fitting)} runs: {'; '.join(names)}{more}; write a key, or LABEL/NAME/SEED"
        )
    return fitting[0]


def find_runs(home: Home, text: str) -> list[RunFolder]:
    """Find runs by a key, the beginning of one key or of its hexadecimal part, a folder, or by what people call them.

    Args:
        home: the results root.
        text: one of these; what people call them is a label, a name and a seed, or some of them, with `/` between.

    Raises:
        UsageError: if no run fits, or a beginning is that of several keys.
    """
    folder = RunFolder(expanded(Path(text)))
    if folder.spec.is_file():
        return [RunFolder(folder.path.absolute())]
    runs = {run.key: run for run in home.runs()}
    if text in runs:
        return [runs[text]]
    beginning = [key for key in runs if text and (key.startswith(text) or key.rpartition("-")[2].startswith(text))]
    if len(beginning) == 1:
        return [runs[beginning[0]]]
    words, asked = dict(mapped(_words, list(runs.values()))), set(text.split("/"))
    if not text.isdigit() and (called := [runs[key] for key, known in words.items() if asked <= known]):
        return called  # a seed alone says nothing
    if not beginning:
        raise unknown_name(f"run under {home.root}", text, {*runs, *set().union(*words.values())})
    shown = ", ".join(beginning[:_MOST_NAMED])
    more = f" and {len(beginning) - _MOST_NAMED} more" if len(beginning) > _MOST_NAMED else ""
    raise UsageError(f"'{text}' is the beginning of {len(beginning)} runs: {shown}{more}; write more of it")


def _words(folder: RunFolder) -> tuple[str, set[str]]:
    """A run's key, and what people may call it by; nothing where that cannot be read."""
    try:
        spec = read_spec(folder.spec)
    except BenchError:
        return folder.key, set()
    return folder.key, {*spec.labels, spec.name, str(spec.seed)}


def _known_as(folder: RunFolder) -> str:
    """A run that can be read, with its key."""
    spec = read_spec(folder.spec)
    return f"{', '.join([*spec.labels, spec.title])} ({folder.key})"


class Difference(Strict):
    """Two runs side by side; a pair is of their values, None where one lacks it.

    Attributes:
        runs, names, states: the folders, what people call each run, and how far it is.
        config, data, code, versions: name -> the two values, only where they differ.
        scores: all of them, by name.
        problems: a line for each record of either that is not what was written, and so left out.
    """

    runs: tuple[str, str]
    names: tuple[str, str]
    states: tuple[State, State]
    config: dict[str, Pair]
    data: dict[str, Pair]
    code: dict[str, Pair]
    versions: dict[str, Pair]
    scores: dict[str, tuple[float | None, float | None]]
    problems: list[str]

    @property
    def sections(self) -> dict[str, dict[str, Pair]]:
        """What differs, by subject."""
        return {"config": self.config, "data": self.data, "code": self.code, "versions": self.versions}


@dataclass(frozen=True)
class _Facts:
    """What is compared of one run: a section's values by name."""

    name: str
    state: State
    config: dict[str, Any]
    data: dict[str, Any]
    code: dict[str, Any]
    versions: dict[str, Any]
    scores: dict[str, float]
    problems: list[str]


def difference(first: RunFolder, second: RunFolder) -> Difference:
    """Everything in which two runs differ, and their scores."""
    a, b = _facts(first), _facts(second)

    def pairs(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Pair]:
        return {name: (left.get(name), right.get(name)) for name in dict.fromkeys([*left, *right])}

    def differing(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Pair]:
        return {name: pair for name, pair in pairs(left, right).items() if pair[0] != pair[1]}

    return Difference(
        runs=(str(first.path), str(second.path)),
        names=(a.name, b.name),
        states=(a.state, b.state),
        config=differing(a.config, b.config),
        data=differing(a.data, b.data),
        code=differing(a.code, b.code),
        versions=differing(a.versions, b.versions),
        scores=pairs(a.scores, b.scores),
        problems=list(dict.fromkeys([*a.problems, *b.problems])),
    )


def _facts(folder: RunFolder) -> _Facts:
    spec, examined = read_spec(folder.spec), examine(folder)
    result = examined.result
    made_on = {name: getattr(result, name, None) or None for name in _MADE_ON}
    return _Facts(
        name=spec.title,
        state=run_state(folder)[0],
        config={"method": spec.label}
        | _flat(spec.config)
        | {"seed": spec.seed, "device": spec.device, "precision": spec.precision, "threads": spec.threads}
        | ({"ranks": spec.ranks.text} if spec.ranks != ONE else {})
        | {f"needs {role}": key for role, key in spec.needs.items()},
        data=_flat(spec.data.model_dump(mode="json")) | {"fingerprint": spec.fingerprint},
        code={"contrastbench": ", ".join(sorted(result.codes)) if result else None}
        | {f"revision of {name}": number for name, number in spec.revisions.items()}
        | {f"file {Path(name.rpartition(':')[0]).name}": sha256 for name, sha256 in spec.plugins.items()},
        versions=(result.versions if result else {}) | made_on,
        scores=scores_of(folder, spec),
        problems=examined.problems,
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def scores_of(folder: RunFolder, spec: RunSpec) -> dict[str, float]:
    """Every score on disk, as `epoch 8, test, L1` -> value."""
    scores = {}
    for epoch, split, use in wanted(spec, ("validation", "test")):
        stored = read_score(folder, score_key(spec, epoch, split, use))
        if stored is not None and stored.value is not None:
            scores[f"epoch {epoch}, {split}, {use.metric}"] = stored.value
    return scores


def print_difference(compared: Difference) -> None:
    """Show two runs side by side."""
    console = Terminal()
    for letter, name, folder, state in zip("AB", compared.names, compared.runs, compared.states, strict=True):
        say(console, f"{letter}: {name} ({state}): {folder}")
    for section, rows in {**compared.sections, "scores": compared.scores}.items():
        if not rows:
            continue
        table = Table(box=None, pad_edge=False, title=section, title_justify="left")
        for heading in ("", "A", "B", *(["B - A"] if section == "scores" else [])):
            table.add_column(heading, overflow="fold")
        for name, (a, b) in rows.items():
            if section != "scores":
                table.add_row(name, _shown(a), _shown(b))
            elif a is None or b is None:
                table.add_row(name, _number(a), _number(b), "")
            else:
                table.add_row(name, _number(a), _number(b), f"{b - a:+.4g}" if a != b else "same")
        console.print()
        console.print(table)
    if equal := [section for section, rows in compared.sections.items() if not rows]:
        say(console, f"\nthe same: {', '.join(equal)}")
    for problem in compared.problems:
        say(console, f"not shown: {problem}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _shown(value: object) -> str:
    text = "–" if value is None else str(value)
    return f"{text[:16]}..." if len(text) == 64 and text.isalnum() else text  # a sha256
