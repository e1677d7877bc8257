"""Every stored number of a loss counts: one that is moved in its sixth digit makes its check fail, and no other."""

import numpy as np
import pytest

from bench.plugin.discovery import load_reference, plugins
from bench.plugin.reference import ReferenceCheck

CHECKS = {name: load_reference(name)() for name in plugins("reference")}


def failing(moved: str = "") -> list[str]:
    wrong = []
    for name, check in CHECKS.items():
        if not isinstance(check, ReferenceCheck) or "norm" in name:
            continue
        numbers = dict(check.numbers())
        if moved:
            numbers[moved] = numbers[moved] * (1 + 1e-5)
        if check.error(numbers) > check.tolerance:
            wrong.append(name)
    return wrong


def test_every_number_is_right_here() -> None:
    assert failing() == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("patchnce/losses", "patchnce"),
        ("patchnce/gradient", "patchnce"),
        ("negcut/losses", "given_negatives"),
        ("negcut/gradient_negatives", "given_negatives"),
        ("src_hdce/losses", "src_hdce"),
        ("src_hdce/gradient", "src_hdce"),
        ("src_hdce/relation", "src_hdce"),
        ("src_hdce/relation_gradient", "src_hdce"),
        ("cfl/losses", "contrastive_feature"),
        ("cfl/gradient_k", "contrastive_feature"),
        ("dual/loss", "dual_contrastive"),
        ("dual/gradient_real", "dual_contrastive"),
        ("dual/gradient_fake", "dual_contrastive"),
        ("lsgan/loss_G", "lsgan"),
        ("lsgan/gradient_D", "lsgan"),
    ],
)
def test_each_number_counts(key: str, name: str) -> None:
    assert failing(key) == [name]


def test_numbers_have_the_type_that_is_compared() -> None:
    assert {array.dtype for array in CHECKS["patchnce"].numbers().values()} == {np.dtype("float64")}
