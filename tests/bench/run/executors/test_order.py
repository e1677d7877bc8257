from types import SimpleNamespace

from bench.run.executors.order import by_urgency, levels


def run(*after):
    return SimpleNamespace(comes_after=list(after))


def test_the_longest_run_is_first_and_equal_ones_keep_their_order():
    specs = {"a": run(), "b": run(), "c": run(), "d": run()}
    assert list(by_urgency(specs, {"a": 1.0, "b": 5.0, "c": 3.0, "d": 5.0})) == ["b", "d", "c", "a"]
    assert list(by_urgency(specs, {})) == ["a", "b", "c", "d"]


def test_a_short_run_that_a_long_one_needs_comes_before_longer_ones():
    specs = {"teacher": run(), "other": run(), "student": run("teacher")}
    assert list(by_urgency(specs, {"teacher": 1.0, "other": 8.0, "student": 9.0})) == ["teacher", "student", "other"]


def test_a_run_of_unknown_length_counts_as_the_mean_of_the_others():
    specs = {"short": run(), "unknown": run(), "long": run()}
    assert list(by_urgency(specs, {"short": 1.0, "long": 3.0})) == ["long", "unknown", "short"]


def test_a_needed_run_that_takes_no_time_still_comes_first():
    specs = {"teacher": run(), "student": run("teacher")}
    assert list(by_urgency(specs, {"teacher": 0.0, "student": 0.0})) == ["teacher", "student"]


def test_levels_count_the_longest_chain_and_leave_out_what_is_not_there():
    specs = {"a": run("gone"), "b": run("a"), "c": run("a", "b")}
    assert levels(specs) == {"a": 0, "b": 1, "c": 2}
