from pathlib import Path

import numpy as np

from bench.checks.reference import make

GOLDEN = Path(__file__).parents[3] / "golden"


def test_stored_numbers_are_those_of_the_records() -> None:
    expected = make.collect(GOLDEN)
    with np.load(make.NUMBERS) as found:
        assert set(found.files) == expected.keys() | {"efflite0/features"}
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value, err_msg=key)
