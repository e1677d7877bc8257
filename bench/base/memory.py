"""How much memory this process has held at most: its own, or a card's.

Linux alone tells it and lets it be counted from a moment on; elsewhere nothing is said rather than something else.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROCESS = Path("/proc/self")
_COUNT_ANEW = "5"  # of /proc/PID/clear_refs: the high-water mark becomes what is held now (proc(5))


def count_anew(device: str) -> None:
    """Count the most from now on, as far as the system lets.

    Args:
        device: cpu or cuda.
    """
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):
        (PROCESS / "clear_refs").write_text(_COUNT_ANEW)


def most_memory(device: str) -> int | None:
    """The most that was held since the process began, or since `count_anew`.

    Args:
        device: cpu: main memory of this process, with what it shares with others; cuda: what torch took of the card.

    Returns:
        Bytes; None where the system does not tell.
    """
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_reserved())
    with suppress(OSError, ValueError, IndexError):
        for line in (PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
