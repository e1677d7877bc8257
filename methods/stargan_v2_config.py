"""The options of StarGAN v2, and of SRC + hDCE on it; defaults are the published command's for animal faces (AFHQ).

Source: clovaai/stargan-v2 875b70a, main.py; jcy132/Hneg_SRC 9a9647d, Multimodal (`released`).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bench.method import MultiDomainConfig
from methods.hosted_loss import whole_options

SRC_HDCE = "src_hdce_multimodal"


class StarGANv2Config(MultiDomainConfig):
    """Length, sizes, networks, terms, optimisers, and what ties outputs to inputs patch by patch."""

    plugin_fields: ClassVar[dict[str, str]] = {"loss": "loss"}

    variant: Literal["original", "paper", "released"] = Field(
        "original",
        description="StarGAN v2; with SRC + hDCE as its paper describes it; or as its authors' program does it, which has "
        "another generator, reconstructs inputs themselves and asks with features of inputs",
    )

    # the programs count iterations: 100,000 of 8 images
    n_epochs: int = Field(100, ge=1, description="epochs at the initial learning rate, of 1,000 iterations")
    n_epochs_decay: int = Field(0, ge=0, description="none: the learning rate stays")
    images_per_epoch: int | None = Field(8000, ge=1, description="None: every image of every domain")
    batch_size: int = Field(8, ge=1)
    load_size: int = Field(256, ge=4, description="not used unless randcrop_prob is None")
    crop_size: int = Field(256, ge=16, description="side of images, a power of two (img_size)")
    randcrop_prob: float | None = Field(
        0.5, ge=0, le=1, description="how often a part of a training image is enlarged; None: crops of load_size"
    )
    num_domains: int = Field(3, ge=2, description="domains of the data set, by its streams' order 0..num_domains-1")

    base_dim: int | None = Field(
        None, ge=1, description="channels at the images' own size; None: 2^14 / crop_size, as in the programs"
    )
    max_conv_dim: int = Field(512, ge=1, description="most channels of a convolution")
    hidden_dim: int = Field(512, ge=1, description="width of the mapping network")
    latent_dim: int = Field(16, ge=1, description="numbers of a latent vector")
    style_dim: int = Field(64, ge=1, description="numbers of a style")
    # faces: 1, with masks of landmarks that a network finds which is not part of this
    w_hpf: float = Field(
        0.0, ge=0, description="weight of the high-pass filter; above 0 decoder blocks have no shortcut"
    )

    lambda_reg: float = Field(1.0, ge=0, description="weight of R1, the discriminator's gradient on real images")
    lambda_sty: float = Field(1.0, ge=0, description="weight of styles that are found again")
    # faces: 1
    lambda_ds: float = Field(2.0, ge=0, description="weight of the difference that styles make, at the beginning")
    ds_iter: int | None = Field(
        None, ge=1, description="iterations in which lambda_ds falls to 0; None: all, as in the published commands"
    )
    lambda_cyc: float = Field(1.0, ge=0, description="weight of images that come back")

    lr: float = Field(1e-4, gt=0, description="Adam's learning rate of G, E, D and F")
    f_lr: float = Field(1e-6, gt=0, description="that of the mapping network M")
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0, description="times the weights, added to the gradients")
    ema_decay: float = Field(0.999, ge=0, le=1, description="share of the averages G_ema, M_ema, E_ema that stays")

    loss: str | None = Field(
        None,
        validate_default=True,
        description="the patch-wise loss: a name, or FILE.py:Class; None: none, or that of the variant",
    )
    loss_options: dict[str, Any] = Field({}, validate_default=True, description="the loss's own options")
    lambda_NCE: float = Field(1.0, ge=0, description="weight of everything the patch-wise loss returns")
    nce_layers: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        description="blocks of the encoder, from 0; None: those at a quarter of the sides and at the smallest (our choice), "
        "of the released program all at a quarter",
    )
    nce_T: float = Field(0.07, gt=0, description="temperature")
    num_patches: int | None = Field(
        None, ge=1, description="patches sampled per layer and image; None: 256, in the released program 128"
    )
    netF_nc: int = Field(256, ge=1, description="width of the projection heads and of their vectors")

    @field_validator("crop_size")
    @classmethod
    def _a_power_of_two(cls, side: int) -> int:
        if side & (side - 1):
            raise ValueError(
                f"{side} is no power of two, but images are halved to 4 pixels; take {1 << side.bit_length()}"
            )
        return side

    @field_validator("loss")
    @classmethod
    def _of_the_variant(cls, loss: str | None, info: ValidationInfo) -> str | None:
        return SRC_HDCE if loss is None and info.data.get("variant", "original") != "original" else loss

    @field_validator("loss_options")
    @classmethod
    def _resolve_loss_options(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """Check the options now, and write the loss's defaults out: they are part of the recipe."""
        if "loss" not in info.data:
            return options  # `loss` itself is wrong, which pydantic reports
        if info.data["loss"] is None:
            if options:
                raise ValueError(
                    f"there is no patch-wise loss that has {next(iter(options))}; set loss, or another variant"
                )
            return options
        return whole_options(info.data["loss"], options)

    @model_validator(mode="after")
    def _blocks_exist(self) -> StarGANv2Config:
        if self.variant == "released" and self.w_hpf > 0:
            raise ValueError("w_hpf: the released program has no high-pass filter; take variant original or paper")
        if wrong := [layer for layer in self.layers if not 0 <= layer < self.encoder_blocks]:
            raise ValueError(
                f"nce_layers: there is no block {wrong[0]}; the encoder's are 0 to {self.encoder_blocks - 1}"
            )
        return self

    @property
    def base(self) -> int:
        """Channels at the images' own size."""
        return self.base_dim or max(1, 2**14 // self.crop_size)

    @property
    def encoder_blocks(self) -> int:
        """Blocks of the generator's encoder."""
        return 6 if self.variant == "released" else self._halvings + 2

    @property
    def _halvings(self) -> int:
        return self.crop_size.bit_length() - 5 + (self.w_hpf > 0)

    @property
    def layers(self) -> tuple[int, ...]:
        """Blocks of the encoder whose features are compared."""
        if self.nce_layers is not None:
            return self.nce_layers
        if self.variant == "released":
            return (1, 2, 3, 4, 5)
        smallest = {self._halvings - 1, self._halvings, self._halvings + 1}
        return tuple(sorted(layer for layer in {1, *smallest} if layer >= 0))

    @property
    def patches(self) -> int:
        """Patches sampled per layer and image, where there are so many."""
        return self.num_patches or (128 if self.variant == "released" else 256)
