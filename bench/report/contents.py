"""What a report shows: the regenerated tables and the comparisons of a results root, read back and checked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.home import Home
from bench.base.validation import validation_line
from bench.schema.cell import Cell
from bench.schema.protocol import SCALES
from bench.schema.table import Table, load_table, table_names
from results.tables.layout import place

if TYPE_CHECKING:
    from bench.compare.findings import Findings


@dataclass(frozen=True)
class TableResult:
    """A regenerated table: what it is, at which scale, its cells, and the file they were read from."""

    table: Table
    scale: str
    cells: list[Cell]
    file: Path

    @property
    def slug(self) -> str:
        """Its folder's name: unique in the results root, and the beginning of its anchors."""
        return self.file.parent.name


@dataclass(frozen=True)
class Contents:
    """Everything that a report shows."""

    tables: list[TableResult]
    comparisons: list[Findings]


def read_contents(home: Home, names: Sequence[str] = (), scale: str | None = None) -> Contents:
    """Read what there is.

    Args:
        home: the results root.
        names: tables (`src-hdce/main`) and comparisons to show; none: all.
        scale: tables of this scale only; None: of every scale.

    Returns:
        Tables by name, then from the smallest scale to the largest; comparisons by name.

    Raises:
        UsageError: if there is nothing to show, or a name that this results root does not have; says what makes it.
        BenchError: for a damaged file, naming it.
    """
    if scale is not None and scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    tables = [read_table(path) for path in home.table_cells()]
    comparisons = [read_comparison(path) for path in home.comparisons()]
    if not tables and not comparisons:
        raise UsageError(
            f"{home.root}: no table and no comparison to report; make one with: "
            f"contrastbench reproduce src-hdce/main --scale smoke --home {home.root}"
        )
    for name in names:
        _check(name, scale, tables, comparisons, home.root)
    shown = [one for one in tables if (not names or one.table.name in names) and scale in (None, one.scale)]
    compared = [one for one in comparisons if (not names or one.name in names) and scale in (None, one.scale)]
    if not shown and not compared:
        there = ", ".join(dict.fromkeys([one.scale for one in tables] + [one.scale for one in comparisons]))
        raise UsageError(f"{home.root}: nothing of scale {scale}; there is {there or 'no table'}")
    shown.sort(key=lambda one: (one.table.name, SCALES.index(one.scale)))
    return Contents(shown, compared)


def _check(name: str, scale: str | None, tables: list[TableResult], comparisons: list[Findings], root: Path) -> None:
    scales = [one.scale for one in tables if one.table.name == name]
    scales += [one.scale for one in comparisons if one.name == name]
    if scale in scales or (scale is None and scales):
        return
    known = sorted({one.table.name for one in tables} | {one.name for one in comparisons})
    if not scales and name not in table_names():
        raise unknown_name(f"table or comparison in {root}", name, known)
    make = f"make it with: contrastbench reproduce {name} --scale {scale or 'smoke'} --home {root}"
    if scales:
        raise UsageError(f"{root}: {name} is there at scale {' and '.join(scales)}, not at {scale}; {make}")
    raise UsageError(f"{root}: no table {name}; there is {', '.join(known)}; {make}")


def read_table(path: Path) -> TableResult:
    """Read a regenerated table's `cells.json`.

    Raises:
        BenchError: if it is damaged, or was made from a table or version that is not installed; names the file.
    """
    try:
        content = json.loads(path.read_bytes())
        cells = [Cell.model_validate(cell) for cell in content["cells"]]
        identity, scale = str(content["table"]), cells[0].scale
        name = identity.partition("@")[0]
    except ValidationError as error:
        raise BenchError(f"{validation_line(str(path), error)}; {_again(path)}") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BenchError(f"{path}: is damaged ({type(error).__name__}: {error}); {_again(path)}") from error
    try:
        table = load_table(name)
    except UsageError as error:
        raise BenchError(f"{path}: {error}; install what provides it or remove the folder") from error
    if table.id != identity:
        raise BenchError(f"{path}: is of {identity}, installed is {table.id}; {_again(path)}")
    try:
        place(table, cells)
    except BenchError as error:
        raise BenchError(f"{path}: {error}; {_again(path)}") from error
    return TableResult(table, scale, cells, path)


def _again(path: Path) -> str:
    return f"run its reproduce command again, or remove {path.parent.name} to report without it"


def read_comparison(path: Path) -> Findings:
    """Read a comparison's `comparison.json`.

    Raises:
        BenchError: if it is damaged; names the file.
    """
    from bench.compare.findings import Findings

    way_out = f"run its compare command again, or remove {path.parent.name} to report without it"
    try:
        return Findings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BenchError(f"{validation_line(str(path), error)}; {way_out}") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}; {way_out}") from error
