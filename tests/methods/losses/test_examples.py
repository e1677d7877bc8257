"""The examples in the docstrings of losses say what comes out."""

import doctest
import importlib
from pathlib import Path

import pytest

LOSSES = Path(__file__).parents[3] / "methods" / "losses"
MODULES = [f"methods.losses.{path.stem}" for path in sorted(LOSSES.glob("[!_]*.py"))]


@pytest.mark.parametrize("name", [*MODULES, "bench.plugin.loss"])
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0
