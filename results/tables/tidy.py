"""Cells as lines of plain values, one per measurement, and as CSV: what an analysis starts from. Needs no pandas."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from bench.schema.cell import CHECKPOINTS, Cell, Measured
from results.tables.comparable import gap, is_stand_in, mean

# `value` is filled only where it may be compared with `published`; anything else we measured is in `stand_in_value`.
COLUMNS = (
    "paper", "table", "row", "column", "method", "protocol", "ran_as", "scale", "metric", "higher_is_better",
    "published", "published_text", "published_source", "published_note", "state", "reason", "comparability", "deviations",
    "role", "scored_as", "checkpoint", "counts", "value", "stand_in_value", "n_seeds",
    "interval_low", "interval_high", "interval_level", "interval_kind", "interval_method", "verdict", "gap",
    "seed_values", "score_keys", "train_keys", "device",
)  # fmt: skip


def cells_csv(cells: Sequence[Cell]) -> str:
    """Cells as CSV: the columns of `COLUMNS`, the lines of `cells_lines`; what is not known is empty.

    Args:
        cells: cells of one or several tables.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cell in cells:
        for line in cells_lines(cell):
            writer.writerow(_known(line.get(name)) for name in COLUMNS)
    return text.getvalue()


def _known(value: Any) -> Any:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def cells_lines(cell: Cell) -> Iterator[dict[str, Any]]:
    """The lines of a cell, each by column; a column that is left out is not known.

    Yields:
        One per checkpoint rule (`role` is `cell`), one per further metric of the same runs (`role` is `extra`; without the
        published number, which is of another metric), or one for a cell without any measurement.
    """
    fields = {name: getattr(cell, name) for name in COLUMNS[: COLUMNS.index("deviations")]}
    fields |= {"deviations": "; ".join(cell.deviations), "role": "cell", "train_keys": _joined(cell.train_keys)}
    fields["device"] = cell.device
    if cell.comparability is None and is_stand_in(cell):
        fields["comparability"] = "stand-in"
    at_checkpoints = [cell.measured[rule] for rule in CHECKPOINTS if rule in cell.measured]
    if not at_checkpoints and not cell.extra:
        yield fields | {"scored_as": cell.scored_as}
    for measured in at_checkpoints:
        counts = measured.checkpoint == cell.counts
        yield fields | _measurement(cell, measured) | {"counts": counts, "gap": gap(cell) if counts else None}
    for measured in cell.extra.values():
        replaced: dict[str, Any] = {
            "role": "extra",
            "published": None,
            "published_text": "",
            "published_source": "",
            "published_note": "",
            "verdict": None,
        }
        replaced |= {"metric": None, "higher_is_better": None, "counts": measured.checkpoint == cell.counts}
        yield fields | _measurement(cell, measured) | replaced


def _measurement(cell: Cell, measured: Measured) -> dict[str, Any]:
    comparable = not is_stand_in(cell)
    interval = measured.interval
    return {
        "scored_as": measured.metric,
        "checkpoint": measured.checkpoint,
        "value": mean(measured) if comparable else None,
        "stand_in_value": None if comparable else mean(measured),
        "n_seeds": len(measured.values),
        "interval_low": interval.low if interval else None,
        "interval_high": interval.high if interval else None,
        "interval_level": interval.level if interval else None,
        "interval_kind": interval.kind if interval else None,
        "interval_method": interval.method if interval else None,
        "verdict": measured.verdict if comparable else None,
        "seed_values": _joined(measured.values),
        "score_keys": _joined(measured.score_keys),
    }


def _joined(by_seed: dict[int, Any]) -> str:
    return "; ".join(f"{seed}={value}" for seed, value in sorted(by_seed.items()))
