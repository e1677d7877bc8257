"""One cluster for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cluster import Cluster, missing, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Slurm of one node."""
    if lacking := missing():
        pytest.fail(f"not installed: {', '.join(lacking)}; Debian: apt-get install slurm-wlm munge")
    with running_cluster() as started:
        os.environ |= started.environment
        yield started
