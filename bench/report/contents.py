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
    """Read the tables and comparisons of a results root.

    Args:
        home: the results root.
        names: tables (`src-hdce/main`) and comparisons to show; none: all.
        scale: tables of this scale only; None: of every scale.

    Returns:
        Tables by name, then from the smallest scale to the largest; comparisons by name.

    Raises:
        UsageError: if there is nothing to show, or a name is not in this results root; says which command makes it.
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
        _require(name, scale, tables, comparisons, home.root)
    chosen_tables = [
        result for result in tables if (not names or result.table.name in names) and scale in (None, result.scale)
    ]
    chosen_comparisons = [
        findings
        for findings in comparisons
        if (not names or findings.name in names) and scale in (None, findings.scale)
    ]
    if not chosen_tables and not chosen_comparisons:
        scales = ", ".join(
            dict.fromkeys([result.scale for result in tables] + [findings.scale for findings in comparisons])
        )
        raise UsageError(f"{home.root}: nothing of scale {scale}; there is {scales or 'no table'}")
    chosen_tables.sort(key=lambda result: (result.table.name, SCALES.index(result.scale)))
    return Contents(chosen_tables, chosen_comparisons)


def _require(name: str, scale: str | None, tables: list[TableResult], comparisons: list[Findings], root: Path) -> None:
    """Refuse a table or comparison that the results root does not have at this scale."""
    scales = [result.scale for result in tables if result.table.name == name]
    scales += [findings.scale for findings in comparisons if findings.name == name]
    if scale in scales or (scale is None and scales):
        return
    known = sorted({result.table.name for result in tables} | {findings.name for findings in comparisons})
    if not scales and name not in table_names():
        raise unknown_name(f"table or comparison in {root}", name, known)
    way_out = f"make it with: contrastbench reproduce {name} --scale {scale or 'smoke'} --home {root}"
    if scales:
        raise UsageError(f"{root}: {name} is there at scale {' and '.join(scales)}, not at {scale}; {way_out}")
    raise UsageError(f"{root}: no table {name}; there is {', '.join(known)}; {way_out}")


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
        raise BenchError(f"{validation_line(str(path), error)}; {_way_out(path)}") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BenchError(f"{path}: is damaged ({type(error).__name__}: {error}); {_way_out(path)}") from error
    try:
        table = load_table(name)
    except UsageError as error:
        raise BenchError(f"{path}: {error}; install what provides it or remove the folder") from error
    if table.id != identity:
        raise BenchError(f"{path}: is of {identity}, installed is {table.id}; {_way_out(path)}")
    try:
        place(table, cells)
    except BenchError as error:
        raise BenchError(f"{path}: {error}; {_way_out(path)}") from error
    return TableResult(table, scale, cells, path)


def _way_out(path: Path, command: str = "reproduce") -> str:
    return f"run its {command} command again, or remove {path.parent.name} to report without it"


def read_comparison(path: Path) -> Findings:
    """Read a comparison's `comparison.json`.

    Raises:
        BenchError: if it is damaged; names the file.
    """
    from bench.compare.findings import Findings

    way_out = _way_out(path, "compare")
    try:
        return Findings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BenchError(f"{validation_line(str(path), error)}; {way_out}") from error
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}; {way_out}") from error
