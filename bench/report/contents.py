"""What a report shows: the regenerated tables and the comparisons of a results root, read back and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.home import Home
from bench.schema.cell import Cell, TableCells
from bench.schema.protocol import SCALES
from bench.schema.table import Table, load_table, table_names
from results.tables.layout import place

if TYPE_CHECKING:
    from bench.compare.findings import Findings


Found = TypeVar("Found")


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
    """Everything that a report shows, and a line for each file that it cannot show."""

    tables: list[TableResult]
    comparisons: list[Findings]
    problems: list[str] = field(default_factory=list)


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
    """
    from bench.compare.findings import Findings

    if scale is not None and scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    problems: list[str] = []
    tables = _readable(read_table, home.table_cells(), problems)
    comparisons = _readable(Findings.of_folder, home.comparisons(), problems)
    if not tables and not comparisons and problems:
        raise BenchError(problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""))
    if not tables and not comparisons:
        raise UsageError(
            f"{home.root}: no table and no comparison to report; make one with: "
            f"contrastbench reproduce src-hdce/main --scale smoke --home {home.root}"
        )
    known = {result.table.name for result in tables} | {findings.name for findings in comparisons}
    for name in names:
        if problems and name not in known:  # perhaps one of those that cannot be read
            raise BenchError("; ".join(problems))
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
    return Contents(chosen_tables, chosen_comparisons, problems)


def _readable(read: Callable[[Path], Found], paths: Sequence[Path], problems: list[str]) -> list[Found]:
    """What can be read of some files; of the others a line each goes to the problems."""
    records = []
    for path in paths:
        try:
            records.append(read(path))
        except BenchError as error:
            problems.append(str(error))
    return records


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
    content = TableCells.of_folder(path)
    identity, cells = content.table, content.cells
    name, scale = identity.partition("@")[0], cells[0].scale
    try:
        table = load_table(name)
    except UsageError as error:
        raise BenchError(f"{path}: {error}; install what provides it or remove the folder") from error
    if table.id != identity:
        raise BenchError(f"{path}: is of {identity}, installed is {table.id}; {TableCells.way_out}")
    try:
        place(table, cells)
    except BenchError as error:
        raise BenchError(f"{path}: {error}; {TableCells.way_out}") from error
    return TableResult(table, scale, cells, path)
