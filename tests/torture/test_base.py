"""Records in general, plain JSON notes, what a killed server left, and variables of the shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from trials import REFUSED, STRANGE, Reader, Trials, as_json, outcome

from bench.base import device, leftovers
from bench.base.home import Home
from bench.base.sealed import read_sealed, sealed
from bench.base.storage import read_object
from bench.base.weight_files import EFFICIENTNET_LITE0, WEIGHTS_VARIABLE

CONTENT = {"steps": 8, "note": "é", "scores": {"L1": 0.25}, "list": [1, None, True]}


def test_sealed_records(trials: Trials) -> None:
    def read(path: Path) -> Any:
        return read_sealed(path, "kind", "run-1", "do it again", lambda content: False)

    trials.withstands(Reader(read, as_json(sealed("kind", "run-1", CONTENT)), "result.json", names_file=True))


def test_notes(trials: Trials) -> None:
    """They hold nothing that a number is made from; whoever reads one checks what is in it."""
    trials.withstands(Reader(read_object, as_json(CONTENT), may_be=lambda found, good: isinstance(found, dict | None)))


def test_records_of_servers(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one says, only a group of which a process is an MLflow server may be ended."""
    ended: list[int] = []
    monkeypatch.setattr(leftovers, "end_group", ended.append)
    content = {"host": leftovers._HOST, "owner": 2**22 + 1, "owner_start": "1", "leader": 2**22 + 2}

    def read(path: Path) -> None:
        leftovers.remove_leftovers(path.parent)

    trials.withstands(Reader(read, as_json(content), ".server-5000.json", gives=False))
    assert all(type(leader) is int for leader in ended)


VARIABLES: dict[str, Callable[[], object]] = {
    device.VARIABLE: device.chosen_device,
    device.FAKE: lambda: device.cards("cpu"),
    WEIGHTS_VARIABLE: lambda: EFFICIENTNET_LITE0.model_copy(update={"package": "", "sha256": "0"}).find(None),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_variables_of_the_shell(trials: Trials, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    texts = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
        st.sampled_from([value for value in STRANGE if isinstance(value, str) and "\0" not in value]),
        st.sampled_from(["-1", "1e3", "٣", "1" * 30, "cuda:0", "CPU"]),
    )

    def check(text: str) -> None:
        monkeypatch.setenv(name, text.encode("utf-8", "replace").decode())
        found = outcome(lambda _: VARIABLES[name](), Path())
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(texts, check, 0.3)


def test_names_of_homes(trials: Trials) -> None:
    texts = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60) | st.sampled_from(
        ["a" * 300, "\udcff", "a\nb"]
    )

    def check(text: str) -> None:
        found = outcome(lambda root: Home.open(root, root), trials.folder / text)
        assert found is REFUSED or found.root.is_dir()
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(texts, check, 0.3)
