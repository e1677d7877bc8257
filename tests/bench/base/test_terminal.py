"""Names in tables and lines are text: no markup, no `:smile:`, no escape sequences."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from bench.base.terminal import Terminal
from bench.base.words import say

NAMES = ["[lr=2e-4]", "a[/b]", "[red]x[/red]", ":smile:", "[link=http://x]y[/link]", "\\[x]"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name):
    out = io.StringIO()
    console = Terminal(file=out, width=60, force_terminal=True, color_system="truecolor")
    table = Table(title=name, box=None)
    table.add_column(name)
    table.add_row(name)
    console.print(table)
    say(console, name)
    console.print(name)
    assert out.getvalue().count(name) == 5


def test_escape_sequences_in_names_are_shown():
    out = io.StringIO()
    console = Terminal(file=out, width=60)
    table = Table(box=None)
    table.add_column("a\x1b[31m")
    table.add_row("b\x1b]0;title\x07", Text("c\x9b2J"))
    console.print(table)
    say(console, "d\x1b[2J")
    text = out.getvalue()
    assert not any(sign in text for sign in "\x1b\x07\x9b")
    for escaped in ("a\\x1b[31m", "b\\x1b]0;title\\x07", "d\\x1b[2J"):
        assert escaped in text


def test_styles_still_reach_a_terminal():
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, color_system="truecolor").print(Text("done", style="green"))
    assert "\x1b[32mdone" in out.getvalue()
