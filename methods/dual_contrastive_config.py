"""The options of dual contrastive loss and attention, and where each default comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.method import MethodConfig
from methods.networks.reference_attention import Configuration
from methods.networks.san import Kind


class DualContrastiveConfig(MethodConfig):
    """Defaults: StyleGAN2 config E at 128 pixels, self-attention in G, dual contrastive loss.

    [S] printed in the supplement, [R] read in NVlabs/stylegan2, [Dn] this project's decision where the source is silent.
    """

    # [R] 25,000 kimg (thousands of real images shown) = 250 epochs of 100 kimg, each 3,125 steps of 32; an epoch is only
    # the unit in which checkpoints are kept. The learning rate is constant.
    n_epochs: int = Field(250, ge=1, description="epochs; the learning rate is constant")
    n_epochs_decay: int = Field(0, ge=0, description="more epochs, at the same learning rate: StyleGAN2 has no decay")
    images_per_epoch: int | None = Field(100_000, ge=1, description="images shown in an epoch (100 kimg)")
    batch_size: int = Field(32, ge=1)  # [R] 8 GPUs x 4
    # images are not cropped: data sets are prepared at the size of training
    load_size: int = Field(128, ge=8, description="side to which training images are resized")
    crop_size: int = Field(128, ge=8, description="resolution of the networks, a power of two")
    flip: bool = Field(True, description="[D5] mirror augmentation; recipes switch it off for scenes")

    backbone: Literal["stylegan2"] = Field("stylegan2", description="networks and regularisation")
    channel_base: int = Field(16384, ge=32, description="channels at side r: min(base / r, max); config F has 32768")
    channel_max: int = Field(512, ge=1)
    z_dim: int = Field(512, ge=1)
    w_dim: int = Field(512, ge=1)
    mapping_layers: int = Field(8, ge=1)
    mbstd_group: int = Field(4, ge=1, description="group of the minibatch standard deviation; divides batch_size")
    noise: Literal["random", "const"] = Field(
        "random", description="noise maps: drawn for each image, or the stored ones"
    )

    lr: float = Field(0.002, gt=0, description="Adam's learning rate before the correction for lazy regularisation")
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: float = Field(0.99, ge=0, lt=1)
    ema_kimg: float = Field(10.0, gt=0, description="half-life of the average of G, in thousands of images")
    style_mixing: float = Field(0.9, ge=0, le=1, description="probability of mixing two w in a minibatch")
    # "instead of conventional GAN loss" [S, caption of Table 5]: R1, path lengths and the rest stay [D4]
    # [R] config E has gamma 100 (F: 10); for small trials StyleGAN2's successor uses 0.0002 resolution^2 / batch [D6]
    r1_gamma: float = Field(
        100.0, ge=0, description="[D4] stays with Contr; 0: without. [D6] what the authors used is unknown"
    )
    r1_interval: int = Field(16, ge=1)
    pl_weight: float = Field(2.0, ge=0, description="[D4] path lengths stay with Contr; 0: without")
    pl_interval: int = Field(4, ge=1)
    pl_batch_shrink: int = Field(2, ge=1, description="path lengths are taken of batch_size / this latents")

    adversarial_loss: Literal["dual_contrastive", "logistic"] = Field(
        "dual_contrastive", description="Contr or Adv in the paper's tables"
    )
    generator_loss: Literal["minimax", "swap"] = Field(
        "minimax", description="[D1] of Contr: minimax -C(r, f), the literal game; swap C(f, r), non-saturating"
    )
    generator_reals: Literal["same", "fresh"] = Field(
        "same", description="[D2] reals in G's contrastive loss: those of D's next update, or others"
    )
    contrast_batch: int | None = Field(None, ge=1, description="[D3] contrast groups of this many; None: the minibatch")

    # an option with a single value is a decision whose alternatives the networks do not allow
    # 32 is best at 128 pixels on all small data sets [S, section 2]
    self_attention: int | None = Field(32, ge=4, description="resolution of SAN in G; None: no attention")
    san_kind: Kind = Field("patchwise", description="[D8]")
    san_kernel: int = Field(7, ge=1, description="[D9] side of the window, odd")
    san_relation: int | None = Field(None, ge=1, description="[D9] channels of the relation; None: C / 16, at least 4")
    san_share: int = Field(8, ge=1, description="[D9] channels that share a weight; C where C is less")
    san_batch_norm: bool = Field(False, description="[D10] batch norm inside the attention, as in SAN's code")
    san_equalised: bool = Field(True, description="[D11] equalised learning rate, as in the rest of StyleGAN2")
    self_attention_layer: Literal["conv1"] = Field(
        "conv1", description="[D7] convolution replaced; which one is not stated, conv0 has to upsample"
    )
    self_attention_modulated: bool = Field(
        False, description="[D12] w scales the channels that attention sees, as in a convolution; not stated"
    )
    self_attention_activated: bool = Field(
        True, description="[D12] noise, bias and lrelu of the replaced convolution stay; not stated"
    )
    attention_centre: Literal["query", "key"] = Field("query", description="[D13] SAN's centre in Eqs. 1 and 2")

    # 8 in all experiments but Table 6 [S, section 4]
    reference_attention: int | None = Field(
        None, ge=8, description="resolution of reference attention in D; None: none"
    )
    reference_configuration: Configuration = Field("eq8", description="sources of key, query, value [S, Table 3]")
    reference_pairing: Literal["independent", "roll"] = Field(
        "independent", description="[D14] references: drawn anew for each update, or the reals shifted by one"
    )
    reference_for_G: Literal["constant"] = Field(
        "constant",
        description="[D15] references are real images: in G's step the gradient takes the primary path alone",
    )
    r1_reference: Literal["fixed", "both"] = Field("fixed", description="[D16] R1 at the primary images, or at both")
    reference_attention_layer: Literal["conv0"] = Field(
        "conv0", description="[D17] convolution replaced; which one is not stated, conv1 has to downsample"
    )
    reference_attention_activated: bool = Field(
        True, description="[D18] bias and lrelu of the replaced convolution stay; not stated"
    )

    def streams(self) -> tuple[str, ...]:
        """The batch entries that these options need."""
        streams = ["B"]
        if self.adversarial_loss == "dual_contrastive" and self.generator_reals == "fresh":
            streams.append("B.contrast")
        if self.reference_attention is not None and self.reference_pairing == "independent":
            streams += ["B.reference_G", "B.reference_D"]
        return tuple(streams)

    @model_validator(mode="after")
    def _fits(self) -> DualContrastiveConfig:
        """Check that sizes divide each other, here rather than in the first step."""
        resolutions = [2**k for k in range(2, self.crop_size.bit_length())]
        if self.crop_size not in resolutions:
            raise ValueError(f"crop_size: {self.crop_size} is no power of two; use {resolutions[-1]}")
        for name in ("self_attention", "reference_attention"):
            resolution = getattr(self, name)
            if resolution is None:
                continue
            if resolution not in resolutions:
                raise ValueError(f"{name}: {resolution} is no resolution of the networks; use one of {resolutions}")
            if self.san_kernel // 2 >= resolution:
                raise ValueError(f"san_kernel: {self.san_kernel} is too large for {name} at {resolution}; lower it")
        if self.san_kernel % 2 == 0:
            raise ValueError(f"san_kernel: {self.san_kernel} has no centre; use an odd side")
        if self.batch_size % min(self.mbstd_group, self.batch_size):
            raise ValueError(f"mbstd_group: {self.mbstd_group} does not divide batch_size {self.batch_size}")
        if self.contrast_batch and self.batch_size % self.contrast_batch:
            raise ValueError(f"contrast_batch: {self.contrast_batch} does not divide batch_size {self.batch_size}")
        return self
