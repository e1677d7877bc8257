"""Only a file that somebody named runs; its name in a record is not enough."""

import pytest

from bench.metrics.metric import load_metric
from bench.plugin.discovery import find_plugin, is_usable, load_loss, load_plugin
from bench.plugin.loss import PairLoss
from bench.plugin.named import VARIABLE, NotNamed, say_left_out


@pytest.fixture
def evil(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    file = tmp_path / "evil.py"
    file.write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'marker')!r}).touch()\nfrom bench.loss import PatchLoss\n"
        "class Evil(PatchLoss):\n    name = 'evil'\n    citation = 'none'\n"
    )
    return file


def test_a_file_that_nobody_named_is_not_run(evil):
    for load in (
        lambda name: load_plugin("loss", name, PairLoss),
        load_metric,
        lambda name: find_plugin("task", name).load(),
    ):
        with pytest.raises(
            NotNamed, match=r"evil\.py:Evil: is a file that a record names and this command line does not"
        ) as caught:
            load(f"{evil}:Evil")
        assert "\n" not in str(caught.value)
    assert not is_usable("loss", f"{evil}:Evil")
    assert not (evil.parent / "marker").exists()
    assert load_loss(f"{evil}:Evil").name == "evil"  # whoever calls this wrote the reference
    assert (evil.parent / "marker").exists()
    assert is_usable("loss", f"{evil}:Evil")


def test_only_installed_names_are_usable():
    assert is_usable("metric", "FID")
    for name in (
        "os.path:join",
        "os:system",
        "nowhere",
        "",
        "evil.py",
        "evil.py:",
        "/dev/null:X",
        "a\0.py:X",
        "~nobody-at-all/a.py:X",
    ):
        assert not is_usable("metric", name)


def test_what_is_left_out_is_said_once_and_in_one_line(capsys):
    for _ in range(2):
        say_left_out("metric", "a\nb.py:Evil\x1b[31m", "its scores are left out")
    assert capsys.readouterr().err == (
        "note: metric a?b.py:Evil?[31m is a file that this command line does not name: it is not loaded, and its scores are "
        "left out\n"
    )
