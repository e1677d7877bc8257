"""What stands below a table: the marks it uses, what a stand-in means, deviations, rank agreement and reading notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.schema.cell import Cell, Measured
from bench.schema.printed import SECOND_HAND
from bench.schema.table import COUNTED, Table
from results.tables.comparable import CEILING, DEVIATING_MARK, VERDICT_MARKS, half_width, may_stand_against_published
from results.tables.ranking import rank_agreement
from results.tables.stand_in_block import StandIn, listed

_VERDICT_WORDS = {
    "consistent": "consistent with the published number (inside our 95 % prediction interval)",
    "better": "better than published, outside that interval",
    "worse": "worse than published, outside that interval",
    "underpowered": "underpowered: fewer than three seeds decide nothing",
}


def paragraphs(table: Table, placed: Mapping[tuple[str, str], Cell], stand_ins: Sequence[StandIn]) -> list[str]:
    """Every paragraph that this table needs, in reading order.

    Args:
        table: gives reading notes and columns.
        placed: its cells.
        stand_ins: its stand-in blocks.
    """
    cells = list(placed.values())
    texts = [_published(cells), _numbers(cells), _marks(cells), _checkpoints(cells), *_unstarted(cells)]
    has_target = any(row.target for row in table.rows)
    texts += [
        _stand_ins(stand_ins),
        "" if has_target else _ceiling(stand_ins),
        *_deviations(table, stand_ins),
        _ranking(table, cells),
    ]
    texts.append("Reading notes. " + " ".join(table.notes) if table.notes else "")
    return [text for text in texts if text]


def _published(cells: Sequence[Cell]) -> str:
    sources = [cell.published_source for cell in cells if SECOND_HAND not in cell.published_source]
    named = list(dict.fromkeys(source for source in sources if source))
    return f"Published numbers: {'; '.join(named)}." if named else ""


def _numbers(cells: Sequence[Cell]) -> str:
    shown = [
        measured
        for cell in cells
        for measured in (*cell.measured.values(), *cell.extra.values())
        if measured.values and measured.metric != COUNTED
    ]
    if not shown:
        return ""
    counts = sorted({len(measured.values) for measured in shown})
    spread = [measured for measured in shown if half_width(measured) is not None]
    text = ""
    if spread:
        text = f"Ours is the mean over seeds ± half its {_levels(spread)} interval (Student's t). "
    seeds = " or ".join(str(count) for count in counts)
    text += f"n = {seeds} {'seed' if counts == [1] else 'seeds'}"
    return text + ("." if counts[0] >= 3 else "; one seed says nothing about the spread between seeds.")


def _levels(spread: Sequence[Measured]) -> str:
    levels = sorted({measured.interval.level for measured in spread if measured.interval is not None})
    return " or ".join(f"{level:.0%}".replace("%", " %") for level in levels)


def _marks(cells: Sequence[Cell]) -> str:
    comparable = [cell for cell in cells if may_stand_against_published(cell)]
    used = {measured.verdict for cell in comparable for measured in cell.measured.values() if measured.verdict}
    words = [f"{mark} {_VERDICT_WORDS[verdict]}" for verdict, mark in VERDICT_MARKS.items() if verdict in used]
    if any(cell.comparability == "deviating" and cell.value and cell.metric == COUNTED for cell in comparable):
        words.append(f"{DEVIATING_MARK} another number of images than published (see the note)")
    elif any(cell.comparability == "deviating" and cell.value for cell in comparable):
        words.append(
            f"{DEVIATING_MARK} the setting deviates from the published one, so there is no verdict (see the note)"
        )
    return f"Marks: {'; '.join(words)}." if words else ""


def _checkpoints(cells: Sequence[Cell]) -> str:
    if not any(len(cell.measured) > 1 for cell in cells):
        return ""
    return (
        "Gap: by how much best-on-test looks better than the last checkpoint; picking on the test set flatters by this "
        "much. Checkpoints are picked by the protocol's selection metric, so that a gap in another metric can be negative."
    )


def _unstarted(cells: Sequence[Cell]) -> list[str]:
    """Why cells were not begun: one paragraph a state, since a footnote mark at every cell would drown the table."""
    texts = []
    for state in ("not implemented", "not run"):
        reasons = dict.fromkeys(cell.reason for cell in cells if cell.state == state and cell.reason)
        if reasons:
            texts.append(f"{state.capitalize()}: {'; '.join(reasons)}.")
    return texts


def _stand_ins(stand_ins: Sequence[StandIn]) -> str:
    """In plain words: what a stand-in is, and what its numbers are good for."""
    if not stand_ins:
        return ""
    uses = []
    for stand_in in stand_ins:
        metrics = {cell.metric: cell.scored_as for cell in stand_in.cells if cell.scored_as != cell.metric}
        replaced = [f"{ours} instead of {paper}" for paper, ours in metrics.items()]
        changes = ([f"other data ({stand_in.ran_as})"] if stand_in.is_other_data else []) + replaced
        uses.append(f"{stand_in.name} uses {listed(changes)}")
    return (
        f"Stand-ins do not reproduce the paper: {'; '.join(uses)}. Numbers of one B block may be compared with each other, "
        "never with a published one."
    )


def _ceiling(stand_ins: Sequence[StandIn]) -> str:
    """What the line of real images in a block means."""
    cells = [cell for stand_in in stand_ins for cell in stand_in.cells]
    measurements = [measured for cell in cells for measured in (*cell.measured.values(), *cell.extra.values())]
    if all(measured.ceiling is None for measured in measurements):
        return ""
    return (
        f"{CEILING.capitalize()}: what the segmentation network, trained on the real training images, says of the real test "
        "images. A translation that draws its classes more clearly than they are can be above it."
    )


def _deviations(table: Table, stand_ins: Sequence[StandIn]) -> list[str]:
    """Each deviation once, with the rows it concerns unless it concerns all; blocks that deviate alike share a line."""
    blocks: dict[str, list[str]] = {}
    for stand_in in stand_ins:
        of_images = {row.label for row in table.rows if row.target}
        rows = [(label, cells) for label, cells in stand_in.rows(table) if label not in of_images]
        concerned: dict[str, list[str]] = {}
        for label, cells in rows:
            # the block's own line names the data sets that it stands in for
            named = {f"stand-in data {stand_in.ran_as} for {protocol}" for protocol in stand_in.stands_for}
            for deviation in dict.fromkeys(text for cell in cells for text in cell.deviations if text not in named):
                concerned.setdefault(deviation, []).append(label)
        lines = [
            text if len(labels) == len(rows) else f"{text} ({', '.join(labels)})" for text, labels in concerned.items()
        ]
        if lines:
            blocks.setdefault("; ".join(lines), []).append(stand_in.name)
    return [f"What else differs in {listed(names)}: {texts}." for texts, names in blocks.items()]


def _ranking(table: Table, cells: Sequence[Cell]) -> str:
    """Kendall's tau per column over the paper's own rows."""
    extra = {row.label for row in table.rows if row.extra or row.target or row.counted}
    agreements = []
    for column in table.columns:
        agreement = rank_agreement(cell for cell in cells if cell.column == column.label and cell.row not in extra)
        if agreement is not None:
            tau = f"{agreement.tau:+.2f}".replace("-", "−")
            agreements.append(f"{column.label} {tau} ({agreement.methods} methods)")
    if not agreements:
        return ""
    return f"Kendall's tau between the published and our ranking (1: the same order): {'; '.join(agreements)}."
