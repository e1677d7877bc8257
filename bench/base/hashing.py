"""The sha256 of a file's content, by which it is recognised."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bench.base.regular import open_regular


def file_sha256(path: Path) -> str:
    """The sha256 of a regular file's bytes, in hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
