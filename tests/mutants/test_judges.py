"""The driver of the mutation tests, as far as it needs no tool of that environment."""

from pathlib import Path

import pytest

from tests.mutants.judges import NEIGHBOURS, judges_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("bench/run", "bench/ledger", "bench/verdict", "bench/metrics", "methods/losses")
MODULES = [
    str(file.relative_to(ROOT))
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
    if file.name != "__init__.py"
]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_tests_that_judge_it(module):
    assert judges_of(module, ROOT)


def test_named_neighbours_exist():
    assert NEIGHBOURS.keys() <= set(MODULES)
    for files in NEIGHBOURS.values():
        for file in files:
            assert (ROOT / "tests" / file).is_file(), file


def test_its_own_tests_come_first():
    assert judges_of("bench/run/checkpoint.py", ROOT)[0] == "tests/bench/run/test_checkpoint.py"
