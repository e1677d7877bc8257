"""Which data set a protocol uses, and how it is cut and oriented. Imports neither torch nor PIL: `list` reads this."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Layer = Literal["relief", "land", "satellite"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EarthData(_Strict):
    """Patches of global rasters (bench/data/earth.py), shipped with the dependencies and with this package.

    Attributes:
        A: the input domain: relief map, land cover labels, or none (unconditional generation).
        B: the output domain.
        size: side of a patch in pixels of 1/15 degree.
        train_stride: distance of neighbouring training patches in pixels; less than `size` overlaps. Validation and
            test patches never overlap.
    """

    family: Literal["earth"] = "earth"
    A: Literal["relief", "land"] | None
    B: Literal["satellite"] = "satellite"
    size: int = Field(64, ge=16, le=256)
    train_stride: int = Field(32, ge=4, le=256)

    @property
    def name(self) -> str:
        """The data set's name for people: `earth-relief2sat`, `earth-land2sat` or `earth-sat`."""
        return f"earth-{self.A}2sat" if self.A else "earth-sat"


class FolderData(_Strict):
    """Images in `NAME/trainA`, `trainB`, `testA`, `testB`, as CycleGAN's and CUT's data sets are distributed.

    Attributes:
        name: the folder's name under the data root.
        direction: `BtoA` swaps the folders, so that methods see A -> B all the same.
        counts: published number of images per folder; another number is reported as a deviation.
        validation: how many images of each training folder to hold out, the last in path order. The published data
            sets have no validation split, so any but 0 is a deviation.
    """

    family: Literal["folder"] = "folder"
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    counts: dict[Literal["trainA", "trainB", "testA", "testB"], int] | None = None
    validation: int = Field(0, ge=0)


DataConfig = Annotated[EarthData | FolderData, Field(discriminator="family")]
