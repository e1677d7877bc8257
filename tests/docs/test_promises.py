"""docs/promises.md keeps up with the pages that it quotes and with the tests that it names."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "docs" / "promises.md").read_text()
PAGES = {"README": "README.md", "The house in one page": "docs/architecture.md"}
NAMED = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")


def plain(text: str) -> str:
    """Without line breaks, which are the page's."""
    return " ".join(text.split())


def lines() -> list[tuple[str, str, str]]:
    """(page, quotation, tests) of every line of the two tables."""
    found, page = [], ""
    for line in PROMISES.splitlines():
        if line.startswith("## "):
            page = PAGES[line.removeprefix("## ")]
        elif match := re.fullmatch(r'\| "(.+)" \| (.+) \|', line):
            found.append((page, *match.groups()))
    return found


@pytest.mark.parametrize("page", PAGES.values())
def test_what_is_quoted_still_stands_there(page):
    text = plain((ROOT / page).read_text())
    quoted = [quotation for of, quotation, _ in lines() if of == page]
    assert len(quoted) > 30
    assert [quotation for quotation in quoted if plain(quotation) not in text] == []


def test_every_promise_names_tests_and_each_of_them_exists():
    assert [quotation for _, quotation, tests in lines() if not NAMED.search(tests)] == []
    named = set(NAMED.findall(PROMISES))
    assert len(named) > 80
    there: dict[str, set[str]] = {}
    for file, _ in named:
        code = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
        there[file] = {node.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)}
    assert sorted(f"{file}::{test}" for file, test in named if test not in there[file]) == []
