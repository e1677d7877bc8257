"""The Inception score against records of torch-fidelity."""

from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics.inception_score import SHUFFLE_SEED, InceptionScore, inception_scores

RECORD = Path(__file__).parents[2] / "golden" / "metrics" / "inception_score.npz"


@pytest.mark.parametrize("splits", [1, 5, 10])
@pytest.mark.parametrize("shuffle", [0, 1])
def test_as_torch_fidelity(splits, shuffle):
    record = np.load(RECORD)
    scores = inception_scores(record["logits"], splits, SHUFFLE_SEED if shuffle else None)
    name = f"splits{splits}_shuffle{shuffle}"
    assert scores.mean() == pytest.approx(float(record[f"{name}_mean"]), rel=1e-12)
    assert scores.std() == pytest.approx(float(record[f"{name}_std"]), rel=1e-9)
    settings = InceptionScore.resolve({"splits": splits, "shuffle": bool(shuffle)})
    assert InceptionScore().measure(record["logits"], settings) == (scores.mean(), None)


def test_sure_and_different_images_score_as_many_as_there_are_classes():
    sure = np.eye(4) * 1e4  # far beyond what float32 can exponentiate
    assert inception_scores(sure, 1)[0] == pytest.approx(4.0)
    assert inception_scores(np.zeros((4, 7)), 2) == pytest.approx([1.0, 1.0])


def test_fewer_images_than_splits_are_refused():
    with pytest.raises(BenchError, match="10 splits needs as many images, got 4"):
        inception_scores(np.zeros((4, 7)), 10)
