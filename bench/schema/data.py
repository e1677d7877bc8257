"""Which data set a protocol uses, and how it is cut and oriented. Imports neither torch nor PIL: `list` reads this."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bench.base.validation import Strict

Layer = Literal["relief", "land", "satellite"]
PIXELS_A_DEGREE = 15  # of the rasters of the Earth
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # of a folder


class EarthData(Strict):
    """Patches of global rasters (bench/data/earth.py), shipped with the dependencies and with this package.

    Attributes:
        A: the input domain: relief map, land cover labels, or none (unconditional generation).
        B: the output domain.
        paired: training patches of A and B show the same places, those of both kinds of training block.
        size: side of a patch in pixels of 1/15 degree.
        train_stride: distance of neighbouring training patches in pixels; less than `size` overlaps. Validation and
            test patches never overlap.
        train_one_in: train with one in so many of the training patches, the first of a fixed permutation, so that
            smaller sets lie inside larger ones; 1: with all.
    """

    family: Literal["earth"] = "earth"
    A: Literal["relief", "land"] | None
    B: Literal["satellite"] = "satellite"
    paired: bool = False
    size: int = Field(64, ge=16, le=256)
    train_stride: int = Field(32, ge=4, le=256)
    train_one_in: int = Field(1, ge=1)

    @property
    def name(self) -> str:
        """The data set's name for people: `earth-relief2sat`, `earth-land2sat`, `earth-sat`, `earth-land2sat-paired`."""
        base = (f"earth-{self.A}2sat" if self.A else "earth-sat") + ("-paired" if self.paired else "")
        return base if self.train_one_in == 1 else f"{base}-1of{self.train_one_in}"

    @model_validator(mode="after")
    def _pairs_need_labels(self) -> EarthData:
        if self.paired and self.A != "land":
            raise ValueError("paired needs A: land, whose classes are the condition")
        return self


class FolderData(Strict):
    """Images in `NAME/trainA`, `trainB`, `testA`, `testB`, as CycleGAN's and CUT's data sets are distributed.

    Attributes:
        name: the folder's name under the data root.
        direction: `BtoA` swaps the folders, so that methods see A -> B all the same.
        counts: published number of images per folder; another number is reported as a deviation.
        test_labels: pattern, below the data root, of the label maps of the test images, if they have any: test image
            `N_...` belongs to file N of the sorted ones, as Cityscapes is prepared.
        validation: how many images of each training folder to hold out, the last in path order. The published data
            sets have no validation split, so any but 0 is a deviation.
    """

    family: Literal["folder"] = "folder"
    name: str = Field(pattern=_NAME)
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    counts: dict[Literal["trainA", "trainB", "testA", "testB"], int] | None = None
    test_labels: str | None = Field(default=None, pattern=r"^[A-Za-z0-9].*\*[^/*]*$")
    validation: int = Field(0, ge=0)


class PairedFolderData(Strict):
    """Photographs and label maps of the same scenes, in the folders that the data set is published in.

    A pattern is a glob below `NAME/` with `{split}` for the split's folder; what its last `*` stands for names the scene.

    Attributes:
        name: the folder's name under the data root.
        images, labels, instances: patterns of photographs, class maps and maps of instance numbers (None: there are none).
        train, test: the folders of the two splits.
        first_class: the value in the class maps that is class 0; smaller values and 255 are unlabelled.
        counts: published number of pairs per split; another number is reported as a deviation.
    """

    family: Literal["paired_folder"] = "paired_folder"
    name: str = Field(pattern=_NAME)
    images: str = Field(pattern=r"\*[^/*]*$")
    labels: str = Field(pattern=r"\*[^/*]*$")
    instances: str | None = Field(None, pattern=r"\*[^/*]*$")
    train: str = "train"
    test: str = "val"
    first_class: int = Field(0, ge=0)
    counts: dict[Literal["train", "test"], int] | None = None


class ImageFolderData(Strict):
    """One folder of images, `NAME/`, for unconditional generation (bench/data/one_folder.py).

    Attributes:
        name: the folder's name under the data root.
        subset: train with this many images, the first of a fixed permutation; None: all.
        compare_with: what generated images are compared with: all images, or the subset trained with.
        compare_at_most: the first so many of those; FID is by custom computed with 50,000.
        count: published number of images in the folder; another number is reported as a deviation.
    """

    family: Literal["image_folder"] = "image_folder"
    name: str = Field(pattern=_NAME)
    subset: int | None = Field(None, ge=2)
    compare_with: Literal["all", "subset"] = "all"
    compare_at_most: int = Field(50_000, ge=2)
    count: int | None = Field(None, ge=2)


class DomainFolderData(Strict):
    """Images of several domains, as StarGAN v2's data sets are distributed (bench/data/domain_folders.py).

    Attributes:
        name: the folder's name under the data root.
        domains: the names of the domains' folders; each one's place is its label.
        counts: published number of images per split and domain; another number is reported as a deviation.
        validation: how many images of each training folder to hold out, the last in path order; a deviation, unless 0.
    """

    family: Literal["domain_folders"] = "domain_folders"
    name: str = Field(pattern=_NAME)
    domains: list[Annotated[str, Field(pattern=_NAME)]] = Field(min_length=2)
    counts: dict[Literal["train", "test"], dict[str, int]] | None = None
    validation: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _domains_are_known(self) -> DomainFolderData:
        if twice := {domain for domain in self.domains if self.domains.count(domain) > 1}:
            raise ValueError(f"domains: {min(twice)} is named twice")
        counted = {domain for counts in (self.counts or {}).values() for domain in counts}
        if unknown := counted - set(self.domains):
            raise ValueError(f"counts: {min(unknown)} is not among the domains")
        return self


Biome = Literal["forest", "shrubland", "savanna", "grassland", "cropland", "desert"]


class EarthBiomeData(Strict):
    """Satellite patches in several domains, by what mostly grows there (bench/data/earth_biomes.py).

    Attributes:
        biomes: the domains; each one's place is its label.
        size: side of a patch in pixels of 1/15 degree.
        stride: distance of neighbouring patches in pixels; less than `size` overlaps, within a split.
    """

    family: Literal["earth_biomes"] = "earth_biomes"
    biomes: list[Biome] = Field(min_length=2)
    size: int = Field(64, ge=16, le=256)
    stride: int = Field(32, ge=4, le=256)

    @property
    def name(self) -> str:
        """The data set's name for people: `earth-biomes`."""
        return "earth-biomes"

    @model_validator(mode="after")
    def _biomes_are_named_once(self) -> EarthBiomeData:
        if twice := {biome for biome in self.biomes if self.biomes.count(biome) > 1}:
            raise ValueError(f"biomes: {min(twice)} is named twice")
        return self


class PictureData(Strict):
    """Two pictures, one in `NAME/trainA` and one in `NAME/trainB`, as CUT's single images lie (bench/data/pictures.py).

    Attributes:
        name: the folder's name under the data root.
        direction: `BtoA` swaps the folders, so that methods see A -> B all the same.
    """

    family: Literal["pictures"] = "pictures"
    name: str = Field(pattern=_NAME)
    direction: Literal["AtoB", "BtoA"] = "AtoB"


class EarthPicture(Strict):
    """A part of a global raster, in pixels of 1/15 degree (bench/data/earth.py).

    Attributes:
        layer: which raster.
        west, north: longitude and latitude of the left upper corner in degrees, east and north positive.
        width, height: in pixels.
    """

    layer: Literal["relief", "satellite"]
    west: float = Field(ge=-180, lt=180)
    north: float = Field(gt=-90, le=90)
    width: int = Field(1024, ge=64, le=5400)
    height: int = Field(768, ge=64, le=2700)

    @property
    def corner(self) -> tuple[int, int]:
        """(x, y) of the left upper corner on the common grid."""
        return round((self.west + 180) * PIXELS_A_DEGREE), round((90 - self.north) * PIXELS_A_DEGREE)

    @model_validator(mode="after")
    def _lies_on_the_map(self) -> EarthPicture:
        x, y = self.corner
        if x + self.width > 360 * PIXELS_A_DEGREE or y + self.height > 180 * PIXELS_A_DEGREE:
            raise ValueError("the picture leaves the map; move its corner west or north, or make it smaller")
        return self


class EarthPictureData(Strict):
    """Two parts of global rasters, shipped with the dependencies (bench/data/earth_pictures.py).

    Attributes:
        A: the picture that is translated.
        B: the picture whose look it shall take; another part of the Earth.
    """

    family: Literal["earth_pictures"] = "earth_pictures"
    A: EarthPicture
    B: EarthPicture

    @property
    def name(self) -> str:
        """The data set's name for people: `earth-relief2satellite-pictures`."""
        return f"earth-{self.A.layer}2{self.B.layer}-pictures"

    @model_validator(mode="after")
    def _are_apart(self) -> EarthPictureData:
        (ax, ay), (bx, by) = self.A.corner, self.B.corner
        if -self.A.width < ax - bx < self.B.width and -self.A.height < ay - by < self.B.height:
            raise ValueError("A and B show the same place; B would give the answer away")
        return self


class HeldOut(Strict):
    """How test and validation images are chosen where the user's folders do not say (bench/data/held_out.py).

    Attributes:
        test, validation: shares of the images, chosen by the content of their files; 0: none.
        seed: another one chooses others.
    """

    test: Annotated[float, Field(ge=0, le=0.25)] = 0.2
    validation: Annotated[float, Field(ge=0, le=0.25)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0


class OwnStream(Strict):
    """Where the images of one stream are, as folders below that of the data set; `.` is that folder itself.

    Attributes:
        name: of the stream: `A`, `B`, or that of a domain.
        train: everything, or what is left when some is held out.
        validation, test: None: they are held out of `train`.
        half: of side-by-side pairs, which half of each image.
    """

    name: str = Field(pattern=_NAME)
    train: str
    validation: str | None = None
    test: str | None = None
    half: Literal["left", "right"] | None = None

    @field_validator("train", "validation", "test")
    @classmethod
    def _is_below(cls, folder: str | None) -> str | None:
        if folder is not None and (PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts):
            raise ValueError(f"{folder} is not below the data set's folder; name a folder inside it")
        return folder

    @property
    def folders(self) -> dict[Literal["train", "validation", "test"], str]:
        """Split -> folder, where there is one."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: folder for split, folder in named.items() if folder is not None}  # type: ignore[misc]


class OwnImagesData(Strict):
    """Images of the user's, read where they are, in any of the usual layouts (bench/data/own_images.py).

    Attributes:
        name: for people.
        folder: absolute, or below the data root.
        streams: what there is, in the order in which domains are numbered.
        pairs: the images of all streams show the same scenes: files of equal names, or halves of one.
        label_maps: the images of A are label maps, whose numbers are classes and 255 unlabelled; with pairs.
        held_out: how splits are made that the folders do not have; None: they have all that are wanted.
    """

    family: Literal["own_images"] = "own_images"
    name: str = Field(pattern=_NAME)
    folder: str
    streams: list[OwnStream] = Field(min_length=1)
    pairs: bool = False
    label_maps: bool = False
    held_out: HeldOut | None = HeldOut()

    @model_validator(mode="after")
    def _has_test_images(self) -> OwnImagesData:
        names = [stream.name for stream in self.streams]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"streams: {min(twice)} is named twice")
        for stream in self.streams:
            if stream.test is None and not (self.held_out and self.held_out.test):
                raise ValueError(f"streams: {stream.name} has no test folder, and held_out.test is 0; give one of them")
        if self.label_maps and (not self.pairs or names != ["A", "B"]):
            raise ValueError("label_maps: those of stream A need pairs with a stream B")
        if self.pairs and len({tuple(stream.folders) for stream in self.streams}) > 1:
            raise ValueError("pairs: all streams must have folders for the same splits")
        with_folder = [stream.name for stream in self.streams if stream.validation is not None]
        if with_folder and len(with_folder) < len(names) and not self.validation_share:
            raise ValueError(f"streams: only {with_folder[0]} has a validation folder, and held_out.validation is 0")
        return self

    @property
    def validation_share(self) -> float:
        """The share that is held out for validation."""
        return self.held_out.validation if self.held_out else 0.0

    @property
    def has_validation(self) -> bool:
        """Whether there are validation images."""
        return bool(self.validation_share) or all(stream.validation is not None for stream in self.streams)


DataConfig = Annotated[
    EarthData
    | FolderData
    | PairedFolderData
    | ImageFolderData
    | DomainFolderData
    | PictureData
    | EarthPictureData
    | OwnImagesData
    | EarthBiomeData,
    Field(discriminator="family"),
]
