"""Two pictures of the user's: `NAME/trainA` and `NAME/trainB`, one in each, as CUT's single images are distributed.

What is translated is the picture that was learnt from, so the test images are the training images.
Source: taesungp/contrastive-unpaired-translation b3ac297, data/singleimage_dataset.py.
"""

from __future__ import annotations

from pathlib import Path

from bench.base.errors import NotAvailable
from bench.base.words import shown_path
from bench.data.dataset import DataProblems
from bench.data.images import ImageSet
from bench.data.stream_folders import OWN, StreamFolders
from bench.schema.data import PictureData


class PictureDataSet(StreamFolders):
    """One picture in each of two folders.

    Args:
        config: name and direction.
        data_root: the folder that holds `NAME/`.
        cache: folder for what is slow to make.

    Raises:
        NotAvailable: if the data set or one of its folders is missing.
        DataProblems: if a folder does not hold one picture.
    """

    config: PictureData

    def __init__(self, config: PictureData, data_root: Path, cache: Path) -> None:
        root = data_root / config.name
        if not root.is_dir():
            from bench.schema.protocol import protocol_names

            known = config.name in protocol_names()
            get = f"run contrastbench data prepare {config.name} --from PICTURE --from PICTURE, or " if known else ""
            raise NotAvailable(
                f"data set {config.name} is not here; {get}put the picture to translate into {root}/trainA and the one "
                f"whose look it shall take into {root}/trainB{OWN}"
            )
        super().__init__(config, root, {("train", side): f"train{side}" for side in "AB"}, 0, cache)
        several = [side for side in "AB" if len(self.files["train", side]) > 1]
        if several:
            raise DataProblems([f"{shown_path(root)}/train{side}: several pictures; leave one" for side in several])
        self.ordered = "B" if config.direction == "BtoA" else "A"

    def _side(self, stream: str) -> str:
        """The folders' letter of a stream, by the configured direction."""
        return {"A": "B", "B": "A"}[stream] if self.config.direction == "BtoA" else stream

    def _images(self, split: str, stream: str) -> ImageSet:
        """The picture of a stream, whatever the split."""
        return super()._images("train", stream)
