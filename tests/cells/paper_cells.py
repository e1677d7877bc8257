"""Hand-made cells of the SRC + hDCE table, of every kind a cell can have."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bench.schema.cell import CHECKPOINTS, Cell, Interval, Measured, Verdict
from bench.schema.table import Table, TableCell, load_table

STAND_INS = {"horse2zebra@1": "earth-relief2sat@1", "cityscapes@2": "earth-land2sat@3"}
STAND_IN_METRICS = {"FID": "FD-EffLite0", "mAP": "land-mIoU", "pixAcc": "land-pAcc", "classAcc": "land-cAcc"}
CEILING = 799.75  # of the metrics that a segmentation network gives
WIDTHS = ["ngf 64 -> 8", "20 epochs instead of 400"]
# Numbers that occur nowhere else, so that finding one in a text tells which measurement leaked.
STAND_IN_BASE = 700.0


def measured(metric: str, values: list[float], verdict: Verdict | None = None, checkpoint: str = "last") -> Measured:
    mean = sum(values) / len(values)
    interval = Interval(low=mean - 1.5, high=mean + 1.5, kind="seeds", method="t") if len(values) > 1 else None
    return Measured(
        metric=metric,
        checkpoint=checkpoint,  # type: ignore[arg-type]
        values=dict(enumerate(values)),
        score_keys={seed: f"score{seed}" for seed in range(len(values))},
        mean=mean,
        interval=interval,
        verdict=verdict,
    )


def at_checkpoints(metric: str, values: list[float], verdict: Verdict | None = None) -> dict[str, Measured]:
    """Three checkpoints: each one better than the one before by 2."""
    return {
        rule: measured(metric, [value - 2.0 * place for value in values], verdict, rule)
        for place, rule in enumerate(CHECKPOINTS)
    }


def cell(entry: TableCell, **fields: Any) -> Cell:
    given = entry.model_dump(exclude={"variant", "overrides", "extra"})
    return Cell(**(given | {"ran_as": None, "scored_as": None, "scale": "smoke", "state": "not run"} | fields))


def as_published(entry: TableCell, values: list[float], verdict: Verdict | None, **fields: Any) -> Cell:
    comparable = {"state": "done", "comparability": "as published", "scale": "paper"}
    run = {"ran_as": entry.protocol, "scored_as": entry.metric, "train_keys": {0: "run0"}}
    return cell(entry, **(comparable | run | {"measured": at_checkpoints(entry.metric, values, verdict)} | fields))


def stand_in(entry: TableCell, values: list[float], **fields: Any) -> Cell:
    scored_as = STAND_IN_METRICS[entry.metric]
    ceiling = CEILING if scored_as.startswith("land-") else None
    found = {
        rule: one.model_copy(update={"ceiling": ceiling}) for rule, one in at_checkpoints(scored_as, values).items()
    }
    done: dict[str, Any] = {"state": "done", "comparability": "stand-in", "scored_as": scored_as, "deviations": WIDTHS}
    done["extra"] = {"KD-EffLite0": measured("KD-EffLite0", [0.0417] * len(values)), "L1": measured("L1", [0.2331])}
    done["extra"]["SSIM"] = measured("SSIM", [0.1772] * len(values))
    return cell(entry, **(done | {"ran_as": STAND_INS[entry.protocol], "measured": found} | fields))


def empty_stand_in(entry: TableCell, **fields: Any) -> Cell:
    return stand_in(entry, [0.0], **({"comparability": None, "measured": {}, "extra": {}} | fields))


# rows that these cells show as not implemented, so that there are more than one of them
UNNAMED = ("MUNIT", "DRIT", "DistanceGAN", "GcGAN", "LSeSim")


@pytest.fixture(scope="session")
def paper_table() -> Table:
    shipped = load_table("src-hdce/main")
    nothing = {"method": None, "variant": ""}
    rows = [row.model_copy(update=nothing) if row.label in UNNAMED else row for row in shipped.rows]
    return shipped.model_copy(update={"rows": rows})


@pytest.fixture
def table(paper_table: Table) -> Table:
    return paper_table


@pytest.fixture
def kinds() -> SimpleNamespace:
    """The makers of cells, for tests that need other mixtures."""
    return SimpleNamespace(
        cell=cell, as_published=as_published, stand_in=stand_in, empty_stand_in=empty_stand_in, measured=measured
    )


@pytest.fixture(scope="session")
def every_kind_of() -> Callable[[Table], list[Cell]]:
    return cells_of_every_kind


@pytest.fixture
def every_kind(table: Table) -> list[Cell]:
    return cells_of_every_kind(table)


def cells_of_every_kind(table: Table) -> list[Cell]:
    """One table with cells of all kinds, published and stand-in results side by side.

    Rows of methods that are not in `shown` stand for those that nobody has written yet.
    """
    shown = {"cyclegan", "cut", "fastcut", "negcut", "src_hdce"}
    found = []
    for place, entry in enumerate(table.cells()):
        stand_in_value = STAND_IN_BASE + place + 0.25
        if entry.method not in shown:
            made = cell(entry, method=None, state="not implemented", reason=f"method {entry.row} does not exist yet")
        elif entry.protocol == "cityscapes@2":
            made = {
                "cyclegan": lambda e, v: stand_in(e, [v]),
                "cut": lambda e, v: stand_in(e, [v, v + 1, v + 2]),
                "fastcut": lambda e, v: stand_in(e, [v], state="running", comparability=None),
                "negcut": lambda e, v: empty_stand_in(e, state="failed", reason="loss G is nan at step 12; lower lr"),
                "src_hdce": lambda e, v: empty_stand_in(e, state="not run"),
            }[entry.method](entry, stand_in_value)
        else:
            made = {
                "cyclegan": lambda e: as_published(e, [79.1, 80.2, 78.4], "consistent"),
                "cut": lambda e: as_published(e, [61.5, 64.0, 66.1], "worse"),
                "fastcut": lambda e: as_published(e, [72.0], "underpowered"),
                "negcut": lambda e: as_published(
                    e, [55.0, 56.0, 58.0], None, comparability="deviating", deviations=["batch_size 1 -> 4"]
                ),
                "src_hdce": lambda e: as_published(e, [33.0, 33.5, 33.2], "better"),
            }[entry.method](entry)
        found.append(made)
    return found


@pytest.fixture
def smoke(table: Table) -> list[Cell]:
    """What the smallest scale gives today: everything on stand-ins, one seed."""
    found = []
    for place, entry in enumerate(table.cells()):
        if entry.method is None:
            found.append(cell(entry, state="not implemented", reason="does not exist yet"))
        else:
            found.append(stand_in(entry, [STAND_IN_BASE + place + 0.25]))
    return found


@pytest.fixture
def no_data(table: Table) -> list[Cell]:
    """The paper's scale on a machine without the data sets."""
    why = "horse2zebra | photos: put them under DIR_50%/trainA & run `contrastbench data prepare`; see $HOME"
    return [
        cell(entry, state="not available", reason=why, ran_as=entry.protocol, scored_as=entry.metric, scale="paper")
        if entry.method
        else cell(entry, state="not implemented", scale="paper")
        for entry in table.cells()
    ]
