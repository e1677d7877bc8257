"""The short address of the replay of recorded training steps (docs/replay.md)."""

from bench.checks.replay.replay import Replay, replay

__all__ = ["Replay", "replay"]
