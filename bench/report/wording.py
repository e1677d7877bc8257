"""A cell in plain words: how far its number can be trusted, what its interval covers, what its verdict means."""

from __future__ import annotations

from bench.schema.cell import Cell, Interval, Measured
from bench.verdict.stats import SEEDS_FOR_A_VERDICT, prediction_interval
from results.tables.comparable import decimals_for, gap, is_stand_in, may_stand_against_published, mean

VERDICT_WORDS = {
    "consistent": "consistent with the published number",
    "better": "better than published",
    "worse": "worse than published",
    "underpowered": "underpowered: too few seeds to tell",
}
DEVIATING_WORDS = "the setting deviates from the published one, so there is no verdict"
INTERVAL_WORDS = {
    "seeds": "for the mean over seeds: where it would come to lie with other seeds",
    "evaluation": "of scoring this one model: what other test images would change; another seed's training is not in it",
    "prediction": "for one further run",
}
CHECKPOINT_WORDS = {
    "last": "the end of training",
    "best-on-validation": "chosen on held-out training images",
    "best-on-test": "chosen on the test images themselves, as papers of this field do; flatters",
}


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign."""
    return f"{value:.{decimals}f}".replace("-", "−")


def cell_decimals(cell: Cell) -> int:
    """Digits after the point for everything that a cell measured by its own metric."""
    return decimals_for([mean(measured) for measured in cell.measured.values()] or [cell.published or 0.0])


def interval_text(interval: Interval, decimals: int) -> str:
    """An interval with its level: `43.1 to 49.0 (95 %)`."""
    low, high = number(interval.low, decimals), number(interval.high, decimals)
    return f"{low} to {high} ({interval.level:.0%}".replace("%", " %)")


def gap_text(cell: Cell, decimals: int) -> str:
    """How the best checkpoint on the test images stands to the last one; empty if either was not measured."""
    difference = gap(cell)
    if difference is None:
        return ""
    size = number(abs(difference), decimals)
    if not float(size):
        return "Gap: none that shows in these digits; best-on-test is as good as last."
    if difference > 0:
        return f"Gap: best-on-test looks better than last by {size}."
    return (
        f"Gap: best-on-test is worse than last by {size}. Checkpoints are picked by the protocol's selection metric, "
        "so that another metric can lose by it."
    )


def floor_name(higher_is_better: bool | None) -> str:
    """What the number of real images is to a metric."""
    if higher_is_better is None:
        return "Aim"
    return "Ceiling" if higher_is_better else "Floor"


def headline(cell: Cell) -> str:
    """The one thing to know about a cell."""
    if cell.state != "done":
        return _unfinished(cell)
    if is_stand_in(cell):
        return _stand_in(cell)
    if not may_stand_against_published(cell) or cell.value is None:
        return "Done, but it cannot stand beside the published number."
    if is_counted(cell):
        same = "as many as" if cell.comparability == "as published" else "another number than"
        return f"Images counted on this machine: {same} published. Nothing is trained for it."
    if cell.comparability == "deviating":
        return (
            f"Measured on the published data by the published metric, but trained or scored in another way "
            f"({_count(len(cell.deviations), 'deviation')}, below). So there is no verdict: agreement would mean nothing."
        )
    return _judged(cell, cell.value)


def is_counted(cell: Cell) -> bool:
    """Whether a cell is a number of images and no run's."""
    return cell.method is None and not cell.train_keys and cell.metric == "images"


def _unfinished(cell: Cell) -> str:
    words = {
        "failed": "A run of this cell failed.",
        "running": "The runs of this cell are under way.",
        "not run": "The runs of this cell are not done yet.",
        "not available": "This machine lacks something that this cell needs.",
        "not implemented": "contrastbench does not have what this cell asks for.",
    }
    return f"{words[cell.state]} {_sentence(cell.reason)}".strip()


def _stand_in(cell: Cell) -> str:
    replaced = [f"the data set {cell.ran_as} in place of {cell.protocol}"] if cell.ran_as != cell.protocol else []
    replaced += [f"the metric {cell.scored_as} in place of {cell.metric}"] if cell.scored_as != cell.metric else []
    against = "" if cell.published is None else f" {cell.published:g}"
    shows = (
        "At scale smoke the number only shows that everything works."
        if cell.scale == "smoke"
        else "The number shows that the method trains and how it stands to other methods under the same conditions."
    )
    return (
        f"Measured on a stand-in: {' and '.join(replaced) or 'other data or another metric'}. {shows} "
        f"It says nothing about the published{against or ' result'}."
    )


def _judged(cell: Cell, measured: Measured) -> str:
    values = list(measured.values.values())
    if cell.published is None:
        return "Measured as published; the paper prints no number here to compare with."
    if measured.verdict is None or measured.verdict == "underpowered":
        return (
            f"Measured as published with {_count(len(values), 'seed')}; a verdict needs {SEEDS_FOR_A_VERDICT}, "
            "so this decides nothing."
        )
    predicted = prediction_interval(values)
    assert predicted is not None  # there are enough seeds for a verdict
    decimals = cell_decimals(cell)
    span = f"{number(predicted.low, decimals)} to {number(predicted.high, decimals)}"
    published = f"The published {cell.published:g}"
    why = f"where one further run of ours would fall 95 times in 100 ({span})"
    if measured.verdict == "consistent":
        return f"Agrees with the paper. {published} lies {why}."
    return f"Ours is {measured.verdict} than published. {published} lies outside of {why}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def verdict_text(cell: Cell) -> str:
    """The verdict field, or why there is none."""
    if cell.value is not None and may_stand_against_published(cell):
        if is_counted(cell):
            return "none: images are counted, nothing is trained"
        if cell.comparability == "deviating":
            return "none: the setting deviates"
        if cell.published is None:
            return "none: nothing is published here"
        if cell.value.verdict is not None:
            return VERDICT_WORDS[cell.value.verdict]
    return "none: a stand-in is never judged" if is_stand_in(cell) else "none: nothing is measured"


def comparability_text(cell: Cell) -> str:
    """The comparability field, or why it is not decided."""
    if cell.comparability is not None:
        return cell.comparability
    return "stand-in, once it is done" if is_stand_in(cell) else "not decided before it is done"
