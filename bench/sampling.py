"""From a trained method to the images that are scored, by the capability its task asks for; the one place that quantises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.data.dataset import DataSet, FileImages, ImageSet
from bench.data.loader import evaluation_images
from bench.data.transforms import quantise, save_png
from bench.method import Method

Progress = Callable[[int, int], None]


def sample(
    method: Method,
    dataset: DataSet,
    split: str,
    indices: Sequence[int],
    folder: Path,
    progress: Progress,
) -> ImageSet:
    """Make the images of a split that are scored, as PNG files; what is there already is not made again.

    Args:
        method: trained; its task decides what it is asked for.
        dataset: the run's data.
        split: test or validation.
        indices: which images of the split.
        folder: where the PNG files go; each is complete or absent, so a kill costs one image.
        progress: called with (images done, images in all).

    Returns:
        The images as they were written.
    """
    return _SAMPLERS[method.task](method, dataset, split, indices, folder, progress)


def sample_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """The PNG of each input: named after it, as the originals do, keeping names of sub-folders apart."""
    stems = [Path(name).stem for name in names]
    if len(set(stems)) < len(stems):
        stems = [name.replace("/", "__") for name in names]
    return [folder / f"{stem}.png" for stem in stems]


def _translations(
    method: Any, dataset: DataSet, split: str, indices: Sequence[int], folder: Path, progress: Progress
) -> ImageSet:
    """Every input A translated to B, one at a time as the originals do."""
    inputs = dataset.images(split, "A").subset(indices)
    device = next(method.parameters()).device
    paths = sample_files(folder, inputs.names)
    images = evaluation_images(inputs, method.config.crop_size)
    for done, (path, (_, image)) in enumerate(zip(paths, images, strict=True)):
        progress(done, len(paths))
        if not path.exists():
            save_png(quantise(method.translate(image[None].to(device)))[0], path)
    return FileImages(paths)


_SAMPLERS: dict[str, Callable[[Any, DataSet, str, Sequence[int], Path, Progress], ImageSet]] = {
    "unpaired_translation": _translations,
}
