"""Cells that say something of the data itself: how many images there are, and what the training images get."""

from __future__ import annotations

from collections.abc import Sequence

from bench.schema.cell import Cell, Measured


def counted(cell: Cell, counts: dict[str, int]) -> Cell:
    """A cell of counted images.

    Args:
        cell: before it is filled.
        counts: stream -> how many images are here.

    Returns:
        The cell with the number of images of each stream; of the least, where they differ, and a deviation says so.
    """
    least = min(counts.values())
    deviations = [
        f"{number:,} images of {stream} are here, {cell.published:,.0f} are published"
        for stream, number in counts.items()
        if cell.published is not None and number != cell.published
    ]
    measured = Measured(metric=cell.metric, checkpoint="last", values={0: least}, score_keys={}, mean=least)
    return cell.model_copy(
        update={
            "state": "done",
            "comparability": "deviating" if deviations else "as published",
            "deviations": deviations,
            "measured": {"last": measured},
            "scored_as": cell.metric,
        }
    )


def of_training_images(cell: Cell, cells: Sequence[Cell]) -> Cell:
    """What the training images get, from the first method of the same column that was scored beside them."""
    for other in cells:
        same = (other.table, other.column, other.scale) == (cell.table, cell.column, cell.scale)
        value = other.value if same and other.row != cell.row else None
        ceiling = value.ceiling if value is not None else None
        if value is not None and ceiling is not None:
            # one network scores all methods and seeds
            found = {"values": {0: ceiling}, "mean": ceiling, "score_keys": {}, "interval": None}
            measured = value.model_copy(update=found | {"ceiling": None, "verdict": None})
            shared = ("ran_as", "scored_as", "counts", "comparability", "device")
            return cell.model_copy(
                update={name: getattr(other, name) for name in shared}
                | {"state": "done", "reason": "", "measured": {measured.checkpoint: measured}, "deviations": []}
            )
    return cell
