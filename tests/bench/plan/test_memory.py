"""Answers that methods gave to an earlier command."""

import subprocess
import sys

import pytest

from bench.base.validation import Strict
from bench.plan import memory
from bench.plan.memory import remembered
from bench.plan.resolve import resolve
from bench.schema.protocol import load_protocol

NOBODY = 10**8  # the number of no process: Linux gives none above 2**22
QUESTION = {"method": "cut", "settings": {"ngf": 8}}


class Answer(Strict):
    value: int


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def never():
    raise AssertionError("asked again")


def test_an_answer_is_kept_for_the_same_question_only():
    assert remembered(QUESTION, Answer, lambda: (Answer(value=1), True)) == Answer(value=1)
    assert remembered(QUESTION, Answer, never) == Answer(value=1)
    other = QUESTION | {"settings": {"ngf": 9}}
    assert remembered(other, Answer, lambda: (Answer(value=2), True)) == Answer(value=2)


def test_what_a_killed_command_began_to_write_goes(tmp_path):
    remembered(QUESTION, Answer, lambda: (Answer(value=1), True))
    (kept,) = tmp_path.rglob("*.json")
    begun = kept.rename(kept.with_name(f".{kept.name}.{NOBODY}.tmp"))
    remembered(QUESTION, Answer, lambda: (Answer(value=1), True))
    assert kept.exists()
    assert not begun.exists()


def test_other_code_asks_again(monkeypatch):
    remembered(QUESTION, Answer, lambda: (Answer(value=1), True))
    monkeypatch.setattr(memory, "code_hash", lambda: "0" * 64)
    assert remembered(QUESTION, Answer, lambda: (Answer(value=2), True)) == Answer(value=2)


def test_answers_of_other_peoples_code_are_not_kept():
    remembered(QUESTION, Answer, lambda: (Answer(value=1), False))
    assert remembered(QUESTION, Answer, lambda: (Answer(value=2), False)) == Answer(value=2)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"value": "x"}', b"\x00\xff"])
def test_a_damaged_answer_is_asked_again(tmp_path, content):
    remembered(QUESTION, Answer, lambda: (Answer(value=1), True))
    (kept,) = tmp_path.rglob("*.json")
    kept.write_bytes(content)
    assert remembered(QUESTION, Answer, lambda: (Answer(value=2), True)) == Answer(value=2)
    assert remembered(QUESTION, Answer, never) == Answer(value=2)


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert remembered(QUESTION, Answer, lambda: (Answer(value=1), True)) == Answer(value=1)


def test_what_is_remembered_is_what_the_method_says():
    protocol = load_protocol("horse2zebra")
    asked = resolve("src_hdce", protocol, "smoke", settings={"ngf": 8})
    again = resolve("src_hdce", protocol, "smoke", settings={"ngf": 8})
    assert again == asked
    assert again.config == asked.config
    assert again.config.model_dump(mode="json") == again.values


def test_a_users_file_is_always_asked(toys, tmp_path):
    resolve(toys.method, toys.protocol, "smoke")
    assert not list(tmp_path.rglob("contrastbench/plans/*/*.json"))


def test_what_one_command_learnt_the_next_plans_without_torch(tmp_path):
    script = (
        "import sys; from pathlib import Path; from bench.base.home import Home; from bench.plan.grid import Grid\n"
        "from bench.schema.table import load_table\n"
        "grid = Grid(Home.open(Path('runs'), Path('data')))\n"
        "grid.add_table(load_table('src-hdce/ablation'), 'smoke')\n"
        "print(*grid.runs, 'torch' in sys.modules, sep='\\n')"
    )
    plan = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True).stdout
        for _ in range(2)
    ]
    first, second = (out.splitlines() for out in plan)
    assert first[:-1] == second[:-1]
    assert [first[-1], second[-1]] == ["True", "False"]
