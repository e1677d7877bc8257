"""What a run belongs to: tables and comparisons, as their folders say. Each becomes a parent run in MLflow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from bench.base.sealed import Record
from bench.schema.cell import TableCells


@dataclass(frozen=True)
class Standing:
    """One place of a run in a group.

    Attributes:
        label: what the group calls the run's method: a row, a contender.
        experiment: `name@version` of the protocol that ran.
        place: for people.
        comparability, verdict: empty where there is none.
        deviations: from what was published, one line each.
    """

    label: str
    experiment: str
    place: str
    comparability: str
    verdict: str
    deviations: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """A regenerated table or a comparison on disk.

    Attributes:
        kind: `table` or `comparison`.
        name: of the table or comparison.
        scale: smoke, mini or paper.
        folder: its files.
        labels: of its methods, in its order.
        standings: train key -> the run's places.
        state: for people, what is known of the whole.
    """

    kind: str
    name: str
    scale: str
    folder: Path
    labels: list[str]
    standings: dict[str, list[Standing]]
    state: str

    def identity(self, experiment: str) -> str:
        """The parent run's identity; MLflow keeps a parent and its children in one experiment."""
        return f"{self.kind}:{self.name}:{self.scale}:{experiment}"


def read_table(path: Path) -> Group:
    """A regenerated table from its `cells.json`."""
    cells = TableCells.of_folder(path).cells
    standings: dict[str, list[Standing]] = {}
    for cell in cells:
        verdict = cell.value.verdict if cell.value is not None else None
        standing = Standing(
            cell.row,
            str(cell.ran_as),
            f"table {cell.table}, row {cell.row}, column {cell.column}",
            cell.comparability or "",
            f"{cell.column}: {verdict}" if verdict else "",
            tuple(cell.deviations),
        )
        for key in cell.train_keys.values():
            standings.setdefault(key, []).append(standing)
    counts = Counter(cell.state for cell in cells)
    return Group(
        "table",
        cells[0].table,
        cells[0].scale,
        path.parent,
        list(dict.fromkeys(cell.row for cell in cells if cell.train_keys)),
        standings,
        ", ".join(f"{count} cells {state}" for state, count in counts.most_common()),
    )


class _Duel(BaseModel):
    metric: str
    candidate: str = ""  # in records of format 2 the first contender
    rival: str
    judgement: str


class _Try(BaseModel):
    label: str
    train_keys: dict[str, str]


class _Contender(BaseModel):
    label: str
    deviations: list[str]
    train_keys: dict[str, str]
    problems: list[str]
    tries: list[_Try] = []


class _Comparison(Record):
    """The part of a comparison that MLflow shows; `bench.compare.findings` writes it, from a room further up."""

    kind: ClassVar[str] = "comparison"
    way_out: ClassVar[str] = "run its compare command again, or remove its folder to go on without it"
    new: ClassVar[frozenset[str]] = frozenset()

    name: str
    protocol: str
    ran_as: str
    scale: str
    contenders: list[_Contender]
    duels: list[_Duel]
    # not shown, and known all the same: an unknown key would be no comparison's
    budget: Any = None
    seeds: Any = None
    counts: Any = None
    metrics: Any = None
    missing: Any = None
    order: Any = None
    select_by: Any = None
    spread: Any = None
    difference: Any = None
    rule: Any = None
    rankings: Any = None


def read_comparison(path: Path) -> Group:
    """A comparison from its `comparison.json`."""
    comparison = _Comparison.of_folder(path)
    is_stand_in = comparison.protocol != comparison.ran_as
    first = comparison.contenders[0].label
    standings: dict[str, list[Standing]] = {}
    for contender in comparison.contenders:
        duels = [duel for duel in comparison.duels if (duel.candidate or first) == contender.label]
        standing = Standing(
            contender.label,
            comparison.ran_as,
            f"comparison {comparison.name}, as {contender.label}",
            "stand-in" if is_stand_in else "deviating" if contender.deviations else "as published",
            "; ".join(f"{duel.metric} against {duel.rival}: {duel.judgement}" for duel in duels),
            tuple(contender.deviations),
        )
        for key in contender.train_keys.values():
            standings.setdefault(key, []).append(standing)
        for one in contender.tries:
            place = f"comparison {comparison.name}, a try of {contender.label}"
            tried = replace(standing, label=one.label, place=place, verdict="")
            for key in one.train_keys.values():
                standings.setdefault(key, [tried])
    labels = [contender.label for contender in comparison.contenders]
    problems = sum(bool(contender.problems) for contender in comparison.contenders)
    state = f"{len(labels)} contenders" + (f", {problems} not done" if problems else "")
    return Group("comparison", comparison.name, comparison.scale, path.parent, labels, standings, state)
