import pytest

from bench.schema.parts import Part, with_part


def part(first: int, last: int, **changes) -> Part:
    made = {"code": "a", "versions": {"torch": "2"}, "device": "cpu", "threads": 1, "started": 5.0}
    return Part(from_step=first, to_step=last, **made | changes)


def test_a_stretch_that_goes_on_as_before_is_one_part():
    assert with_part([part(0, 4)], part(4, 9, started=7.0)) == [part(0, 9)]
    assert with_part([part(0, 4)], part(4, 4, code="b")) == [part(0, 4)]  # nothing was trained


@pytest.mark.parametrize(
    "changes", [{"code": "b"}, {"versions": {"torch": "3"}}, {"device": "cuda (H100, driver 550)"}, {"threads": 2}]
)
def test_whatever_differs_begins_a_part(changes):
    later = part(4, 9, **changes)
    assert with_part([part(0, 4)], later) == [part(0, 4), later]


def test_a_part_says_what_makes_it(monkeypatch):
    made = {"device": "cuda", "card": "NVIDIA H100", "driver": "550.54", "threads": 3}
    monkeypatch.setattr("bench.schema.parts.made_on", lambda device: made if device == "cuda:0" else {})
    found = Part.beginning(7, "cuda:0", 1.5)
    assert (found.from_step, found.to_step, found.threads, found.started) == (7, 7, 3, 1.5)
    assert found.device == "cuda (NVIDIA H100, driver 550.54)"
    assert len(found.code) == 64
    assert {"python", "torch", "numpy", "contrastbench"} <= found.versions.keys()
