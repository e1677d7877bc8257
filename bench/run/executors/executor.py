"""What every executor says of the runs it was given."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.base.errors import BenchError


@dataclass
class Outcome:
    """How one run ended: `done`, `failed` or `stopped`, and why in one line."""

    state: str
    reason: str = ""


class Interrupted(BenchError):
    """Ctrl-C: every running run has saved its state."""


def default_slots(threads: int) -> int:
    """As many runs at once as the cores allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)
