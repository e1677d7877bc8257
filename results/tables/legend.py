"""What stands below a table: the marks it uses, what a stand-in means, deviations, rank agreement and reading notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.schema.cell import Cell, Measured
from bench.schema.printed import SECOND_HAND
from bench.schema.table import Table
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
    found = [_published(cells), _numbers(cells), _marks(cells), _checkpoints(cells), *_unstarted(cells)]
    found += [_stand_ins(stand_ins), _ceiling(stand_ins), *_deviations(table, stand_ins), _ranking(table, cells)]
    found.append("Reading notes. " + " ".join(table.notes) if table.notes else "")
    return [text for text in found if text]


def _published(cells: Sequence[Cell]) -> str:
    sources = [cell.published_source for cell in cells if SECOND_HAND not in cell.published_source]
    named = list(dict.fromkeys(source for source in sources if source))
    return f"Published numbers: {'; '.join(named)}." if named else ""


def _numbers(cells: Sequence[Cell]) -> str:
    shown = [one for cell in cells for one in (*cell.measured.values(), *cell.extra.values()) if one.values]
    if not shown:
        return ""
    counts = sorted({len(one.values) for one in shown})
    spread = [one for one in shown if half_width(one) is not None]
    text = ""
    if spread:
        text = f"Ours is the mean over seeds ± half its {_levels(spread)} interval (Student's t). "
    seeds = " or ".join(str(count) for count in counts)
    text += f"n = {seeds} {'seed' if counts == [1] else 'seeds'}"
    return text + ("." if counts[0] >= 3 else "; one seed says nothing about the spread between seeds.")


def _levels(spread: Sequence[Measured]) -> str:
    levels = sorted({one.interval.level for one in spread if one.interval is not None})
    return " or ".join(f"{level:.0%}".replace("%", " %") for level in levels)


def _marks(cells: Sequence[Cell]) -> str:
    comparable = [cell for cell in cells if may_stand_against_published(cell)]
    used = {one.verdict for cell in comparable for one in cell.measured.values() if one.verdict}
    words = [f"{mark} {_VERDICT_WORDS[verdict]}" for verdict, mark in VERDICT_MARKS.items() if verdict in used]
    if any(cell.comparability == "deviating" and cell.value for cell in comparable):
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
    found = []
    for state in ("not implemented", "not run"):
        reasons = dict.fromkeys(cell.reason for cell in cells if cell.state == state and cell.reason)
        if reasons:
            found.append(f"{state.capitalize()}: {'; '.join(reasons)}.")
    return found


def _stand_ins(stand_ins: Sequence[StandIn]) -> str:
    """In plain words: what a stand-in is, and what its numbers are good for."""
    if not stand_ins:
        return ""
    uses = []
    for one in stand_ins:
        metrics = {cell.metric: cell.scored_as for cell in one.cells if cell.scored_as != cell.metric}
        replaced = [f"{ours} instead of {paper}" for paper, ours in metrics.items()]
        changes = ([f"other data ({one.ran_as})"] if one.is_other_data else []) + replaced
        uses.append(f"{one.name} uses {listed(changes)}")
    return (
        f"Stand-ins do not reproduce the paper: {'; '.join(uses)}. Numbers of one B block may be compared with each other, "
        "never with a published one."
    )


def _ceiling(stand_ins: Sequence[StandIn]) -> str:
    """What the line of real images in a block means."""
    cells = [cell for one in stand_ins for cell in one.cells]
    measured = [one for cell in cells for one in (*cell.measured.values(), *cell.extra.values())]
    if all(one.ceiling is None for one in measured):
        return ""
    return (
        f"{CEILING.capitalize()}: what the segmentation network, trained on the real training images, says of the real test "
        "images. A translation that draws its classes more clearly than they are can be above it."
    )


def _deviations(table: Table, stand_ins: Sequence[StandIn]) -> list[str]:
    """Each deviation once, with the rows it concerns unless it concerns all; blocks that deviate alike share a line."""
    blocks: dict[str, list[str]] = {}
    for one in stand_ins:
        rows = one.rows(table)
        concerned: dict[str, list[str]] = {}
        for label, cells in rows:
            # the block's own line names the data sets that it stands in for
            told = {f"stand-in data {one.ran_as} for {protocol}" for protocol in one.stands_for}
            for deviation in dict.fromkeys(text for cell in cells for text in cell.deviations if text not in told):
                concerned.setdefault(deviation, []).append(label)
        told_of = [text if len(who) == len(rows) else f"{text} ({', '.join(who)})" for text, who in concerned.items()]
        if told_of:
            blocks.setdefault("; ".join(told_of), []).append(one.name)
    return [f"What else differs in {listed(names)}: {texts}." for texts, names in blocks.items()]


def _ranking(table: Table, cells: Sequence[Cell]) -> str:
    """Kendall's tau per column over the paper's own rows."""
    extra = {row.label for row in table.rows if row.extra}
    found = []
    for column in table.columns:
        agreement = rank_agreement(cell for cell in cells if cell.column == column.label and cell.row not in extra)
        if agreement is not None:
            tau = f"{agreement.tau:+.2f}".replace("-", "−")
            found.append(f"{column.label} {tau} ({agreement.methods} methods)")
    if not found:
        return ""
    return f"Kendall's tau between the published and our ranking (1: the same order): {'; '.join(found)}."
