"""Files inside the page: a table as CSV, LaTeX and JSON, each a link that works without any network."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass

MOST_BYTES = 300_000  # of a compressed file; the results root has all of them


@dataclass(frozen=True)
class Download:
    """A file: what readers call it, its name, its address. The page's script unpacks it; without script it is a `.gz`."""

    label: str
    name: str
    address: str


def downloads(stem: str, files: dict[str, tuple[str, str]]) -> list[Download]:
    """Links to files, those that are too large for a page left out.

    Args:
        stem: beginning of their names.
        files: what readers call a file -> (end of its name, content).

    Returns:
        The links; the same content gives the same link.
    """
    links = []
    for label, (end, content) in files.items():
        packed = gzip.compress(content.encode(), mtime=0)
        if len(packed) <= MOST_BYTES:
            address = f"data:application/gzip;base64,{base64.b64encode(packed).decode()}"
            links.append(Download(label, f"{stem}{end}.gz", address))
    return links
