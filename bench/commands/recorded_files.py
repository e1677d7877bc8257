"""The user's files that a recorded run needs: named by whoever wants it run, and the recorded ones to the byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.base.errors import UsageError, short_line
from bench.base.regular import is_regular, resolved
from bench.plugin.closure import closure
from bench.plugin.discovery import find_plugin
from bench.plugin.named import is_named, name_file
from bench.schema.run_spec import RunSpec

Place = tuple[str, Path]  # the recorded sha256 of a user's file, and where it is on this machine


def places(spec: RunSpec, files: Mapping[str, str], metrics: Sequence[str] = ()) -> list[Place]:
    """Where the user's files of a run are on this machine; they may run from now on.

    Args:
        spec: the run, as recorded.
        files: `loss`, `method` -> FILE.py:Class, as the user named them.
        metrics: FILE.py:Class of metrics.

    Raises:
        UsageError: the run has no such file, or the file is not the recorded one.
    """
    named_files = []
    for kind, reference in files.items():
        recorded = spec.method if kind == "method" else str(spec.config.get(kind))
        if recorded not in spec.plugins:
            raise UsageError(
                f"--{kind} {reference}: the {kind} of run {spec.train_key} is {recorded}, no file; leave the option out"
            )
        named_files.append(_place(spec, kind, reference, recorded))
    for reference in metrics:
        recorded = next((name for name in spec.evaluation.plugins if _class(name) == _class(reference)), "")
        if not recorded and any(_is_same(reference, use.metric) for use in spec.evaluation.metrics):
            name_file(reference)  # an older record, which holds no hash
            continue
        if not recorded:
            known = ", ".join(use.metric for use in spec.evaluation.metrics)
            raise UsageError(f"--metric {reference}: no metric of run {spec.train_key} is such a file; it has {known}")
        named_files.append(_place(spec, "metric", reference, recorded))
    return named_files


def _class(reference: str) -> str:
    return reference.rpartition(":")[2]


def _is_same(reference: str, other: str) -> bool:
    one, two = (resolved(name.rpartition(":")[0]) for name in (reference, other))
    return one == two and _class(reference) == _class(other)


def _place(spec: RunSpec, kind: str, reference: str, recorded: str) -> Place:
    path, sha256 = find_plugin(kind, reference).path, (spec.plugins | spec.evaluation.plugins)[recorded]
    consists_of = closure(path)
    if (now := consists_of.sha256()) != sha256:
        lacks = f" (of what it imports, {', '.join(consists_of.missing)} is not here)" if consists_of.missing else ""
        raise UsageError(
            f"--{kind} {reference}: its sha256 is {now[:16]}..., and run {spec.train_key} was planned with {recorded}, "
            f"{sha256[:16]}...{lacks}; give that file and what it imports, or plan again with this one"
        )
    if _class(reference) != _class(recorded):
        raise UsageError(f"--{kind} {reference}: run {spec.train_key} was planned with {recorded}; name that class")
    name_file(f"{path}:{_class(reference)}")
    return sha256, path


def placed(spec: RunSpec, places: Sequence[Place]) -> RunSpec:
    """The run, for where its files are."""
    for sha256, path in places:
        spec = spec.with_file(sha256, path)
    return spec


def _refused(line: str) -> UsageError:
    return UsageError(short_line(line))  # with names that a stranger chose


def require_files(spec: RunSpec, scored: bool = True) -> None:
    """Refuse a run one of whose files is not here, not the recorded one, or not named.

    Args:
        spec: the run.
        scored: whether the files of its metrics are needed, too.

    Raises:
        UsageError: saying which, and the option that names it.
    """
    for reference, sha256 in (spec.plugins | (spec.evaluation.plugins if scored else {})).items():
        path = Path(reference.rpartition(":")[0])
        kind = "method" if reference == spec.method else "loss" if reference in spec.plugins else "metric"
        option = f"--{kind} FILE:NAME"
        if not is_regular(path):
            raise _refused(
                f"{path}: is not here, and run {spec.train_key} was planned with it (sha256 {sha256[:16]}...); say where "
                f"that is with {option}"
            )
        if not is_named(path):  # not even read: whoever wrote the record chose it
            raise _refused(
                f"{path}: run {spec.train_key} runs this file; if you trust it, say so: --{kind} {reference}"
            )
        if closure(path).sha256() != sha256:
            raise _refused(
                f"{path}: is not the file of sha256 {sha256[:16]}... that run {spec.train_key} was planned with, or a "
                f"module or data file of it has changed; restore it, or say where that is with {option}"
            )
