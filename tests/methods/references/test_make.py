from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from bench.checks.reference.make import NUMBERS as HARNESS
from methods.references import make

GOLDEN = Path(__file__).parents[2] / "golden"


def test_stored_numbers_are_those_of_the_records() -> None:
    expected = make.collect(GOLDEN)
    with np.load(make.NUMBERS) as found:
        assert set(found.files) == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_stored_step_is_that_of_the_record() -> None:
    record, found = dict(np.load(GOLDEN / "unpaired" / "trainstep_cut.npz")), load_file(make.STEP)
    assert {key for key in found if key.startswith("grad_step0/G.")} == {
        key for key in record if key.startswith("grad_step0/G.")
    }
    for key, value in found.items():
        np.testing.assert_allclose(value, record[key], rtol=1e-7, atol=0, err_msg=key)
        if key.startswith("init/"):
            np.testing.assert_array_equal(value, record[key])


def test_the_package_stays_small() -> None:
    assert sum(file.stat().st_size for file in (HARNESS, make.NUMBERS, make.STEP)) < 1_100_000
