"""The seven tables of the dual contrastive supplement: its numbers in its places, and which of its rows are one run."""

from __future__ import annotations

from functools import cache

import pytest

from bench.plan.resolve import Resolution, resolve
from bench.schema.protocol import load_protocol
from bench.schema.table import TableCell, load_table

# Typed from the supplement's text, not from the CSV; a dash is blank there. Table 4: without and with reference attention
# alternate, as in its two columns for each data set.
PRINTED = {
    1: """11.28 11.14 7.37 13.87 29.19
          8.98 10.79 6.51 13.59 18.23
          6.83 5.30 5.12 7.27 12.43
          6.42 4.76 4.48 6.26 8.96""",
    2: """6.08 4.43 5.10 4.24 10.44
          5.81 4.21 5.24 3.58 8.96
          5.69 3.48 4.38 3.75 9.04
          5.13 3.69 4.57 3.94 12.48
          5.75 6.69 4.82 6.82 18.40""",
    3: """10.39 65.16 20.22 17.85
          10.95 32.33 11.05 8.33
          7.48 31.08 8.32 7.86""",
    4: """55.71 43.19 181.26 123.08 230.40 79.81 107.31 43.05
          23.48 18.48 89.88 61.17 57.68 19.64 29.30 17.85
          14.73 12.72 61.36 45.49 40.70 12.29 17.94 12.13
          9.84 7.48 36.55 31.08 19.33 8.32 11.02 7.86
          6.59 7.09 28.92 28.43 14.01 7.15 8.88 7.09
          5.61 6.86 22.85 28.37 9.42 6.89 7.32 7.08""",
    5: """11.4 - - - - - - - - - - - - - - - - - - - -
          7.48 32 0.68 0.19 2.00 17.6 504 0.48 0.03 11.7 318 0.62 0.07 20.2 296 0.57 0.13 33.3 202 0.04 0.08
          4.86 47 0.69 0.42 5.08 4.01 976 0.59 0.32 4.54 511 0.57 0.42 3.91 637 0.63 0.40 9.62 582 0.46 0.56
          5.13 54 0.69 0.41 4.18 3.48 1384 0.59 0.36 4.38 611 0.59 0.41 3.59 636 0.64 0.39 8.96 67 0.47 0.63
          3.98 50 0.71 0.44 3.76 3.86 1054 0.60 0.31 3.73 619 0.60 0.40 3.70 740 0.64 0.39 6.06 816 0.57 0.65
          4.63 65 0.70 0.41 3.60 3.31 1830 0.59 0.37 3.39 1239 0.60 0.45 2.97 1367 0.64 0.43 5.05 106 0.58 0.70""",
    6: """7.48 31.08 8.32 7.86
          31.36 118.82 11.05 11.42
          55.07 195.82 146.85 61.83""",
    7: """9.84 36.55 19.33 11.02
          8.60 32.72 16.36 9.62
          7.55 25.83 10.99 8.12
          7.48 31.08 8.32 7.86
          6.00 25.03 12.84 8.75""",
}
SIZES = {"1k": 1_000, "5k": 5_000, "10k": 10_000, "30k": 30_000, "50k": 50_000, "100k": 100_000}
SMALL_SETS = ("celeba", "animal-face", "lsun-bedroom", "lsun-church")


def lines(number: int) -> list[list[str]]:
    found = [line.split() for line in PRINTED[number].splitlines()]
    if number == 4:  # two rows for each of the paper's lines
        return [line[first::2] for line in found for first in (0, 1)]
    return found


@pytest.mark.parametrize("number", PRINTED)
def test_every_number_stands_in_its_place_with_its_digits(number: int) -> None:
    table = load_table(f"dual-contrastive/{number}")
    cells = iter(table.cells())
    shown = [[next(cells).published_text or "-" for _ in table.columns] for _ in table.rows]
    assert shown == lines(number)


@pytest.mark.parametrize("number", PRINTED)
def test_every_number_is_printed_with_the_decimals_of_its_column_or_fewer(number: int) -> None:
    columns = load_table(f"dual-contrastive/{number}").columns
    for column, *texts in zip(columns, *lines(number), strict=True):
        assert max(len(text.partition(".")[2]) for text in texts) == column.decimals


@cache
def cells(number: int) -> dict[tuple[str, str], TableCell]:
    return {(found.row, found.column): found for found in load_table(f"dual-contrastive/{number}").cells()}


def cell(number: int, row: str, column: str) -> TableCell:
    return cells(number)[row, column]


def resolved(number: int, row: str, column: str, scale: str) -> Resolution:
    found = cell(number, row, column)
    assert found.method is not None
    return resolve(found.method, load_protocol(found.protocol), scale, found.overrides)


def run(number: int, row: str, column: str, scale: str) -> str:
    """Whatever decides which run a cell is."""
    found = resolved(number, row, column, scale)
    return found.config.model_dump_json() + found.ran.data.model_dump_json()


OPTIMA = {"FFHQ": 64, "Bedroom": 32, "Church": 32, "Horse": 16, "CLEVR": 16}


@pytest.mark.parametrize("group", OPTIMA)
def test_attention_in_table_5_is_the_best_row_of_table_2(group: str) -> None:
    best, column = f"{OPTIMA[group]}x{OPTIMA[group]}", f"{group} FID"
    numbers = {row: cell(2, row, column).published for row in ("8x8", "16x16", "32x32", "64x64", "128x128")}
    assert min(numbers, key=lambda row: numbers[row] or 0) == best
    assert run(2, best, column, "paper") == run(5, "StyleGAN2 w/ attn, Adv", column, "paper")


@pytest.mark.parametrize("scale", ["smoke", "mini"])
def test_rows_that_are_one_run_on_the_stand_in(scale: str) -> None:
    def equal(*cells: tuple[int, str, str]) -> bool:
        return len({run(*one, scale) for one in cells}) == 1

    reference = "StyleGAN2 w/ self-attn-G ref-attn-D, Adv"
    assert equal(
        (2, "32x32", "Horse FID"),
        (5, "StyleGAN2 w/ attn, Adv", "Church FID"),
        (7, "StyleGAN2 w/ self-attn-G, Adv", "CelebA FID"),
    )
    assert equal((2, "16x16", "FFHQ FID"), (5, "StyleGAN2 w/ attn, Adv", "CLEVR FID"))
    assert equal(
        (4, "30K StyleGAN2", "Bedroom FID"), (5, "StyleGAN2, Adv", "FFHQ FID"), (7, "StyleGAN2, Adv", "Church FID")
    )
    assert equal(
        (3, "Eq. 8 in main", "CelebA FID"),
        (4, "30K + ref attn", "Church FID"),
        (6, "8x8", "Bedroom FID"),
        (7, reference, "Animal Face FID"),
    )
    assert equal((5, "StyleGAN2 w/ attn, Contr", "Bedroom FID"), (7, "StyleGAN2 w/ self-attn-G, Contr", "Bedroom FID"))


@pytest.mark.parametrize("column", ["CelebA FID", "Animal Face FID", "Bedroom FID", "Church FID"])
def test_30k_in_table_4_is_table_7_at_every_scale(column: str) -> None:
    for scale in ("smoke", "mini", "paper"):
        for four, seven in (
            ("30K StyleGAN2", "StyleGAN2, Adv"),
            ("30K + ref attn", "StyleGAN2 w/ self-attn-G ref-attn-D, Adv"),
        ):
            assert run(4, four, column, scale) == run(7, seven, column, scale)
            assert cell(4, four, column).published == cell(7, seven, column).published


def test_the_sizes_of_table_4_are_different_runs_on_the_stand_in_and_say_so() -> None:
    sizes = ("1K", "5K", "10K", "30K")
    assert len({run(4, f"{size} StyleGAN2", "CelebA FID", "smoke") for size in sizes}) == 4
    deviations = resolved(4, "1K StyleGAN2", "CelebA FID", "smoke").deviations
    assert deviations[:2] == [
        "stand-in data earth-sat@2 for celeba-128-1k@1",
        "trained with 1 in 30 of earth-sat@2's training images",
    ]
    assert not any("1 in" in line for line in resolved(4, "30K StyleGAN2", "CelebA FID", "smoke").deviations)


@pytest.mark.parametrize("base", SMALL_SETS)
@pytest.mark.parametrize("size", SIZES)
def test_protocols_of_one_set_differ_in_the_subset_only(base: str, size: str) -> None:
    wanted, reference = load_protocol(f"{base}-128-{size}"), load_protocol(f"{base}-128-30k")
    assert wanted.data == reference.data.model_copy(update={"subset": SIZES[size]})
    assert wanted.title.endswith(f"trained with {SIZES[size]:,} images")
    assert any(f"{SIZES[size]:,} images the authors took" in note for note in wanted.notes)
    left_out = {"name", "title", "data", "notes", "scales"}
    assert wanted.model_dump(exclude=left_out) == reference.model_dump(exclude=left_out)
    assert wanted.scale("paper") == reference.scale("paper")
    for scale in ("smoke", "mini"):
        shares = 30_000 // wanted.scale(scale).stand_in_one_in if wanted.scale(scale).available else None
        assert shares == (SIZES[size] if SIZES[size] <= 30_000 else None)
