"""Values of the command line: whatever is typed, it ends with a status that is explained, and at most one line."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st
from trials import STRANGE, Trials, in_time

from bench.cli.main import main
from bench.cli.options import MOST_SEEDS

COMMANDS = {
    "list": ["list", "?"],
    "info": ["info", "?"],
    "settings": ["plan", "src-hdce/main", "--scale", "smoke", "--method", "cut", "--set", "?"],
    "scales": ["plan", "src-hdce/main", "--scale", "?"],
    "seeds": ["plan", "cut/ablation", "--method", "cut", "--scale", "smoke", "--seeds", "?"],
    "devices": ["plan", "src-hdce/main", "--device", "?"],
    "tables": ["plan", "?"],
    "data": ["data", "verify", "?"],
    "homes": ["status", "--home", "?"],
    "reports": ["report", "?", "--home", "home"],
    "runs": ["run", "?", "--home", "home"],
    "images": ["score", "--protocol", "horse2zebra", "--images", "?", "--home", "home"],
    "pages": ["ui", "--home", "home", "--port", "?"],
    "upkeep": ["run", "cut-0", "--home", "home", "--save-every", "?"],
}
WORDS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=25),
    st.sampled_from([v for v in STRANGE if isinstance(v, str) and "\0" not in v and v.isprintable()]),
    st.sampled_from(
        [
            "-",
            "--",
            "-1",
            "1e9",
            "nan",
            "inf",
            "0x10",
            "99999999999999999999",
            "~nobody/x",
            "~0",
            "a=b=c",
            "ngf=[",
            "ngf=1e400",
            "\udcff",
        ]
    ),
)


@pytest.mark.parametrize("name", COMMANDS)
def test_values_of_the_command_line(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(trials.folder)
    Path("home").mkdir()

    def check(word: str) -> None:
        with suppress(ValueError):
            if name == "pages" and 0 <= int(word) < 65536:
                return  # a port, on which it would serve until Ctrl-C
            if name == "seeds" and 3 < int(word) <= MOST_SEEDS:
                return  # each seed is planned
        with in_time():
            give(word)

    def give(word: str) -> None:
        arguments = ["contrastbench", *(word if part == "?" else part for part in COMMANDS[name])]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code in (0, 1, 2, 3), arguments
        assert "Traceback" not in said
        assert "a mistake in that file or in contrastbench" not in said, (arguments, said)
        assert not ended.value.code or len(said.splitlines()) >= 1, arguments
        assert sum(line.startswith("error: ") for line in said.splitlines()) <= 1
        trials.counts[f"status {ended.value.code}"] += 1

    for word in ("a", "a=1"):  # not timed: what is imported for the first
        give(word)
    trials.try_all(WORDS, check, 0.3)
