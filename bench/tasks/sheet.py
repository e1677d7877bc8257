"""What a sheet shows of a task's test images: some inputs, what was made of each, and the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.images import evenly_spaced
from bench.tasks.task import Group


@dataclass(frozen=True)
class Column:
    """One output and what belongs to it.

    Attributes:
        name: of the input; with the group's, where there are several.
        given: the input, uint8 (H, W, 3).
        file: the output's, below the folder of samples.
        truth: what the output should show, uint8 (H, W, 3); None where that is not known.
        exemplar: the picture whose look it should take, likewise; None where that is a whole domain's.
    """

    name: str
    given: np.ndarray
    file: str
    truth: np.ndarray | None
    exemplar: np.ndarray | None = None


def sheet_columns(groups: Sequence[Group], count: int) -> list[Column]:
    """Columns of a sheet: at most `count` outputs, evenly spaced over all groups."""
    return [_column(*output) for output in _shown(groups, count)]


def sheet_files(groups: Sequence[Group], count: int) -> list[str]:
    """The files of those outputs, below the folder of samples; no picture is read for it."""
    return [group.files[output] for group, output in _shown(groups, count)]


def _shown(groups: Sequence[Group], count: int) -> list[tuple[Group, int]]:
    outputs = [(group, i) for group in groups for i in range(len(group.files))]
    return [outputs[place] for place in evenly_spaced(len(outputs), count)]


def _column(group: Group, output: int) -> Column:
    place = output // group.outputs_per_input
    name = group.given.names[place]
    return Column(
        name=f"{group.name}/{name}" if group.name else name,
        given=group.given.pixels(place),
        file=group.files[output],
        truth=None if group.truth is None else group.truth.pixels(output),
        exemplar=None if group.exemplars is None else group.exemplars.pixels(output),
    )
