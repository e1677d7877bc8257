"""`diff`: two runs side by side, and finding a run by an abbreviated key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from bench.base.errors import UsageError, unknown_name
from bench.base.home import Home, RunFolder
from bench.base.terminal import Terminal
from bench.base.words import say
from bench.ledger.folders import read_result, run_state
from bench.ledger.scores import read_score, score_key, wanted
from bench.schema.run_spec import RunSpec, read_spec

SECTIONS = ("config", "data", "code", "versions")
_MADE_ON = ("device", "card", "driver")


def find_run(home: Home, text: str) -> RunFolder:
    """Find a run by its key, the beginning of its key or of the key's hexadecimal part, or its folder.

    Raises:
        UsageError: if no run or more than one fits.
    """
    folder = RunFolder(Path(text).expanduser())
    if folder.spec.is_file():
        return RunFolder(folder.path.absolute())
    runs = {run.key: run for run in home.runs()}
    if text in runs:
        return runs[text]
    fitting = [key for key in runs if key.startswith(text) or key.rpartition("-")[2].startswith(text)]
    if not fitting or not text:
        raise unknown_name(f"run under {home.root}", text, runs)
    if len(fitting) > 1:
        shown = ", ".join(fitting[:4]) + (f" and {len(fitting) - 4} more" if len(fitting) > 4 else "")
        raise UsageError(f"'{text}' is the beginning of {len(fitting)} runs: {shown}; write more of it")
    return runs[fitting[0]]


def difference(first: RunFolder, second: RunFolder) -> dict[str, Any]:
    """Everything in which two runs differ, and their scores.

    Returns:
        `runs` (folders and states), `config`, `data`, `code`, `versions` (name -> the two values, only where they
        differ; None where one run lacks it) and `scores` (all of them).
    """
    a, b = _facts(first), _facts(second)
    report: dict[str, Any] = {"runs": [str(first.path), str(second.path)], "states": [a["state"], b["state"]]}
    for section in SECTIONS:
        left, right = a[section], b[section]
        names = dict.fromkeys([*left, *right])
        report[section] = {n: [left.get(n), right.get(n)] for n in names if left.get(n) != right.get(n)}
    scores = dict.fromkeys([*a["scores"], *b["scores"]])
    report["scores"] = {name: [a["scores"].get(name), b["scores"].get(name)] for name in scores}
    return report


def _facts(folder: RunFolder) -> dict[str, Any]:
    spec, result = read_spec(folder.spec), read_result(folder) or {}
    return {
        "state": run_state(folder)[0],
        "config": {"method": spec.label}
        | _flat(spec.config)
        | {"seed": spec.seed, "device": spec.device, "precision": spec.precision, "threads": spec.threads}
        | {f"needs {role}": key for role, key in spec.needs.items()},
        "data": _flat(spec.data.model_dump(mode="json")) | {"fingerprint": spec.fingerprint},
        "code": {"contrastbench": result.get("code")}
        | {f"revision of {name}": number for name, number in spec.revisions.items()}
        | {f"file {Path(name.rpartition(':')[0]).name}": sha256 for name, sha256 in spec.plugins.items()},
        "versions": dict(result.get("versions", {})) | {name: result.get(name) or None for name in _MADE_ON},
        "scores": scores_of(folder, spec),
    }


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def scores_of(folder: RunFolder, spec: RunSpec) -> dict[str, float | None]:
    """Every score on disk, as `epoch 8, test, L1` -> value."""
    scores = {}
    for epoch, split, use in wanted(spec, ("validation", "test")):
        stored = read_score(folder, score_key(spec, epoch, split, use))
        if stored is not None and stored["state"] == "done":
            scores[f"epoch {epoch}, {split}, {use.metric}"] = stored["value"]
    return scores


def print_difference(report: dict[str, Any]) -> None:
    """Show two runs side by side."""
    console = Terminal()
    for letter, folder, state in zip("AB", report["runs"], report["states"], strict=True):
        say(console, f"{letter}: {folder} ({state})")
    equal = [section for section in SECTIONS if not report[section]]
    for section in (*SECTIONS, "scores"):
        if not report[section]:
            continue
        table = Table(box=None, pad_edge=False, title=section, title_justify="left")
        for heading in ("", "A", "B", *(["B - A"] if section == "scores" else [])):
            table.add_column(heading, overflow="fold")
        for name, (a, b) in report[section].items():
            if section != "scores":
                table.add_row(name, _shown(a), _shown(b))
            elif a is None or b is None:
                table.add_row(name, _number(a), _number(b), "")
            else:
                table.add_row(name, _number(a), _number(b), f"{b - a:+.4g}" if a != b else "same")
        console.print()
        console.print(table)
    if equal:
        say(console, f"\nthe same: {', '.join(equal)}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _shown(value: object) -> str:
    text = "–" if value is None else str(value)
    return f"{text[:16]}..." if len(text) == 64 and text.isalnum() else text  # a sha256
