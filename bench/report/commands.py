"""The commands that a reader copies: how a table, a cell of it, or one run is made again."""

from __future__ import annotations

from bench.base.streams import shell_word
from bench.report.contents import TableResult
from bench.schema.cell import Cell


def table_command(result: TableResult) -> str:
    """The command that makes a table at its scale."""
    return f"contrastbench reproduce {shell_word(result.table.name)} --scale {shell_word(result.scale)}"


def cell_command(result: TableResult, cell: Cell) -> str:
    """The command that makes a cell's runs and no others; empty where contrastbench has no such method.

    Settings that were changed with `--set` are among the cell's deviations: the record of each run has them all, and
    `rerun_command` repeats it.
    """
    if cell.method is None:
        return ""
    words = [table_command(result), f"--method {shell_word(cell.method)}"]
    if cell.train_keys:
        words.append(f"--seeds {max(cell.train_keys) + 1}")
    if cell.device is not None:
        words.append(f"--device {cell.device}")
    return " ".join(words)


def rerun_command(train_key: str) -> str:
    """The command that makes one run once more, exactly as its record says."""
    return f"contrastbench rerun {shell_word(train_key)}"
