"""Data sets of several domains: `NAME/train/DOMAIN/`, and `NAME/test/DOMAIN/` or `NAME/val/DOMAIN/`.

Source: clovaai/stargan-v2 875b70a, core/data_loader.py, whose domains are the sub-folders in sorted order.
"""

from __future__ import annotations

from pathlib import Path

from bench.base.errors import NotAvailable
from bench.data.stream_folders import OWN, StreamFolders
from bench.schema.data import DomainFolderData


class DomainFolderDataSet(StreamFolders):
    """A data set whose streams are its domains; a domain's place in the configuration is its label, from 0.

    Args:
        config: name, domains, published counts, held-out images.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the data set or one of its folders is missing.
        DataProblems: if folders hold no image, or too few to hold some out.
    """

    config: DomainFolderData

    def __init__(self, config: DomainFolderData, data_root: Path, cache: Path) -> None:
        root = data_root / config.name
        if not root.is_dir():
            where = f"{root}/train/DOMAIN and {root}/test/DOMAIN"
            raise NotAvailable(
                f"data set {config.name} is not here; put its images under {where}: {', '.join(config.domains)}{OWN}"
            )
        self.streams = tuple(config.domains)
        test = "val" if not (root / "test").is_dir() and (root / "val").is_dir() else "test"
        folders = {
            (split, domain): f"{folder}/{domain}"
            for split, folder in (("train", "train"), ("test", test))
            for domain in config.domains
        }
        super().__init__(config, root, folders, config.validation, cache)

    def published_counts(self) -> dict[tuple[str, str], int]:
        """See `StreamFolders.published_counts`."""
        published = self.config.counts or {}
        return {
            (split, domain): published[split][domain]  # type: ignore[index]  # only the splits that are keys
            for split, domain in self.files
            if domain in published.get(split, {})  # type: ignore[call-overload]
        }
