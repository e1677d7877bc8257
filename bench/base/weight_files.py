"""Finding a weight file that the user must supply, and making sure that it is the official one."""

from __future__ import annotations

import os
from pathlib import Path

from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256

WEIGHTS_VARIABLE = "CONTRASTBENCH_WEIGHTS"


def folders(given: Path | None) -> list[Path]:
    """The folders searched, in this order: given, $CONTRASTBENCH_WEIGHTS, the user's cache, torch hub's cache.

    Args:
        given: a folder that goes first, usually `<home>/weights`.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    variable = os.environ.get(WEIGHTS_VARIABLE)
    hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
    return [
        *([given] if given else []),
        *([Path(variable)] if variable else []),
        cache / "contrastbench" / "weights",
        hub,
    ]


def find_weights(name: str, sha256: str, purpose: str, origin: str, given: Path | None) -> Path:
    """Find an official weight file; nothing is ever downloaded.

    Args:
        name: file name as distributed.
        sha256: the file's hash in hexadecimal, or its beginning where only that is published.
        purpose: what cannot be computed without it, in the user's words.
        origin: where people get it.
        given: folder searched first.

    Returns:
        The path of the file, its hash checked.

    Raises:
        NotAvailable: if no folder has it, or the first one that does has another file of that name.
    """
    searched = folders(given)
    for folder in searched:
        path = folder / name
        if path.is_file():
            actual = file_sha256(path)
            if not actual.startswith(sha256):
                raise NotAvailable(
                    f"{purpose} needs the official {name} (sha256 {sha256}...), but {path} has sha256 {actual[:16]}...; "
                    f"replace it by the file from {origin}"
                )
            return path
    raise NotAvailable(f"{purpose} needs {name} ({origin}): put it into {searched[0]} or set {WEIGHTS_VARIABLE}=DIR")
