"""From a data set's configuration to the opened data set."""

from __future__ import annotations

import logging
from pathlib import Path

from bench.data.dataset import DataSet
from bench.schema.data import (
    DataConfig,
    DomainFolderData,
    EarthBiomeData,
    EarthData,
    EarthPictureData,
    ImageFolderData,
    OwnImagesData,
    PairedFolderData,
    PictureData,
)

log = logging.getLogger(__name__)
_said: set[str] = set()


def open_dataset(config: DataConfig, data_root: Path, cache: Path) -> DataSet:
    """Open a data set; what its folders hold that a reader may not expect is said, once, other counts than published too.

    Args:
        config: which one, and how it is cut and oriented.
        data_root: where folder data sets lie.
        cache: folder for what is slow to make; need not be writable.

    Raises:
        NotAvailable: if this machine lacks it; says how to get it.
        BenchError: if it is there but empty or damaged.
    """
    dataset = _opened(config, data_root, cache)
    counts = [f"{line}; complete it, or its scores are noted as deviating" for line in dataset.other_counts()]
    for line in (*dataset.problems(), *dataset.notices(), *counts):
        if line not in _said:
            _said.add(line)
            log.warning("data set %s: %s", dataset.name, line)
    return dataset


def _opened(config: DataConfig, data_root: Path, cache: Path) -> DataSet:
    if isinstance(config, EarthData):
        from bench.data.earth import EarthDataSet

        return EarthDataSet(config, cache)
    if isinstance(config, EarthBiomeData):
        from bench.data.earth_biomes import EarthBiomeDataSet

        return EarthBiomeDataSet(config, cache)
    if isinstance(config, EarthPictureData):
        from bench.data.earth_pictures import EarthPictureDataSet

        return EarthPictureDataSet(config, cache)
    if isinstance(config, PictureData):
        from bench.data.pictures import PictureDataSet

        return PictureDataSet(config, data_root, cache)
    if isinstance(config, PairedFolderData):
        from bench.data.paired_folder import PairedFolderDataSet

        return PairedFolderDataSet(config, data_root, cache)
    if isinstance(config, ImageFolderData):
        from bench.data.one_folder import ImageFolderDataSet

        return ImageFolderDataSet(config, data_root, cache)
    if isinstance(config, DomainFolderData):
        from bench.data.domain_folders import DomainFolderDataSet

        return DomainFolderDataSet(config, data_root, cache)
    if isinstance(config, OwnImagesData):
        from bench.data.own_images import OwnImagesDataSet

        return OwnImagesDataSet(config, data_root, cache)
    from bench.data.folder import FolderDataSet

    return FolderDataSet(config, data_root, cache)
