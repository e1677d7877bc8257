"""The numbers that the papers print, read from `results/published/*.csv`."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from io import StringIO
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.regular import read_regular

if TYPE_CHECKING:
    import pandas as pd

# How a table's footnotes call the papers of the CSV files' first column.
PAPERS = {
    "Andonian2021_CFL_main": "Andonian et al. 2021",
    "Andonian2021_CFL_supp": "Andonian et al. 2021, supplement",
    "Choi2020_StarGANv2_README": "Choi et al. 2020, repository",
    "Jung2022_SRC": "Jung et al. 2022",
    "Park2020_CUT_main": "Park et al. 2020",
    "Park2020_CUT_supp": "Park et al. 2020, supplement",
    "dual_contrastive_attention_gan_iccv2021_supp": "Yu et al. 2021, supplement",
}
SECOND_HAND = "second-hand"
COLUMNS = ("paper", "table", "row", "value", "higher_is_better", "note")  # that every file has
MAX_BYTES = 1 << 20
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


class Printed(NamedTuple):
    """A printed number: its value (None: the paper leaves the cell blank), where it stands, a reading note, its digits."""

    value: float | None
    source: str
    note: str
    text: str


def published_files() -> list[str]:
    """The names of all files of printed numbers, sorted."""
    return sorted(
        entry.name for entry in files("results").joinpath("published").iterdir() if entry.name.endswith(".csv")
    )


def _rows(file: str) -> list[dict[str, str]]:
    """The rows of a file as text.

    Raises:
        BenchError: naming the file and the line that holds something else than it should.
    """
    try:
        with as_file(files("results").joinpath("published", file)) as path:
            text = read_regular(path, MAX_BYTES).decode("utf-8")
        reader = csv.DictReader(StringIO(text, newline=""), strict=True)
        rows = []
        for row in reader:
            if problem := _problem(row):
                raise BenchError(f"{file}, line {reader.line_num}: {problem}; correct it")
            rows.append(row)
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror}); reinstall contrastbench") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise BenchError(f"{file}: is no table of printed numbers: {error}; correct it") from error
    if not rows:
        raise BenchError(f"{file}: holds no printed number; fill it or remove it")
    return rows


def _problem(row: Mapping[str, str]) -> str | None:
    """What is wrong with a row; None: nothing."""
    if missing := [name for name in COLUMNS if row.get(name) is None]:
        return f"lacks the column {missing[0]}"
    if None in row:  # where csv puts what is left over
        return "has more cells than the file has columns"
    if (value := row["value"]) and not (_NUMBER.fullmatch(value) and isfinite(float(value))):
        return f"value '{value}' is no finite number"
    if not str(row["row"]).isdecimal():
        return f"row '{row['row']}' is no number"
    if row["higher_is_better"] not in ("true", "false", ""):
        return f"higher_is_better '{row['higher_is_better']}' is none of true, false and empty"
    return None


@cache
def _read(file: str) -> list[dict[str, str]]:
    if file not in (known := published_files()):
        raise unknown_name("file of printed numbers", file, known)
    return _rows(file)


def published(file: str) -> pd.DataFrame:
    """Read one file of printed numbers.

    Args:
        file: its name in `results/published`, such as `src_hdce_main_comparison.csv`.

    Returns:
        One row per printed number; `value` is NaN where the paper leaves the cell blank, all other text is as it stands.

    Raises:
        UsageError: if there is no such file; the message names the nearest ones.
    """
    import pandas as pd

    frame = pd.DataFrame(_read(file), dtype=str)
    frame["value"] = pd.to_numeric(frame["value"])  # an empty cell becomes NaN
    frame["row"] = frame["row"].astype(int)
    frame["higher_is_better"] = (
        frame["higher_is_better"].map({"true": True, "false": False, "": None}).astype("boolean")
    )
    return frame


def _in_words(column: str, text: str) -> str:
    """What a selector says of a column: truth values as Python writes them, all else as it stands."""
    return text.capitalize() if column == "higher_is_better" else text


def printed_value(file: str, filters: Mapping[str, str]) -> Printed:
    """Find the one printed number that a table's cell refers to.

    Args:
        file: name in `results/published`.
        filters: column -> text; all must match exactly.

    Returns:
        The number, its source, its reading note and its digits.

    Raises:
        UsageError: if the file has no such column, or if no row or more than one row matches.
    """
    rows = _read(file)
    for column in filters:
        if column not in rows[0]:
            raise unknown_name(f"column in {file}", column, rows[0])
    matches = [row for row in rows if all(_in_words(column, row[column]) == text for column, text in filters.items())]
    if len(matches) != 1:
        selectors = ", ".join(f"{column}={text}" for column, text in filters.items())
        matched = f"{len(matches)} rows match" if matches else "no row matches"
        raise UsageError(f"{file}: {matched} {selectors}; correct the `printed` selectors so that exactly one does")
    (row,) = matches
    table = f"Table {row['table']}" if row["table"].isdigit() else row["table"]
    source = f"{PAPERS[row['paper']]}, {table}"
    if file.endswith("_secondhand.csv") and SECOND_HAND not in source:
        source = f"{source} ({SECOND_HAND})"
    return Printed(float(row["value"]) if row["value"] else None, source, row["note"], row["value"])
