"""The options of the contrastive feature loss; defaults are the released code's for Cityscapes.

Source: alexandonian/contrastive-feature-loss 788ac92 (`released`); Andonian et al. 2021, supplement (`paper`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bench.method import PairedConfig
from methods.feature_spaces import SPACES, SpaceName, StandInName
from methods.losses.feature_l1 import Weighting
from methods.losses.multiscale_gan import GANMode
from methods.networks.spade import Norm, NumUpsampling

AsVariant = Literal["as variant"]
AsSpace = Literal["as space"]


class ContrastiveFeatureConfig(PairedConfig):
    """Length, sizes, networks, terms and optimisers.

    `variant` decides every option that says `as variant`; options whose value is unknown in the paper keep the code's.
    """

    variant: Literal["released", "paper"] = "released"

    # paper: 400 to 1000 epochs, batch 12 to 64; the code's default is 800 epochs at a constant rate
    n_epochs: int = Field(800, ge=1, description="epochs at the initial learning rate")
    n_epochs_decay: int = Field(0, ge=0, description="epochs over which the learning rate then falls linearly")
    batch_size: int = Field(16, ge=1)

    # Cityscapes: 512 x 256 without cropping, 35 classes and instance edges
    load_size: int = Field(512, ge=4, description="width to which training images are resized before cropping")
    crop_size: int = Field(512, ge=4, description="width of training crops and of generated images")
    aspect_ratio: float = Field(2.0, gt=0, description="width over height")
    label_nc: int = Field(35, ge=1, description="classes 0..label_nc-1")

    ngf: int = Field(64, ge=1, description="filters of the generator's last block")
    num_upsampling_layers: NumUpsampling = Field("more", description="halvings between label map and start: 5, 6, 7")
    nhidden: int = Field(128, ge=1, description="channels between label map and modulation; fixed in the original")
    norm_G: Norm = Field("batch", description="parameter-free norm of the SPADE layers")
    ndf: int = Field(64, ge=1, description="filters of each discriminator's first convolution")
    n_layers_D: int = Field(4, ge=2, description="convolutions of each discriminator before its last")
    num_D: int = Field(2, ge=1, description="discriminators, each at half the previous one's resolution")

    lr: float = Field(2e-4, gt=0, description="Adam's learning rate")
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    TTUR: bool = Field(False, description="SPADE: lr / 2 for G and F, 2 lr for D, betas (0, 0.9)")

    lambda_gan: float = Field(
        1.0, ge=0, description="0: no adversarial term; no discriminator unless lambda_feat needs it"
    )
    gan_mode: GANMode = "hinge"
    lambda_NCE: float = Field(10.0, ge=0, description="weight of the contrastive term; 0: no feature space, no heads")
    lambda_L1: float = Field(0.0, ge=0, description="baseline: pixels (10 when the code uses it)")
    lambda_feat: float = Field(0.0, ge=0, description="SPADE: feature matching in the discriminator (10 there)")
    lambda_vgg: float = Field(0.0, ge=0, description="baseline: VGG19 features (10 when SPADE and the code use it)")
    vgg_weights: Weighting = Field("cfl", description="weights of the VGG19 term's maps")

    nce: Literal["standard", "bidirectional"] = "standard"
    feature_space: SpaceName = "vgg19"
    pretrained_F: bool = Field(True, description="start the feature space from its official ImageNet weights")
    frozen_F: bool = Field(True, description="train only the heads, not the feature space")
    pretrained_stand_in: StandInName = Field(
        "none", description="network with embedded weights instead of any that needs official ones; deviates"
    )
    nce_layers: tuple[int, ...] | AsVariant = Field(
        "as variant", description="labels of maps; released 1..5, paper all"
    )
    nce_layers_multiplier: float = Field(1.0, gt=0, description="ratio of neighbouring layers' weights")
    nce_resize: int | AsSpace | None = Field(
        "as space", description="side to which images are resized first; None: not"
    )
    nef: int = Field(64, ge=1, description="filters of conv_encoder's first convolution")
    nce_T: float = Field(0.07, gt=0, description="temperature")
    num_patches: int = Field(256, ge=1, description="places per map; the paper uses 1024, the code's default is 256")
    netF: Literal["mlp", "linear"] | AsVariant = Field("as variant", description="heads; released mlp, paper linear")
    netF_nc: int = Field(256, ge=1, description="width of the heads and of their vectors")
    fake_negatives: bool | AsVariant = Field(
        "as variant", description="other queries are negatives too; released yes, paper no"
    )
    key_gradient: bool | AsVariant = Field(
        "as variant", description="gradient through the keys; released no, paper yes"
    )

    @field_validator("pretrained_stand_in")
    @classmethod
    def _nothing_to_stand_in_for(cls, name: StandInName, info: ValidationInfo) -> StandInName:
        """A scale asks for the stand-in in every row; where no official weights are wanted it changes nothing."""
        uses_official_weights = (info.data.get("lambda_NCE") and info.data.get("pretrained_F")) or info.data.get(
            "lambda_vgg"
        )
        return name if uses_official_weights else "none"

    @model_validator(mode="after")
    def _consistent(self) -> ContrastiveFeatureConfig:
        if not (self.lambda_gan or self.lambda_NCE or self.lambda_L1 or self.lambda_feat or self.lambda_vgg):
            raise ValueError("every lambda is 0, so there is nothing to learn from")
        if self.lambda_NCE and self.pretrained_F and SPACES[self.feature_space].weights is None:
            raise ValueError(f"pretrained_F: there are no official weights of {self.feature_space}; set it to false")
        if self.lambda_NCE and not self.space_layers:
            raise ValueError(f"nce_layers: {self.nce_layers} chooses no map of {self.feature_space}")
        scale = 2 ** {"normal": 5, "more": 6, "most": 7}[self.num_upsampling_layers]
        if any(side % scale for side in self.size(self.crop_size)):
            raise ValueError(
                f"crop_size, aspect_ratio: {self.size(self.crop_size)} must be multiples of {scale} "
                f"with num_upsampling_layers {self.num_upsampling_layers}"
            )
        return self

    @property
    def semantic_nc(self) -> int:
        """Channels of the networks' label map: one per class and one of instance edges."""
        return self.classes + (not self.no_instance)

    @property
    def adam(self) -> tuple[float, float, tuple[float, float]]:
        """Learning rates of G and F, of D, and the betas."""
        return (self.lr / 2, self.lr * 2, (0.0, 0.9)) if self.TTUR else (self.lr, self.lr, (self.beta1, self.beta2))

    @property
    def space_used(self) -> str:
        """The feature space, or what stands in for one that needs official weights."""
        return (
            self.feature_space
            if not self.pretrained_F or self.pretrained_stand_in == "none"
            else self.pretrained_stand_in
        )

    @property
    def perceptual_space(self) -> str:
        """The network of the VGG19 term, or what stands in for it."""
        return "vgg19" if self.pretrained_stand_in == "none" else self.pretrained_stand_in

    @property
    def layer_labels(self) -> tuple[int, ...]:
        """Labels of the maps that count; more of them than maps shrink the whole term (see `aggregate`)."""
        if self.nce_layers != "as variant":
            return self.nce_layers
        return tuple(range(1, 6)) if self.variant == "released" else tuple(range(SPACES[self.space_used].maps))

    @property
    def space_layers(self) -> list[int]:
        """The maps used. In pixel space the released code takes all that it has, three of the paper's four."""
        if self.space_used == "pixel":
            return list(range(len(self.patch_sizes)))
        return [index for index in range(SPACES[self.space_used].maps) if index in self.layer_labels]

    @property
    def resize(self) -> int | None:
        """Side in pixels to which the feature space's images are resized."""
        return SPACES[self.space_used].resize if self.nce_resize == "as space" else self.nce_resize

    @property
    def patch_sizes(self) -> tuple[int, ...]:
        """Sides of pixel space's patches."""
        return (4, 8, 16) if self.variant == "released" else (4, 8, 16, 32)

    @property
    def linear_heads(self) -> bool:
        """Whether heads are one linear layer; the paper's text says so, its parameter count says MLP."""
        return self.variant == "paper" if self.netF == "as variant" else self.netF == "linear"

    @property
    def uses_fake_negatives(self) -> bool:
        """Whether other queries are negatives too."""
        return self.variant == "released" if self.fake_negatives == "as variant" else self.fake_negatives

    @property
    def uses_key_gradient(self) -> bool:
        """Whether the gradient flows through keys."""
        return self.variant == "paper" if self.key_gradient == "as variant" else self.key_gradient
