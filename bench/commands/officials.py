"""`reproduce --official`: authors' own checkpoints or images under our scoring, a third number beside published and ours.

What lies between the published number and theirs scored here is evaluation (test set, resizing, features, which of several
checkpoints is published); what lies between theirs and ours is training.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress as ProgressBar
from rich.progress import TaskID
from rich.table import Table as RichTable

from bench.base.device import DeviceType
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.home import Home
from bench.base.storage import write_text
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say, shown_path
from bench.commands.score import SCALE, Progress, score_images, score_weights
from bench.commands.scored import Scored
from bench.data.image_file import EXTENSIONS
from bench.plan.grid import Grid
from bench.schema.cell import Cell, Interval, State
from bench.schema.protocol import Protocol, load_protocol
from bench.schema.table import Table, TableRow
from bench.verdict.cells import cells_of
from results.tables.comparable import may_stand_against_published, mean

WEIGHTS = (".pth", ".pt", ".safetensors")


class Official(Strict):
    """One cell with three numbers.

    Attributes:
        row, column, metric: which cell.
        published: as the paper prints it.
        theirs: the authors' checkpoint or images, scored here; None where there is none or it cannot be scored.
        interval: the noise of scoring one model.
        ours: what was trained and scored here under the published protocol; None where there is nothing comparable.
        state, reason: of `theirs`.
        what: the checkpoint or folder that was scored.
        deviations: where its scoring is not the protocol's.
        scored: the folder below `scored/` that holds its record.
    """

    row: str
    column: str
    metric: str
    published: float | None
    theirs: float | None
    interval: Interval | None
    ours: float | None
    state: State
    reason: str
    what: str
    deviations: list[str]
    scored: str

    @property
    def of_evaluation(self) -> float | None:
        """Theirs less the published number."""
        return None if self.theirs is None or self.published is None else self.theirs - self.published

    @property
    def of_training(self) -> float | None:
        """Ours less theirs."""
        return None if self.theirs is None or self.ours is None else self.ours - self.theirs


class Officials(Strict):
    """A table's third numbers, as `official.json` holds them."""

    table: str
    cells: list[Official]


@dataclass(frozen=True)
class _Given:
    """What an author gave for one row under one protocol."""

    row: TableRow
    protocol: Protocol
    place: Path


def score_officials(
    table: Table, cells: Sequence[Cell], folder: Path, home: Home, device: DeviceType, progress: Progress
) -> Officials:
    """Score what authors published for a table's rows.

    Args:
        table: the table.
        cells: its cells, with what was trained here as far as it was.
        folder: with `ROW/PROTOCOL/` for each: a generator's checkpoint, or images named after the test inputs. A row is
            called by its label, or by its method where one row alone has that.
        home: where data and caches are; results go to `scored/`.
        device: for translation and scoring.
        progress: called with (images done, images in all) for each checkpoint.

    Raises:
        UsageError: there is no such folder, or nothing of this table in it.
    """
    if not folder.is_dir():
        raise UsageError(f"--official {shown_path(folder)}: no such folder; it holds a folder of each row, see --help")
    found: list[Official] = []
    for given in _all_given(table, folder):
        mine = [cell for cell in cells if cell.row == given.row.label and cell.protocol == given.protocol.id]
        found += _scored_cells(given, mine, home, device, progress)
    if not found:
        some = ", ".join(_names(table, row)[-1] for row in table.rows if row.method) or "none"
        raise UsageError(
            f"--official {shown_path(folder)}: holds nothing for {table.name}; it wants ROW/PROTOCOL/ with a checkpoint or "
            f"images, for example {shown_path(folder / _example(table))}; rows: {some}"
        )
    return Officials(table=table.id, cells=found)


def _all_given(table: Table, folder: Path) -> Iterator[_Given]:
    for row in table.rows:
        if row.method is None:
            continue
        protocols = [
            str(column.protocol).replace("{subset}", row.subset or "") for column in table.columns if column.protocol
        ]
        for identity in dict.fromkeys(protocols):
            name = identity.partition("@")[0]
            for place in (folder / label / name for label in _names(table, row)):
                if place.is_dir():
                    yield _Given(row, load_protocol(identity), place)
                    break


def _names(table: Table, row: TableRow) -> list[str]:
    """How a row's folder may be called."""
    alone = sum(other.method == row.method for other in table.rows) == 1
    return [row.label.replace("/", "-"), *([row.method] if row.method and alone else [])]


def _example(table: Table) -> str:
    row = next((row for row in table.rows if row.method), table.rows[0])
    protocol = next((str(column.protocol) for column in table.columns if column.protocol), "PROTOCOL")
    return f"{_names(table, row)[-1]}/{protocol.replace('{subset}', row.subset or '').partition('@')[0]}"


def _scored_cells(
    given: _Given, cells: Sequence[Cell], home: Home, device: DeviceType, progress: Progress
) -> list[Official]:
    scored: Scored | None = None
    state: State = "done"
    reason = ""
    try:
        scored = _scored(given, home, device, progress)
    except NotAvailable as error:
        state, reason = "not available", str(error)
    except BenchError as error:
        state, reason = "failed", str(error)
    return [_official(cell, given, scored, state, reason) for cell in cells]


def _scored(given: _Given, home: Home, device: DeviceType, progress: Progress) -> Scored:
    weights = sorted(path for path in given.place.iterdir() if path.suffix in WEIGHTS and path.is_file())
    images = any(path.suffix.lower() in EXTENSIONS for path in given.place.iterdir())
    if len(weights) > 1 or (weights and images) or not (weights or images):
        there = ", ".join(path.name for path in weights) or "no checkpoint"
        raise UsageError(
            f"{shown_path(given.place)}: holds {there}{' and images' if images else ''}; leave one checkpoint "
            f"({', '.join(WEIGHTS)}) there, or images alone"
        )
    if images:
        return score_images(given.protocol, given.place, home, device)
    return score_weights(
        given.protocol, str(given.row.method), weights[0], {}, home, progress, device, overrides=given.row.overrides
    )


def _official(cell: Cell, given: _Given, scored: Scored | None, state: State, reason: str) -> Official:
    of_metric = {use.metric: number for number, use in enumerate(given.protocol.metrics)}  # scores are in their order
    score = scored.scores[of_metric[cell.metric]] if scored and cell.metric in of_metric else None
    if scored and score is None:
        state, reason = "not available", f"protocol {scored.protocol} does not measure {cell.metric}"
    elif score is not None:
        state, reason = score.state, score.reason
    ours = cell.value if may_stand_against_published(cell) else None
    return Official(
        row=cell.row,
        column=cell.column,
        metric=cell.metric,
        published=cell.published,
        theirs=score.value if score else None,
        interval=score.interval if score else None,
        ours=mean(ours) if ours else None,
        state=state,
        reason=reason,
        what=scored.what if scored else shown_path(given.place),
        deviations=scored.deviations if scored else [],
        scored=scored.key if scored else "",
    )


def write_officials(officials: Officials, folder: Path) -> list[Path]:
    """Write `official.json` and `official.csv` into a table's folder."""
    paths = [folder / "official.json", folder / "official.csv"]
    write_text(paths[0], officials.model_dump_json(indent=1) + "\n")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = (
        "row",
        "column",
        "metric",
        "published",
        "theirs",
        "ours",
        "of_evaluation",
        "of_training",
        "state",
        "reason",
        "what",
    )
    writer.writerow(names)
    writer.writerows([getattr(cell, name) for name in names] for cell in officials.cells)
    write_text(paths[1], text.getvalue())
    return paths


def print_officials(officials: Officials, console: Terminal) -> None:
    """Show the three numbers of each cell, and what lies between them."""
    say(console, f"\n{officials.table}: published, the authors' own under our scoring, and ours")
    table = RichTable(box=None, pad_edge=False)
    for heading in ("row", "column", "published", "theirs here", "ours", "of evaluation", "of training"):
        table.add_column(heading, overflow="fold", justify="left" if heading in ("row", "column") else "right")
    for cell in officials.cells:
        theirs = _number(cell.theirs) if cell.state == "done" else cell.state
        gaps = [f"{gap:+.4g}" if gap is not None else "" for gap in (cell.of_evaluation, cell.of_training)]
        table.add_row(cell.row, cell.column, _number(cell.published), theirs, _number(cell.ours), *gaps)
    console.print(table)
    say(
        console,
        "of evaluation: theirs here less published; of training: ours less theirs here, where ours is comparable",
    )
    for line in dict.fromkeys(
        f"{cell.row} {cell.state}: {cell.reason}" for cell in officials.cells if cell.state != "done"
    ):
        say(console, f"  {line}")
    for line in dict.fromkeys(f"{cell.row}: {deviation}" for cell in officials.cells for deviation in cell.deviations):
        say(console, f"  ≠ {line}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def reproduce_officials(grid: Grid, folder: Path, as_json: bool) -> int:
    """Score the authors' own for every table of a grid, and show and write the third numbers; nothing is trained.

    Args:
        grid: tables at the scale as published, and the runs of it that are done.
        folder: as of `score_officials`.
        as_json: print the numbers as JSON on standard output and everything else on standard error.

    Returns:
        The exit status: 0 if all was scored that is there, 1 if something failed, 3 if nothing was possible.
    """
    console = Terminal(stderr=as_json)
    cells, found = cells_of(grid), []
    for table in {planned.table.name: planned.table for planned in grid.cells}.values():
        mine = [cell for cell in cells if cell.table == table.name]
        with ProgressBar(console=Terminal(stderr=True), transient=True) as bar:
            shown = bar.add_task(f"translating the test images of {table.name}")

            def report(done: int, total: int, bar: ProgressBar = bar, shown: TaskID = shown) -> None:
                bar.update(shown, completed=done, total=total)

            officials = score_officials(table, mine, folder, grid.home, grid.device, report)
        found.append(officials)
        print_officials(officials, console)
        for path in write_officials(officials, grid.home.table(table.name, SCALE)):
            say(console, f"written to {shown_path(path)}")
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=1))
    states = {cell.state for one in found for cell in one.cells}
    return 1 if "failed" in states else 0 if "done" in states else 3
