"""DRN: the segmentation network that scores translated images, trained on real ones as CUT's authors trained theirs.

Yu, Koltun, Funkhouser, "Dilated Residual Networks", CVPR 2017; code: fyu/drn d75db2e. CUT (Park et al., ECCV 2020,
supplement, evaluation details) trains DRN-D-22 on Cityscapes at 256 x 128 with batches of 32, rate 0.01, for 250 epochs.
What the supplement does not say follows the repository's recommended command.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from bench.base.randomness import Draws
from bench.base.weight_files import WeightFile
from bench.method import Method, MethodConfig, PairedConfig, Task
from bench.plugin.config import UNKNOWN
from methods.cityscapes_classes import training_ids
from methods.networks.drn import DRN, Architecture
from methods.optimisation import descend

# fyu/drn, drn.py: file names carry the beginning of their sha256, as torch hub checks it
_IMAGENET: dict[Architecture, str] = {"drn-d-22": "drn_d_22-4bd2f8ea.pth", "drn-d-105": "drn_d_105-12b40979.pth"}
_ORIGIN = "http://dl.yf.io/drn/"

# fyu/drn, datasets/cityscapes info.json: of RGB in [0, 1]
MEAN = (0.29010095, 0.32808144, 0.28696394)
STD = (0.18295405, 0.18656561, 0.18447509)


class DRNConfig(PairedConfig):
    """Length, sizes, classes, network and optimiser; the defaults are CUT's for Cityscapes."""

    n_epochs: int = Field(250, ge=1, description="epochs; CUT's supplement")
    n_epochs_decay: int = Field(0, ge=0, description="none: the rate falls in steps, see lr_step")
    batch_size: int = Field(32, ge=1)  # CUT's supplement
    # the whole image is the crop: CUT names the size only, and the repository's crops of 896 are larger than it
    load_size: int = Field(256, ge=8, description="width to which images are resized, bicubic; labels nearest")
    crop_size: int = Field(256, ge=8, description="width of training crops and of scored images")
    aspect_ratio: float = Field(2.0, gt=0, description="width over height")
    label_nc: int = Field(35, ge=1, description="numbers 0..label_nc-1 in the label maps")
    contain_dontcare_label: bool = Field(True, description="the label maps have pixels labelled 255")
    no_instance: bool = Field(True, description="instance numbers are not read")
    scored_classes: Literal["cityscapes", "all"] = Field(
        "cityscapes", description="cityscapes: the 19 training ids, other pixels count nowhere; all: every number"
    )

    architecture: Architecture = "drn-d-22"
    width: float = Field(1.0, gt=0, description="factor of all channel numbers; 1: the original")
    pretrained: bool = Field(True, description="start from the official ImageNet weights, the classifier from noise")

    lr: float = Field(0.01, gt=0, description="rate of SGD")  # CUT's supplement
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    # the repository's command says 100 epochs of 250 (its option's default is 200); a share, to hold at every length
    lr_step: float = Field(
        0.4, gt=0, le=1, description="share of the epochs after which the rate falls tenfold, again and again"
    )


class DRNSegmenter(Method):
    """A segmentation network S, which classifies pixels: min of the mean over scored pixels of -log S(B)[A].

    A step: one update by SGD. `segment` uses running statistics and takes the most probable class.
    """

    name = "drn"
    task: ClassVar[Task] = "segmentation"
    citation = "Yu, Koltun, Funkhouser, Dilated Residual Networks, CVPR 2017; trained as by Park et al., ECCV 2020"
    revision = 1
    source = "fyu/drn d75db2e"
    Config: ClassVar[type[MethodConfig]] = DRNConfig
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"cityscapes-segmentation": {}}
    conformance: ClassVar[dict[str, Any]] = {
        "load_size": 32,
        "crop_size": 32,
        "aspect_ratio": 1.0,
        "label_nc": 5,
        "scored_classes": "all",
        "width": 0.125,
        "pretrained": False,
    }
    config: DRNConfig
    kept_networks: ClassVar[tuple[str, ...] | None] = ("netS",)
    classes_of_labels: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, config: DRNConfig, draws: Draws) -> None:
        super().__init__(config, draws)
        table = torch.arange(256) if config.scored_classes == "all" else torch.from_numpy(training_ids()).long()
        table[config.label_nc :] = UNKNOWN  # pairs give unlabelled pixels the number label_nc
        self.register_buffer("classes_of_labels", table, persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)
        self.netS = DRN(len(self.labels_of_classes), config.architecture, config.width)
        self.netS.initialise(draws.generator("init.netS"))
        optimizer = SGD(self.netS.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
        every = max(1, round(config.lr_step * config.total_epochs))
        self._optimizers = {"S": optimizer}
        self._schedulers = {"S": LambdaLR(optimizer, lambda done: 0.1 ** (done // every))}

    @property
    def labels_of_classes(self) -> Tensor:
        """The number in a label map for each scored class, (classes,)."""
        numbers = (self.classes_of_labels != UNKNOWN).nonzero()[:, 0]
        return numbers[self.classes_of_labels[numbers].argsort()]

    @classmethod
    def weight_files(cls, config: MethodConfig) -> list[WeightFile]:
        """See `Method.weight_files`."""
        assert isinstance(config, DRNConfig)
        return [_imagenet(config.architecture)] if config.pretrained else []

    def load_pretrained(self, weights: Path) -> None:
        """See `Method.load_pretrained`."""
        if self.config.pretrained:
            _imagenet(self.config.architecture).load(weights, self.netS.load_imagenet)

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        """Update S.

        Args:
            batch: A, label maps (batch, 1 or 2, H, W); B, images (batch, 3, H, W) in [-1, 1].
            drawn: empty.
            phase: not used.

        Returns:
            S, the loss; accuracy, the share of scored pixels whose class was the most probable one.
        """
        classes = self.classes(batch["A"][:, 0].long())
        scored = classes != UNKNOWN
        scores = self.netS(self._normalised(batch["B"]))
        loss = F.nll_loss(scores, classes, ignore_index=UNKNOWN)
        descend(loss, self._optimizers["S"])
        right = (scores.detach().argmax(dim=1) == classes) & scored
        return {"S": loss.detach(), "accuracy": right.sum() / scored.sum()}

    def classes(self, labels: Tensor) -> Tensor:
        """The scored class of each number in label maps, 255 for pixels that count nowhere; any shape, int64."""
        return self.classes_of_labels[labels]

    @torch.no_grad()
    def segment(self, images: Tensor) -> Tensor:
        """The most probable class at each pixel of (batch, 3, H, W) in [-1, 1]: int64 (batch, H, W)."""
        was_training = self.netS.training
        self.netS.eval()
        classes = self.netS(self._normalised(images)).argmax(dim=1)
        self.netS.train(was_training)
        return classes

    def _normalised(self, images: Tensor) -> Tensor:
        return (images * 0.5 + 0.5 - self.mean) / self.std


def _imagenet(architecture: Architecture) -> WeightFile:
    """The official file, whose name carries the beginning of its sha256."""
    name = _IMAGENET[architecture]
    return WeightFile(
        name=name,
        sha256=name.rpartition("-")[2].removesuffix(".pth"),
        purpose=f"{architecture.upper()} pretrained on ImageNet",
        origin=_ORIGIN + name,
    )
