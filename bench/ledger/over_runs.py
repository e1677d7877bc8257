"""The same question about very many runs, asked by as many processes as there are cores, and no record checked twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pydantic import VERSION

from bench.base.checked import Checked
from bench.base.home import Home
from bench.base.many import mapped
from bench.schema.run_spec import code_hash

Item = TypeVar("Item")
Result = TypeVar("Result")


def over_runs(home: Home, work: Callable[[Item, Checked], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The result for each thing, in order.

    Args:
        home: the results root; it remembers what is found whole, if it can be written.
        work: reads only; told what was found whole before, to which it adds. Its results can be pickled.
        items: what it is called with, runs or their keys.

    Raises:
        Exception: as of `bench.base.many.mapped`.
    """
    checked = Checked(home.checked, f"contrastbench {code_hash()}, pydantic {VERSION}")

    def found(item: Item) -> tuple[Result, list[bytes]]:
        return work(item, checked), checked.take_new()

    for result, new in mapped(found, items):
        checked.take_in(new)
        yield result
    checked.write()
