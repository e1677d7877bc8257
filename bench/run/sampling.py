"""From a trained method to the images that are scored or shown, by its task's capability; the one place that quantises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.dataset import DataSet
from bench.data.images import FileImages, ImageSet
from bench.data.transforms import quantise, save_png
from bench.metrics.confusions import classes_seen

if TYPE_CHECKING:
    from bench.plugin.method import Method

Progress = Callable[[int, int], None]
GROUP = 16  # images that are generated together


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
    from bench.data.training_images import evaluation_images  # torch: sheets of finished samples are drawn without it

    inputs = dataset.images(split, "A").subset(indices)
    device = next(method.parameters()).device
    paths = sample_files(folder, inputs.names)
    images = evaluation_images(inputs, method.config.crop_size)
    for done, (path, (_, image)) in enumerate(zip(paths, images, strict=True)):
        progress(done, len(paths))
        if not path.exists():
            save_png(quantise(method.translate(image[None].to(device)))[0], path)
    return FileImages(paths)


def _syntheses(
    method: Any, dataset: DataSet, split: str, indices: Sequence[int], folder: Path, progress: Progress
) -> ImageSet:
    """An image for every label map, one at a time."""
    from bench.data.training_pairs import evaluation_conditions

    device = next(method.parameters()).device
    paths = sample_files(folder, dataset.images(split, "A").subset(indices).names)
    conditions = evaluation_conditions(dataset, split, indices, method.config)
    for done, (path, condition) in enumerate(zip(paths, conditions, strict=True)):
        progress(done, len(paths))
        if not path.exists():
            save_png(quantise(method.synthesize(condition[None].to(device)))[0], path)
    return FileImages(paths)


def generated_files(folder: Path, count: int) -> list[Path]:
    """The PNG of each image that is made from noise: numbered."""
    return [folder / f"{i:06d}.png" for i in range(count)]


def _generations(
    method: Any, dataset: DataSet, split: str, indices: Sequence[int], folder: Path, progress: Progress
) -> ImageSet:
    """As many images as they are compared with, in groups whose noise is the same in every run and at every checkpoint."""
    from bench.base.randomness import Draws

    paths = generated_files(folder, len(indices))
    for first in range(0, len(paths), GROUP):
        progress(first, len(paths))
        group = paths[first : first + GROUP]
        if all(path.exists() for path in group):
            continue
        # the last group is made whole too, so that an image does not depend on how many there are
        images = method.generate(GROUP, Draws(0).at(first // GROUP).generator(f"samples.{split}"))
        for path, pixels in zip(group, quantise(images, nearest=True), strict=False):
            save_png(pixels, path)
    return FileImages(paths)


def _segmentations(
    method: Any, dataset: DataSet, split: str, indices: Sequence[int], folder: Path, progress: Progress
) -> ImageSet:
    """What a segmentation network sees in every real image, in the colours of the data set's label maps."""
    images = dataset.images(split, "B").subset(indices)
    colours = dataset.colours()[method.labels_of_classes.cpu().numpy()]
    paths = sample_files(folder, images.names)
    for done, path in enumerate(paths):
        progress(done, len(paths))
        if not path.exists():
            save_png(colours[classes_seen(method, images.pixels(done))], path)
    return FileImages(paths)


_SAMPLERS: dict[str, Callable[[Any, DataSet, str, Sequence[int], Path, Progress], ImageSet]] = {
    "unpaired_translation": _translations,
    "paired_synthesis": _syntheses,
    "unconditional_generation": _generations,
    "segmentation": _segmentations,
}
