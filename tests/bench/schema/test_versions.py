import torch

from bench.schema.parts import Part
from bench.schema.records import Made
from bench.schema.versions import versions


def test_training_and_scores_tell_the_same_versions():
    told = versions()
    assert Made.now().versions == told == Part.beginning(0, "cpu", now=0.0).versions
    assert told["torch"] == torch.__version__  # with what it was built for, such as +cpu
    assert all(told.values())
