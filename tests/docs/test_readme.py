"""What the README tells people to type is understood, and what it names is there."""

import configparser
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from bench.base.home import Home
from bench.cli.app import app_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = sorted({text for text in re.findall(r"`contrastbench ([^`]+)`", README)})


def test_there_are_commands_to_look_at():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("text", COMMANDS)
def test_every_command_of_the_readme_is_understood(text):
    """Each verb exists and has the options that are written there; nothing is run."""
    command, words = get_command(app_of()), shlex.split(text)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, text
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_environment_that_is_named_is_there():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    pages = [README, *(page.read_text() for page in (ROOT / "docs").glob("*.md"))]
    named = {name for page in pages for names in re.findall(r"tox run -e ([\w,]+)", page) for name in names.split(",")}
    assert {"py", "reproduce", "bench"} <= named
    assert named - {"py"} <= {section.removeprefix("testenv:") for section in tox.sections()}


def test_the_default_home_is_the_folder_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = get_command(app_of()).commands["status"]
    (home,) = (parameter for parameter in command.params if "--home" in parameter.opts)
    assert Path(home.get_default(command.make_context("status", [], resilient_parsing=True))) == Path("runs")
    assert Home.open(Path("runs"), Path("datasets")).root.resolve() == tmp_path / "runs"


def test_the_licence_is_the_one_that_is_named():
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def test_every_link_of_the_readme_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 15
    assert [link for link in links if not (ROOT / link).exists()] == []
