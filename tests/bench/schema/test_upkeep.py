import pytest

from bench.base.errors import UsageError
from bench.base.home import RunFolder
from bench.schema.upkeep import Upkeep, read_upkeep, write_upkeep


def test_what_one_command_says_another_that_says_nothing_leaves(tmp_path):
    folder = RunFolder(tmp_path / "toy-1")
    write_upkeep(folder, Upkeep())
    assert not folder.upkeep.exists()
    write_upkeep(folder, Upkeep(keep="last"))
    write_upkeep(folder, Upkeep(save_minutes=2.5))
    assert read_upkeep(folder) == Upkeep(keep="last", save_minutes=2.5)
    write_upkeep(folder, Upkeep(keep="none"))
    found = read_upkeep(folder)
    assert (found.kept, found.save_seconds, found.option) == ("none", 150.0, "--keep none")


@pytest.mark.parametrize("content", ["", "[]", '{"keep": "worst"}', '{"save_minutes": "5"}', '{"save_minutes": -1}'])
def test_of_a_damaged_file_all_weights_stay_and_it_is_said(tmp_path, content, caplog):
    folder = RunFolder(tmp_path)
    folder.upkeep.write_text(content)
    found = read_upkeep(folder)
    assert (found.kept, found.minutes) == ("all", 10.0)
    assert f"{folder.upkeep}: " in caplog.text
    assert "all weights of the run stay until a command says --keep again" in caplog.text


def test_no_other_word_is_taken_for_what_was_said(tmp_path):
    folder = RunFolder(tmp_path / "toy-1")
    write_upkeep(folder, Upkeep(keep="all", save_minutes=9.0))
    folder.upkeep.write_text(folder.upkeep.read_text().replace('"all"', '"none"'))
    assert read_upkeep(folder).kept == "all"


def test_earlier_versions_wrote_no_seal(tmp_path):
    folder = RunFolder(tmp_path)
    folder.upkeep.write_text('{"keep": "last"}')
    assert read_upkeep(folder) == Upkeep(keep="last")


@pytest.mark.parametrize(
    ("keep", "minutes", "line"),
    [
        ("worst", None, "--keep worst: write last, best"),
        (None, 0.0, "--save-every 0.0: write minutes above 0"),
        (None, float("nan"), "--save-every nan: write minutes above 0"),
        (None, float("inf"), "--save-every inf: write minutes above 0"),
    ],
)
def test_an_option_that_is_wrong_is_named(keep, minutes, line):
    with pytest.raises(UsageError, match=line):
        Upkeep.of_options(keep, minutes)


def test_at_most_the_last_and_two_best_stay():
    assert [Upkeep(keep=keep).most_kept(80) for keep in ("last", "best", "all", "none")] == [1, 3, 80, 0]
    assert [Upkeep(keep=keep).most_kept(1) for keep in ("last", "best", "all", "none")] == [1, 1, 1, 0]
