"""The training configurations that methods extend. No torch here: planning reads configurations without it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bench.base.validation import Strict

UNKNOWN = 255  # the class of pixels without a label, in every label map


# the fields of every configuration that say how long it trains, not what a step does
LENGTH_FIELDS = ("n_epochs", "n_epochs_decay", "images_per_epoch")


class MethodConfig(Strict):
    """The part of a recipe that every method has: length, batch, and how training images are cut.

    Subclasses add their own fields and override these defaults; a comment at each value says where it comes from.
    """

    # fields that name another plugin, or None (field -> kind): that plugin's revision and file hash join the train key
    plugin_fields: ClassVar[dict[str, str]] = {}

    n_epochs: int = Field(ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(ge=0, description="epochs over which the learning rate then falls linearly")
    images_per_epoch: int | None = Field(None, ge=1, description="None: max(|A|, |B|), as the originals count")
    batch_size: int = Field(1, ge=1)
    load_size: int = Field(286, ge=4, description="side to which training images are resized before cropping")
    crop_size: int = Field(256, ge=4, description="side of training crops and of test images")
    flip: bool = Field(True, description="mirror training images with probability one half")
    jitter_off_in_decay: bool = Field(
        False, description="CUT code base: resize to crop_size, so no crop jitter, once epoch > n_epochs"
    )

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run."""
        return self.n_epochs + self.n_epochs_decay


class PairedConfig(MethodConfig):
    """What a method that turns label maps into images, or images into label maps, adds: how both look.

    Such a method's stream A is the label map, float (batch, 1 or 2, H, W) of whole numbers: classes, and instance
    numbers unless `no_instance`. It is aligned with B and shares B's crop and flip.
    """

    aspect_ratio: float = Field(1.0, gt=0, description="width over height; load_size and crop_size are widths")
    label_nc: int = Field(ge=1, description="classes 0..label_nc-1")
    contain_dontcare_label: bool = Field(False, description="one class more, for pixels labelled 255")
    no_instance: bool = Field(False, description="the condition has no channel of instance numbers")

    @property
    def classes(self) -> int:
        """Every class, the one of unlabelled pixels included."""
        return self.label_nc + self.contain_dontcare_label

    def size(self, width: int) -> tuple[int, int]:
        """(width, height) in pixels of images of that width."""
        return width, round(width / self.aspect_ratio)


class MultiDomainConfig(MethodConfig):
    """What a method that translates between several domains adds.

    Its batch entries are those of bench/data/training_domains.py, not streams of the data set.
    """

    num_domains: int = Field(2, ge=2, description="domains of the data set, by its streams' order 0..num_domains-1")
    randcrop_prob: float | None = Field(
        None,
        ge=0,
        le=1,
        description="StarGAN v2's way to cut training images, bilinear: so often a part that is enlarged to crop_size, or "
        "else the whole image at that size; None: crops of load_size",
    )


class SingleImageConfig(MethodConfig):
    """What a method that learns from crops of two pictures adds (bench/data/training_crops.py)."""

    random_scale_max: float = Field(3.0, ge=1, description="pictures are shrunk by up to this factor before each step")
