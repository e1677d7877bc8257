"""Tables of the papers: rows (label, method) x columns (protocol, metric), and where each cell's number is printed.

One YAML file per table in `protocols/tables`; `src-hdce/main` is `src-hdce-main.yaml`. A change that gives a cell another
meaning bumps the version and adds a line to the file's `changes`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from bench.base.errors import UsageError, unknown_name
from bench.base.validation import Strict, validation_line
from bench.schema.bounded_yaml import read_yaml
from bench.schema.data import DataConfig
from bench.schema.yaml_files import table_files

COUNTED = "images"  # what a column of counted images calls its metric


class CountedImages(Strict):
    """Which images of a data set a row counts; nothing is trained for it.

    Attributes:
        protocol: `name@version` whose data set it is, or
        data: the data set itself, where there is no such protocol.
        split: train, validation or test.
        streams: of these domains, each of which has as many.
    """

    protocol: str | None = None
    data: DataConfig | None = None
    split: Literal["train", "validation", "test"]
    streams: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_one_data_set(self) -> CountedImages:
        if (self.protocol is None) == (self.data is None):
            raise ValueError("give a protocol, or data, and not both")
        return self

    @property
    def name(self) -> str:
        """The protocol, or the data set's own name."""
        return self.protocol or (self.data.name if self.data else "")


class TableRow(Strict):
    """One row.

    Attributes:
        label: as shown; unique in its table.
        method: plugin name or FILE.py:Class; None where contrastbench has no such method.
        variant: which settings of the method the row means (`released`, `paper`, ...).
        overrides: configuration fields that differ from the method's recipe.
        printed: columns of the CSV -> text that select this row's printed numbers.
        printed_in: CSV file of this row, if not the table's.
        not_printed: column labels for which no source prints a number of this row.
        extra: the row is not in the paper; it is shown because readers will look for it.
        rule_above: the paper draws a rule above this row.
        counted: the images that are counted, in a row about a data set; it has no method.
        target: the row is about the training images, whose number the methods' should come near to; it has no method.
        subset: what stands for `{subset}` in the columns' protocols, where rows differ in the size of the training set.
    """

    label: str = Field(min_length=1)
    method: str | None
    variant: str = ""
    overrides: dict[str, Any] = {}
    printed: dict[str, str]
    printed_in: str | None = None
    not_printed: list[str] = []
    extra: bool = False
    rule_above: bool = False
    counted: CountedImages | None = None
    target: bool = False
    subset: str | None = Field(None, pattern=r"^[a-z0-9]+$")


class TableColumn(Strict):
    """One column.

    Attributes:
        group: the heading it shares with its neighbours, usually the data set.
        heading: its own heading, usually the metric.
        protocol: `name@version` that fills it; `{subset}` in it stands for each row's own. None where rows count images.
        metric: the metric the paper prints.
        higher_is_better: direction of that metric; None: the nearer to the row that is its target the better.
        printed: columns of the CSV -> text that select this column's printed numbers.
        decimals: digits after the point, as the paper prints them.
    """

    group: str = Field(min_length=1)
    heading: str = Field(min_length=1)
    protocol: str | None = Field(None, pattern=r"^[a-z0-9-]+(\{subset\}[a-z0-9-]*)?@[0-9]+$")
    metric: str
    higher_is_better: bool | None
    printed: dict[str, str]
    decimals: int = Field(1, ge=0, le=6)

    @property
    def label(self) -> str:
        """Group and heading: unique in its table, and what a cell calls its column."""
        return f"{self.group} {self.heading}"


class TableCell(Strict):
    """One place of a table, before anything was run: what it asks for and what was published.

    Attributes:
        paper, table, row, column: where it stands.
        method, variant, overrides: what is trained; `method` is None where contrastbench has none.
        protocol, metric, higher_is_better: how it is scored.
        published: the printed number, None where no source prints one.
        published_text: its digits as printed.
        published_source, published_note: where it is printed (says `second-hand` where it was not read in the paper
            itself), and how it was read.
        extra: the row is not in the paper.
        counted, is_target: what a row without a method is about.
        aim: the published number of the column's target, if it has one.
    """

    paper: str
    table: str
    row: str
    column: str
    method: str | None
    variant: str
    overrides: dict[str, Any]
    protocol: str
    metric: str
    higher_is_better: bool | None
    published: float | None
    published_text: str = ""
    published_source: str
    published_note: str
    extra: bool
    counted: CountedImages | None = None
    is_target: bool = False
    aim: float | None = None


class Table(Strict):
    """One table file.

    Attributes:
        name: `PAPER/TABLE`.
        version: bumped when a cell's meaning changes.
        title: one line for people.
        paper: the part of `name` before the slash.
        citation: the paper.
        where: where in the paper it is printed.
        printed_in: file in `results/published` that holds its numbers.
        columns, rows: in the paper's order.
        notes: reading notes, shown below the table.
        changes: one line per version.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    version: int = Field(ge=1)
    title: str
    paper: str
    citation: str
    where: str
    printed_in: str
    columns: list[TableColumn] = Field(min_length=1)
    rows: list[TableRow] = Field(min_length=1)
    notes: list[str] = []
    changes: dict[int, str]

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        if self.paper != self.name.split("/")[0]:
            raise ValueError(f"paper: '{self.paper}' must be the part of the name '{self.name}' before the slash")
        columns = [column.label for column in self.columns]
        for key, labels in (("rows", [row.label for row in self.rows]), ("columns", columns)):
            if twice := sorted({label for label in labels if labels.count(label) > 1}):
                raise ValueError(f"{key}: '{twice[0]}' is given twice; labels must differ")
        for row in self.rows:
            for column in self.columns:
                if (row.counted is None) == (column.protocol is None):
                    raise ValueError(
                        f"rows: {row.label}: counted: must be given if, and only if, columns have no protocol"
                    )
                if ("{subset}" in (column.protocol or "")) != (row.subset is not None):
                    raise ValueError(
                        f"rows: {row.label}: subset: must be given if, and only if, the columns' protocols have {{subset}}"
                    )
            if row.method is not None and (row.counted or row.target):
                raise ValueError(f"rows: {row.label}: is about images, and has no method")
            if wrong := [label for label in row.not_printed if label not in columns]:
                raise ValueError(f"rows: {row.label}: not_printed: {unknown_name('column', wrong[0], columns)}")
        if self.version not in self.changes:
            raise ValueError(f"changes: no line for version {self.version}")
        return self

    def cells(self) -> list[TableCell]:
        """Every place of the table, row by row, with its published number.

        Raises:
            UsageError: if a selector finds no printed number or several, or if the CSV contradicts a column's direction.
        """
        cells = [self._cell(row, column) for row in self.rows for column in self.columns]
        aims = {cell.column: cell.published for cell in cells if cell.is_target}
        return [cell.model_copy(update={"aim": aims.get(cell.column)}) for cell in cells]

    def _cell(self, row: TableRow, column: TableColumn) -> TableCell:
        from bench.schema.printed import printed_value  # pandas: not on the path of `list`

        file = row.printed_in or self.printed_in
        value, source, note, text = None, "", "", ""
        if column.label not in row.not_printed:
            direction = {"higher_is_better": "" if column.higher_is_better is None else str(column.higher_is_better)}
            value, source, note, text = printed_value(file, {**row.printed, **column.printed, **direction})
        return TableCell(
            paper=self.paper,
            table=self.name,
            row=row.label,
            column=column.label,
            method=row.method,
            variant=row.variant,
            overrides=row.overrides,
            protocol=row.counted.name if row.counted else str(column.protocol).replace("{subset}", row.subset or ""),
            metric=column.metric,
            higher_is_better=column.higher_is_better,
            published=value,
            published_text=text,
            published_source=source,
            published_note=note,
            extra=row.extra,
            counted=row.counted,
            is_target=row.target,
        )


def table_names() -> list[str]:
    """The names of all tables, sorted."""
    return sorted(_files_by_name())


@lru_cache(maxsize=1)
def _files_by_name() -> dict[str, Traversable]:
    """Every table file by the name inside it.

    Raises:
        UsageError: if a file is no YAML mapping, has no name, or is not called after it.
    """
    by_name: dict[str, Traversable] = {}
    for stem, path in sorted(table_files().items()):
        name = read_yaml(path).get("name")
        if not isinstance(name, str) or name.replace("/", "-") != stem:
            raise UsageError(f"{path.name}: name: must be the file's name with a slash after the paper, not {name!r}")
        by_name[name] = path
    return by_name


def read_table(path: Traversable) -> Table:
    """Read and validate one table file.

    Args:
        path: a YAML file.

    Raises:
        UsageError: for an unreadable file, an unknown key or a wrong type; the message names file and key.
    """
    try:
        return Table.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UsageError(validation_line(path.name, error)) from error


def load_table(name: str) -> Table:
    """Load a table by name.

    Args:
        name: `PAPER/TABLE`, such as `src-hdce/main`.

    Raises:
        UsageError: for an unknown name (the message names the nearest ones) or an invalid file.
    """
    path = table_files().get(name.replace("/", "-"))
    if path is not None and (table := read_table(path)).name == name:  # the others are not read for it
        return table
    known = _files_by_name()
    if name not in known:
        raise unknown_name("table", name, known)
    return read_table(known[name])
