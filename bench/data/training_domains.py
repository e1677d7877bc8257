"""Training batches of several domains: source images with their domains, and reference images of target domains.

Source: clovaai/stargan-v2 875b70a, core/data_loader.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.enlarged_crops import draw_box, enlarged
from bench.data.resized_cache import resized_images
from bench.data.training_images import TrainingBatches
from bench.plugin.config import MethodConfig, MultiDomainConfig

ENTRIES = ("x_src", "y_src", "x_ref", "x_ref2", "y_ref")


class TrainingDomains(TrainingBatches):
    """The training batches of one run on several domains.

    The entries are called as in StarGAN v2's program:

    * x_src, y_src: images and their domains;
    * x_ref, y_ref: reference images and their domains, drawn independently of the sources; y_ref are the target domains;
    * x_ref2: a second reference of the same domain, the partner of x_ref: one random permutation of each domain, drawn
      once for the whole run, says which image is whose partner.

    Images x_* are float32 (batch, 3, crop, crop) in [-1, 1]; domains y_* are int64 (batch,), places among the data
    set's streams. Every item draws a domain uniformly, then an image of it uniformly, both with replacement: StarGAN
    v2's class-balanced sampling. An epoch is as many items as there are images. Each image has its own crop and flip, as in
    its program if `randcrop_prob` is set (bench/data/enlarged_crops.py).

    Args:
        dataset: its streams are the domains; training images come from its split `train`.
        entries: which of the entries a batch holds.
        config: length, batch, jitter and number of domains.
        draws: gives seed and rank; its own step is left alone.
        cache: folder for resized images.
        device: where batches go.

    Raises:
        BenchError: for an entry there is not, a method of another number of domains, an epoch shorter than a batch, or
            crops larger than the images.
    """

    config: MultiDomainConfig

    def __init__(
        self,
        dataset: DataSet,
        entries: tuple[str, ...],
        config: MethodConfig,
        draws: Draws,
        cache: Path,
        device: torch.device | str,
    ) -> None:
        if unknown := sorted(set(entries) - set(ENTRIES)):
            raise BenchError(f"no batch entry '{unknown[0]}' of several domains; there are {', '.join(ENTRIES)}")
        domains = dataset.streams
        if not isinstance(config, MultiDomainConfig) or config.num_domains != len(domains):
            names = ", ".join(domains)
            raise BenchError(
                f"data set {dataset.name} has {len(domains)} domains ({names}); set num_domains to {len(domains)}"
            )
        self._sizes = np.array([len(dataset.images("train", domain)) for domain in domains])
        super().__init__(config, draws, int(self._sizes.sum()), device)
        self.entries = entries
        self._images = [dataset.images("train", domain) for domain in domains]
        self._read: Callable[[int, int], Callable[[int], np.ndarray]] = lru_cache(maxsize=None)(
            lambda label, size: resized_images(dataset, "train", domains[label], size, cache)
        )
        run_draws = Draws(draws.seed, draws.rank).at(0)
        self._partners = [
            run_draws.permutation(f"data.partner.{label}", size).numpy()
            for label, size in enumerate(self._sizes.tolist())
        ]

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch of a 0-based step, on the device."""
        draws = self._draws.at(step)
        y_src, ids_src = self._drawn(draws, "src")
        y_ref, ids_ref = self._drawn(draws, "ref")
        partners = [self._partners[label][i] for label, i in zip(y_ref, ids_ref, strict=True)]
        labels = {"y_src": y_src, "y_ref": y_ref}
        images = {"x_src": (y_src, ids_src), "x_ref": (y_ref, ids_ref), "x_ref2": (y_ref, partners)}
        side = self._side(step)
        tensors = {}
        for entry in self.entries:
            if entry in labels:
                tensors[entry] = torch.tensor(labels[entry], dtype=torch.int64).to(self.device, non_blocking=True)
            else:
                tensors[entry] = self._cut(draws, entry, list(zip(*images[entry], strict=True)), side)
        return tensors

    def _cut(self, draws: Draws, entry: str, images: list[tuple[int, int]], side: int) -> Tensor:
        """Crop and flip the images (domain, number) of an entry."""
        prob, crop = self.config.randcrop_prob, self.config.crop_size
        if prob is None:
            return self._cropped(draws, entry, [self._read(label, side)(int(i)) for label, i in images], side)
        rng, squares = draws.stream(f"data.{entry}.box"), []
        for label, i in images:
            image = self._images[label].image(int(i))
            squares.append(enlarged(image, draw_box(rng, *image.size) if rng.random() < prob else None, crop))
        return self._cropped(draws, entry, squares, crop)

    def _drawn(self, draws: Draws, kind: str) -> tuple[list[int], list[int]]:
        """Domains and images within them."""
        labels = draws.stream(f"data.{kind}.domain").integers(len(self._sizes), size=self.config.batch_size)
        return labels.tolist(), draws.stream(f"data.{kind}").integers(self._sizes[labels]).tolist()
