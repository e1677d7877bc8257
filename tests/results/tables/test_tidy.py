"""Cells as CSV: the file that the frame of the same cells would give, made without pandas."""

import subprocess
import sys

from bench.schema.cell import Cell
from results.tables.frame import cells_frame
from results.tables.tidy import cells_csv


def test_the_csv_is_that_of_the_frame_to_the_byte(every_kind: list[Cell]) -> None:
    odd = every_kind[0].model_copy(update={"reason": 'a "quoted", reason\nof two lines', "published": 1e-07})
    cells = [odd, *every_kind]
    assert cells_csv(cells) == cells_frame(cells).to_csv(index=False, lineterminator="\n")


def test_it_needs_no_pandas() -> None:
    code = "import sys, results.tables.tidy; print({'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
