import pytest
from pydantic import ValidationError

from bench.base.validation import Strict, validation_line


class Point(Strict):
    x: int
    y: int = 0


def test_a_strict_record_takes_known_keys_only_and_stays_as_it_is():
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"x": 1, "z": 2})
    assert validation_line("a.yaml", caught.value) == "a.yaml: z: unknown key; remove it or correct its spelling"
    with pytest.raises(ValidationError, match="frozen"):
        Point(x=1).x = 2
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"y": "a", "z": 2})
    assert validation_line("a.yaml", caught.value).endswith("x: Field required (and 2 more)")


class Line(Strict):
    start: Point
    end: Point
    width: int


def test_all_missing_keys_are_said_at_once():
    with pytest.raises(ValidationError) as caught:
        Line.model_validate({"start": {"y": 1}})
    assert validation_line("a.yaml", caught.value) == "a.yaml: these keys are missing: start.x, end, width"
    with pytest.raises(ValidationError) as caught:
        Line.model_validate({"colour": "red", "width": "wide"})
    line = validation_line("a.yaml", caught.value)
    assert line == "a.yaml: these keys are missing: start, end (and 2 more)"
