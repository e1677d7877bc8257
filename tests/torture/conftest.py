"""How many inputs the torture tests try, shared out among them, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from trials import Trials

TORTURE = Path(__file__).parent
FEW = 500  # tried by every session, and always the same
MEAN_WEIGHT = 0.75  # of a reader: some read two ways, some are slow and are given half of the inputs


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    count = sum(TORTURE in item.path.parents and "trials" in getattr(item, "fixturenames", ()) for item in items)
    config.stash[_SHARE] = ceil(config.getoption("inputs") / max(1, MEAN_WEIGHT * count))


_SHARE = pytest.StashKey[int]()


@pytest.fixture
def trials(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trials]:
    config = request.config
    trials = Trials(config.stash[_SHARE], tmp_path / "on trial", config.getoption("inputs") <= FEW)
    trials.folder.mkdir()
    yield trials
    request.node.user_properties.append(("torture", dict(trials.counts)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    total: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, counts in report.user_properties:
                    if name == "torture":
                        total.update(counts)
                        total["readers"] += 1
    if total:
        terminalreporter.write_line(f"torture: {', '.join(f'{count:,} {name}' for name, count in total.items())}")
