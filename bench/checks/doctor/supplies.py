"""Weights of evaluation networks and data sets: what is here, and how to get the rest."""

from __future__ import annotations

import inspect
import pkgutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import bench.features
from bench.base.errors import NotAvailable
from bench.checks.doctor.finding import Finding
from bench.features.extractor import Extractor


def extractors() -> list[type[Extractor]]:
    """Every evaluation network of bench.features, by id."""
    by_id: dict[str, type[Extractor]] = {}
    for info in pkgutil.iter_modules(bench.features.__path__, "bench.features."):
        for _, item in inspect.getmembers(import_module(info.name), inspect.isclass):
            if issubclass(item, Extractor) and not inspect.isabstract(item):
                by_id[item.id] = item
    return [by_id[id_] for id_ in sorted(by_id)]


def weight_findings(weights: Path) -> Iterator[Finding]:
    """Check the weight file of every evaluation network.

    Args:
        weights: the folder searched first, `<home>/weights`.
    """
    for extractor in extractors():
        name = extractor.id.partition("@")[0]
        try:
            extractor(weights).check()
            yield Finding("weights", name, "ok", "the official file is here")
        except NotAvailable as error:
            yield Finding("weights", name, "none", str(error))


def data_findings(home: Path, data_root: Path) -> Iterator[Finding]:
    """Look for the data set of every protocol.

    Args:
        home: the results root; nothing is written to it unless it exists.
        data_root: where folder data sets lie.
    """
    from bench.data.verbs import data_rows

    with tempfile.TemporaryDirectory() as temporary:
        rows = data_rows(home / "cache" if home.is_dir() else Path(temporary), data_root)
    named = {row.name: row for row in rows}
    sound = [name for name, row in named.items() if row.state == "present" and not row.deviations]
    if sound:
        yield Finding("data", "here and complete", "ok", ", ".join(sound))
    absent = [name for name, row in named.items() if row.state == "not here"]
    if absent:
        yield Finding("data", "not here", "none", f"{', '.join(absent)}; how to get them: contrastbench data list")
    for name, row in named.items():
        if row.state == "damaged":
            yield Finding("data", name, "FAIL", row.message)
        elif name not in (*sound, *absent):
            more = len(row.deviations) - 1
            others = f" and {more} more (contrastbench data list)" if more else ""
            yield Finding("data", name, "note", f"deviation: {row.deviations[0]}{others}")
