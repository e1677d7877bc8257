import io

from rich.console import Console

from bench.base.words import say


def test_a_line_is_said_as_it_is():
    """A folder may be called `a[/b]`, and a long path must stay one line to be copied."""
    output = io.StringIO()
    console = Console(file=output, width=20, force_terminal=True, color_system="truecolor")
    line = "written to /data/[lr=2e-4]/a[/b]/" + "x" * 40 + "/12"
    say(console, line)
    assert output.getvalue() == line + "\n"
