"""Indented JSON is to the byte what Python's own encoder writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.indented import indented

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_any_value(value):
    assert indented(value) == json.dumps(value, indent=1, sort_keys=True)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "a, b: \n ü ≠ \ud800",
        {"a": {}, "b": [], "c": [[]], "d": [{}, 1]},
        {"seeds": {"10": 1.5, "9": 1e16}, "rows": [{"b": 1, "a": [1, 2, [3]]}]},
        {2: "two", 10: {3: None, 1: [True]}},  # keys that are numbers are sorted as numbers
        {"a": (1, (2, 3)), "": float("inf")},
        {True: 1},
        {1.5: [{}]},
    ],
)
def test_places_of_their_own(value):
    assert indented(value) == json.dumps(value, indent=1, sort_keys=True)


@pytest.mark.parametrize("value", [object(), [object()], {"a": [{"b": {1}}]}, {(1, 2): 3}, {"a": 1, 2: [3]}])
def test_what_json_cannot_hold(value):
    with pytest.raises(TypeError):
        json.dumps(value, indent=1, sort_keys=True)
    with pytest.raises(TypeError):
        indented(value)
