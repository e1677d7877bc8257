"""The short address of the recording of training steps and of their replay (docs/replay.md)."""

from bench.checks.replay.record import record
from bench.checks.replay.replay import Replay, replay

__all__ = ["Replay", "record", "replay"]
