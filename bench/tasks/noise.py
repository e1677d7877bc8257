"""Image generation from noise, with nothing given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.base.errors import UsageError
from bench.data.dataset import DataSet
from bench.data.images import FileImages, Resized, evenly_spaced
from bench.data.transforms import quantise
from bench.metrics.scored_images import GeneratorView
from bench.plugin.capabilities import Generator, LatentGenerator
from bench.tasks.task import EXAMPLES, Function, Group, Selection, Task
from bench.tasks.wishes import Wishes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GROUP = 16  # images that are generated together, on every device: they share a stream


class UnconditionalGeneration(Task):
    """As many images are made as they are compared with, from the same noise in every run and at every checkpoint."""

    name = "unconditional_generation"
    verb = "generate"
    capability = Generator
    given = "real images"
    layouts = ("one-folder",)
    pattern = "earth-sat"
    of_images = False

    def groups(self, dataset: DataSet, selection: Selection) -> list[Group]:
        """See `Task.groups`; files are numbered, and real images are brought to the size of training."""
        real = selection.images(dataset, "B")
        indices = evenly_spaced(len(dataset.images(selection.split, "B")), selection.count)
        files = [f"{i:06d}.png" for i in range(len(real))]
        return [Group("", selection.split, indices, real, files, Resized(real, selection.side))]

    def together(self, method: Any) -> int:
        """See `Task.together`."""
        return GROUP

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        from bench.base.randomness import Draws

        # a last, smaller group is made whole too, so that an image does not depend on how many there are
        stream = Draws(group.seed).at(outputs.start // GROUP).generator(f"samples.{group.split}")
        return list(quantise(method.generate(GROUP, stream), nearest=True))[: len(outputs)]

    def generator(self, method: Any, dataset: DataSet, group: Group) -> GeneratorView | str:
        """See `Task.generator`."""
        if not isinstance(method, LatentGenerator):
            return f"method {type(method).__name__} does not say how it makes images of given latent vectors"
        return _FromLatents(method)

    def own_groups(self, method: Any, dataset: DataSet, wishes: Wishes) -> list[Group]:
        """See `Task.own_groups`; as many as are asked for, numbered."""
        wishes.require_only(f"task {self.name}", "count", "seed")
        if wishes.count is None:
            raise UsageError(f"task {self.name} makes images of noise alone; say how many with --count N")
        files, none = [f"{i:06d}.png" for i in range(wishes.count)], FileImages([])
        return [Group("", "test", range(wishes.count), none, files, none, seed=wishes.seed)]

    def preparation(self, config: Any) -> str:
        """See `Task.preparation`."""
        return (
            "nothing is put in but drawn latent vectors; what is made lies in [-1, 1] and becomes bytes by "
            "(x + 1) / 2 * 255, rounded to the nearest"
        )

    def as_function(self, method: Any) -> Function:
        """See `Task.as_function`; of latent vectors, with the same noise in every call, if the method takes them."""
        import torch

        if not isinstance(method, LatentGenerator):
            return lambda: method.generate(1, torch.Generator().manual_seed(0)), {}
        latents = method.latents(1, torch.Generator().manual_seed(0))
        return lambda given: method.images(given, torch.Generator().manual_seed(1)), {"latents": latents}

    def expected_files(self, group: Group) -> Sequence[str]:
        """Nothing: there are no inputs."""
        return ()

    def make_examples(self, method: Any) -> Any:
        """Images of two noise vectors."""
        import torch

        return method.generate(EXAMPLES, torch.Generator().manual_seed(0))


class _FromLatents(GeneratorView):
    def __init__(self, method: LatentGenerator) -> None:
        self._method = method

    def codes(self, n: int, stream: torch.Generator) -> Tensor:
        return self._method.latents(n, stream)

    def images(self, codes: Tensor, noise: torch.Generator, index: int = 0) -> Tensor:
        return self._method.images(codes, noise)
