"""A comparison with known numbers, without any run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.compare.contenders import Difference
from bench.compare.findings import ContenderFindings, Findings, duels
from bench.schema.cell import Measured
from bench.verdict.stats import seed_interval

METRICS = {"FD": False, "SSIM": True}


def contender_of(label: str, values: dict[str, list[float]], **fields: object) -> ContenderFindings:
    scores = {}
    for metric, numbers in values.items():
        by_seed = dict(enumerate(numbers))
        measured = Measured(
            metric=metric,
            checkpoint="last",
            values=by_seed,
            score_keys={seed: f"{label}{metric}{seed}" for seed in by_seed},
            mean=sum(numbers) / len(numbers),
            interval=seed_interval(numbers),
        )
        scores[metric] = {"last": measured}
    content = {
        "label": label,
        "method": "cut",
        "config": {"batch_size": 1},
        "is_candidate": label.startswith("mine"),
        "differences": [],
        "deviations": [],
        "train_keys": {seed: f"{label}-{seed}" for seed in range(max(map(len, values.values())))},
        "problems": [],
        "scores": scores,
    }
    return ContenderFindings.model_validate(content | fields)


@pytest.fixture
def contender() -> Callable[..., ContenderFindings]:
    return contender_of


@pytest.fixture
def make() -> Callable[..., Findings]:
    def build(*contenders: ContenderFindings, **fields: object) -> Findings:
        content = {
            "name": "mine-vs-cut",
            "protocol": "toys@1",
            "ran_as": "toys@1",
            "scale": "mini",
            "budget": "equal",
            "seeds": sorted(contenders[0].train_keys),
            "counts": "last",
            "order": list(METRICS),
            "metrics": METRICS,
            "missing": {},
            "select_by": "FD",
            "contenders": list(contenders),
            "duels": duels(contenders, METRICS, "last"),
        }
        return Findings.model_validate(content | fields)

    return build


@pytest.fixture
def findings(make) -> Findings:
    """`mine` is far better than `cut` by FD, five seeds; nothing is shown against `fast`."""
    return make(
        contender_of("mine", {"FD": [10.0, 12.0, 11.0, 13.0, 12.0], "SSIM": [0.5, 0.52, 0.49, 0.51, 0.5]}),
        contender_of("cut", {"FD": [30.0, 32.5, 30.5, 33.0, 32.0], "SSIM": [0.5, 0.51, 0.5, 0.5, 0.51]},
                  differences=[Difference(setting="loss", first="mine.py:Mine", own="patchnce")]),
        contender_of("fast", {"FD": [9.0, 13.0, 12.5, 11.0, 12.0], "SSIM": [0.4, 0.6, 0.5, 0.45, 0.55]}),
    )  # fmt: skip
