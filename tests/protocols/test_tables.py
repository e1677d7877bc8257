"""The shipped tables: every row can be resolved, and no number of a paper's table is left out."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from bench.base.errors import NotAvailable
from bench.plan.resolve import resolve
from bench.plugin.discovery import plugins
from bench.schema.printed import SECOND_HAND, published, published_files
from bench.schema.protocol import SCALES, Protocol, load_protocol
from bench.schema.table import Table, load_table, table_names

# Files of tables that contrastbench does not have, or of facts that are in no table's cells.
IN_NO_TABLE = {
    "cfl_main_secondhand.csv",
    "cfl_supp_params.csv",
    "src_hdce_compression.csv",
    "src_hdce_multimodal.csv",
    "starganv2_readme.csv",
}

# of the horses' share, and of what the text rounds: in the table's notes
NOT_IN_ITS_CELLS = {"cut/distribution-matching": [2, 3, 4]}

SMALL = "method dual_contrastive at scale {}: self_attention: {} is no resolution of the networks"
NO_MORE = "nothing can be run at scale {}: all of the embedded data stands for 30,000 images already"


@cache
def protocol_of(reference: str) -> Protocol:
    return load_protocol(reference)


def expected_to_fail(scale: str, table: str, row: str, column: str) -> str | None:
    """Why a cell cannot be run at a scale, for those that cannot."""
    if scale == "paper":
        return None
    if table == "dual-contrastive/2" and row in ("64x64", "128x128"):
        return SMALL.format(scale, row.partition("x")[0])
    if table == "dual-contrastive/5" and "w/ attn" in row and column.startswith("FFHQ"):
        return SMALL.format(scale, 64)
    if table == "dual-contrastive/4" and row.startswith(("50K", "100K")):
        return NO_MORE.format(scale)
    return None


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", table_names())
def test_every_cell_can_be_resolved_or_says_why_not(name: str, scale: str) -> None:
    for cell in load_table(name).cells():
        if cell.counted is not None:
            continue
        protocol = protocol_of(cell.protocol)
        if cell.method not in plugins("method"):
            continue
        reason = expected_to_fail(scale, name, cell.row, cell.column)
        if reason is None:
            found = resolve(cell.method, protocol, scale, cell.overrides)
            assert found.ran.task == protocol.task
            assert not [line for line in found.deviations if "no published recipe" in line]
        else:
            with pytest.raises(NotAvailable) as caught:
                resolve(cell.method, protocol, scale, cell.overrides)
            assert str(caught.value).startswith(reason)


def test_only_methods_that_do_not_exist_are_unnamed() -> None:
    """A row without a method shows `not implemented`; one that could be run must not hide behind that."""
    unnamed = {(name, row.label) for name in table_names() for row in load_table(name).rows if row.method is None}
    assert {row for name, row in unnamed if name.startswith("dual-contrastive/")} == {
        "SNGAN", "SNGAN + Contr", "StyleGAN", "StyleGAN + Contr", "BigGAN, Adv", "U-Net GAN, Adv"
    }  # fmt: skip


def own_files(table: Table) -> set[str]:
    return {table.printed_in} | {row.printed_in for row in table.rows if row.printed_in}


@pytest.mark.parametrize("name", table_names())
def test_every_number_of_the_papers_table_is_in_a_cell_once(name: str) -> None:
    table = load_table(name)
    cells = [c for c in table.cells() if c.published is not None and SECOND_HAND not in c.published_source]
    frame = published(table.printed_in).dropna(subset="value")
    frame = frame[~frame["row"].isin(NOT_IN_ITS_CELLS.get(name, []))]
    assert len(cells) == len(frame)
    assert Counter(cell.published for cell in cells) == Counter(frame["value"])


def test_every_file_of_printed_numbers_is_in_a_table_or_known_to_be_in_none() -> None:
    used = {file for name in table_names() for file in own_files(load_table(name))}
    assert set(published_files()) - used <= IN_NO_TABLE
