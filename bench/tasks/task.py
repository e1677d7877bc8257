"""The base class of every task: what a method must do, what it learns from, what is made and compared with what.

Code outside this package never checks which task it has: it calls the task's methods. `load_task` finds one by name.
Tasks import torch where they compute, so that plans and tables, which walk test images too, do without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.base.errors import BenchError, unknown_name
from bench.data.dataset import DataSet
from bench.data.images import FileImages, ImageSet, Resized, evenly_spaced
from bench.data.transforms import save_png
from bench.metrics.scored_images import GeneratorView
from bench.plugin.discovery import find_plugin, is_usable, load_plugin, plugins
from bench.plugin.named import NotNamed
from bench.schema.run_spec import RunSpec
from bench.schema.scoring_plan import Split
from bench.tasks.wishes import Sides, Wishes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.base.randomness import Draws
    from bench.data.training_images import TrainingBatches

Progress = Callable[[int, int], None]
Function = tuple[
    Callable[..., "Tensor"], dict[str, "Tensor"]
]  # of tensors alone, and an example of each of them by name
ON_GPU = 16  # inputs that are walked together there, where one image leaves most of the device idle
EXAMPLES = 2  # images that conformance asks a method for


@dataclass(frozen=True)
class Selection:
    """Which images of a split are made and scored.

    Attributes:
        split: test or validation.
        side: of training crops in pixels; images made of noise have it, and so what they are compared with.
        count: evenly spaced images of each stream; None: all.
        outputs_per_input: different images made of each input.
    """

    split: Split
    side: int
    count: int | None = None
    outputs_per_input: int = 1

    @classmethod
    def of_run(cls, spec: RunSpec, split: Split) -> Selection:
        """What a run's scoring plan selects."""
        plan = spec.evaluation
        return cls(split, int(spec.config["crop_size"]), plan.image_count(split), plan.outputs_per_input)

    def images(self, dataset: DataSet, stream: str) -> ImageSet:
        """The selected images of a stream."""
        images = dataset.images(self.split, stream)
        return images.subset(evenly_spaced(len(images), self.count))


@dataclass(frozen=True)
class Group:
    """Images that are made and scored together: all of a split, or those from one domain to another.

    Attributes:
        name: of the group in scores; empty where there is only one.
        split: test or validation.
        indices: of the inputs in their split.
        given: the inputs; where images are made of noise, the real images, which sheets show in their place.
        files: what is made, below the folder of samples: `outputs_per_input` files for each input in turn.
        real: what the made images are compared with.
        truth: what files[i] should show; None where that is not known.
        target: the stream that `real` is of.
        outputs_per_input: how many different images are made of each input.
        exemplars: the one picture whose look files[i] should take; None where that is a whole domain's.
        seed: of what is drawn for outputs; 0 for a run's own samples.
        sides: how large inputs are put in; None: as test images are.
        backward: whether it is the other way round, from B to A.
    """

    name: str
    split: Split
    indices: Sequence[int]
    given: ImageSet
    files: Sequence[str]
    real: ImageSet
    truth: ImageSet | None = None
    target: str = "B"
    outputs_per_input: int = 1
    exemplars: ImageSet | None = None
    seed: int = 0
    sides: Sides | None = None
    backward: bool = False

    def made(self, folder: Path) -> FileImages:
        """The images as they were written into the folder of samples."""
        return FileImages([folder / file for file in self.files])

    def inputs(self, outputs: range) -> ImageSet:
        """The input that each of some outputs is made of."""
        return self.given.subset([i // self.outputs_per_input for i in outputs])


class Task(ABC):
    """One thing that methods are trained to do. The defaults here are those of translation from stream A to stream B.

    Attributes:
        name, verb: literals, read without importing the file; the verb is the method's function that makes images.
        capability: the Protocol class that has the verb, with its shapes.
        given, exemplar, truth: what sheets call the inputs, the pictures whose look outputs take, and what they should be.
        segments: whether a method makes class maps, so that it is scored by what it sees in real images itself.
        several_outputs: whether a method makes different images of one input.
        layouts: in which images of the user's are read for it, by the names in bench/data/layouts.py, the likeliest first.
        pattern: the protocol whose recipe, metrics and scales those for the user's images are made of.
        of_images: whether images are made of images, and not of noise.
    """

    name: ClassVar[str]
    verb: ClassVar[str]
    capability: ClassVar[type]
    given: ClassVar[str] = "input A"
    exemplar: ClassVar[str] = "target B"
    truth: ClassVar[str] = "truth B"
    segments: ClassVar[bool] = False
    several_outputs: ClassVar[bool] = False
    layouts: ClassVar[tuple[str, ...]] = ("pairs", "two-folders", "side-by-side")
    pattern: ClassVar[str] = "earth-relief2sat"
    of_images: ClassVar[bool] = True

    # training

    def batches(
        self, dataset: DataSet, method: Any, draws: Draws, cache: Path, device: torch.device | str
    ) -> TrainingBatches:
        """The training batches of a run.

        Args:
            dataset: the run's data.
            method: its `streams` and `config` say what is wanted.
            draws: gives the seed.
            cache: folder for resized images.
            device: where batches go.

        Raises:
            BenchError: if the data does not give what the method reads.
        """
        from bench.data.training_images import TrainingImages

        return TrainingImages(dataset, method.streams, method.config, draws, cache, device)

    def epoch_length(self, dataset: DataSet) -> int:
        """Items in an epoch, where the method's configuration does not say."""
        return max(dataset.count("train", stream) for stream in dataset.streams)

    def settings_of(self, dataset: DataSet) -> dict[str, Any]:
        """Settings of methods that follow from the images: the number of domains, say; at every scale."""
        return {}

    # test images

    def groups(self, dataset: DataSet, selection: Selection) -> list[Group]:
        """The images that are made of a split, and what they are compared with. There is at least one group.

        Args:
            dataset: the run's data.
            selection: which images of it.
        """
        given, real = selection.images(dataset, "A"), selection.images(dataset, "B")
        truth = real if dataset.aligned(selection.split) else None
        indices = evenly_spaced(len(dataset.images(selection.split, "A")), selection.count)
        return [Group("", selection.split, indices, given, output_files(given.names), real, truth)]

    def sample(self, method: Any, dataset: DataSet, groups: Sequence[Group], folder: Path, progress: Progress) -> None:
        """Make the images of all groups, as PNG files; what is there already is not made again.

        Args:
            method: trained.
            dataset: the run's data.
            groups: from `groups`.
            folder: where the files go; each is complete or absent, so that a kill costs few images.
            progress: called with (images done, images in all).
        """
        total, before = sum(len(group.files) for group in groups), 0
        together = self.together(method)
        for group in groups:
            for first in range(0, len(group.files), together):
                progress(before + first, total)
                outputs = range(first, min(first + together, len(group.files)))
                paths = [folder / group.files[i] for i in outputs]
                if not all(path.exists() for path in paths):
                    made = self.make(method, dataset, group, outputs)
                    for path, pixels in zip(paths, made, strict=True):
                        save_png(pixels, path)
            before += len(group.files)

    def together(self, method: Any) -> int:
        """How many images are made in one call: one on a CPU, as the originals do."""
        return ON_GPU if next(method.parameters()).is_cuda else 1

    @abstractmethod
    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """Make some of a group's images; which others are made in the same call changes nothing but rounding.

        Args:
            method: trained.
            dataset: the run's data.
            group: one of `groups`.
            outputs: which of its files.

        Returns:
            uint8 (H, W, 3) for each.
        """

    def compared(self, group: Group, fake: ImageSet) -> tuple[ImageSet, ImageSet | None]:
        """The images that metrics take for the method's, and their truth at the same size.

        Args:
            group: one of `groups`.
            fake: the images that were made of it.
        """
        return fake, None if group.truth is None else Resized(group.truth, fake.image(0).size)

    def as_scored(self, images: ImageSet) -> ImageSet:
        """Images of any program as metrics take them: as they are."""
        return images

    def generator(self, method: Any, dataset: DataSet, group: Group) -> GeneratorView | str:
        """The method with its noise in the hands of a metric, or why that cannot be."""
        return f"{self.name} makes one image of each input, and no noise that could be chosen"

    # images of somebody's own

    def own_groups(self, method: Any, dataset: DataSet, wishes: Wishes) -> list[Group]:
        """What is made of images that belong to no data set, or of noise, as somebody asks.

        Args:
            method: trained.
            dataset: with their images as the test images of each of its streams.
            wishes: what they ask for.

        Raises:
            UsageError: the task or the method leaves no such choice.
        """
        wishes.require_only(f"task {self.name}")
        images = dataset.images("test", dataset.streams[0])
        return [Group("", "test", range(len(images)), images, output_files(images.names), images)]

    def preparation(self, config: Any) -> str:
        """How an image becomes what the method takes, and what it makes becomes an image, in words.

        Args:
            config: of the method.
        """
        height, width = self.size(config)
        return (
            f"RGB resized to {width}x{height} pixels with PIL's bicubic filter, whatever its aspect ratio, and scaled to "
            "[-1, 1]; what is made lies in [-1, 1] and becomes bytes by (x + 1) / 2 * 255, cut off"
        )

    def as_function(self, method: Any) -> Function:
        """What makes images, as a function of tensors alone, with examples of them; for programs of other formats."""
        return getattr(method, self.verb), {"images": self.example_input(method.config, "A")[:1]}

    # images that another program made

    def expected_files(self, group: Group) -> Sequence[str]:
        """The names by which images of another program are matched with the inputs; empty if there is nothing to match."""
        return group.files

    def expected_side(self, side: int) -> int | None:
        """Side of the images in pixels, given that of training crops; None where they are no squares."""
        return side

    # examples, for conformance and for timing a step

    def size(self, config: Any) -> tuple[int, int]:
        """(height, width) of images in pixels."""
        return config.crop_size, config.crop_size

    def example_batch(self, config: Any, streams: Sequence[str], draws: Draws) -> dict[str, Tensor]:
        """A training batch of noise, without a data set.

        Args:
            config: of the method.
            streams: the entries that the method reads.
            draws: at the batch's step.
        """
        shape = (config.batch_size, 3, *self.size(config))
        return {stream: draws.normal(f"conformance.{stream}", shape).tanh() for stream in streams}

    def example_input(self, config: Any, stream: str) -> Tensor:
        """The first image of that stream in each of as many example batches as there are examples."""
        import torch

        from bench.base.randomness import Draws

        first = [self.example_batch(config, (stream,), Draws(0).at(step))[stream][:1] for step in range(EXAMPLES)]
        return torch.cat(first)

    def example_output(self, method: Any) -> Any:
        """What a method makes of as many examples as there are: by the capability, a tensor.

        Raises:
            BenchError: if the method lacks the verb.
        """
        if not callable(getattr(method, self.verb, None)):
            raise BenchError(f"task {self.name} needs a method {self.verb}()")
        return self.make_examples(method)

    def make_examples(self, method: Any) -> Any:
        """Call the verb on examples."""
        return getattr(method, self.verb)(self.example_input(method.config, "A"))

    def problem(self, output: Tensor, config: Any) -> str | None:
        """What is wrong with the output for the examples: its shape or its range; None if nothing is.

        Args:
            output: from `example_output`.
            config: of the method.
        """
        if wrong := wrong_shape(output, (EXAMPLES, 3, *self.size(config))):
            return wrong
        low, high = float(output.min()), float(output.max())
        return None if -1 <= low <= high <= 1 else f"the output spans [{low:.3g}, {high:.3g}]; images lie in [-1, 1]"


def wrong_shape(output: Tensor, expected: tuple[int, ...]) -> str | None:
    """Say that the output for the examples has another shape than expected; None if it does not."""
    shape = tuple(output.shape)
    return None if shape == expected else f"the output for two images must have the shape {expected}, not {shape}"


def output_files(inputs: Sequence[str], outputs_per_input: int = 1) -> list[str]:
    """The PNG names of what is made of inputs: named after them, keeping names of sub-folders apart.

    Args:
        inputs: names of the inputs.
        outputs_per_input: if there are several, each name ends in its number, from 1 as StarGAN v2's program counts.
    """
    stems = [Path(name).stem for name in inputs]
    if len(set(stems)) < len(stems):
        stems = [name.replace("/", "__") for name in inputs]
    if outputs_per_input == 1:
        return [f"{stem}.png" for stem in stems]
    return [f"{stem}_{number + 1:02d}.png" for stem in stems for number in range(outputs_per_input)]


@cache
def load_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: if there is none.
        BenchError: if another package's task fails on import.
    """
    loaded: type[Task] = load_plugin("task", name, Task)
    return loaded()


def task_of(spec: RunSpec) -> Task:
    """The task of a run's method, as its record says; the method's file is not run for it.

    Raises:
        UsageError: if an older record does not say it, and the method is a file that was not named here, or is unknown.
    """
    name = spec.task
    if not name:
        if not is_usable("method", spec.method):
            raise NotNamed("method", spec.method)
        name = str(find_plugin("method", spec.method).literals.get("task"))
    if name not in plugins("task"):
        raise unknown_name("task", name, plugins("task"))
    return load_task(name)
