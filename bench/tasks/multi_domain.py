"""Translation between several domains in many styles, scored for each ordered pair of domains.

Source: clovaai/stargan-v2 875b70a, metrics/eval.py. What is not done here: styles taken from reference images, and FID
against training images; both are the released program's, the first as a second evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.dataset import DataSet
from bench.data.enlarged_crops import enlarged
from bench.data.images import ImageSet, evenly_spaced
from bench.data.transforms import quantise, to_tensor
from bench.metrics.scored_images import GeneratorView
from bench.plugin.capabilities import MultiDomainTranslator
from bench.tasks.task import EXAMPLES, Function, Group, Selection, Task, output_files
from bench.tasks.wishes import Wishes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.base.randomness import Draws
    from bench.data.training_images import TrainingBatches


class MultiDomainTranslation(Task):
    """Every test image of each domain is translated to every other domain, in as many styles as outputs are wanted.

    A group is an ordered pair of domains; its real images are the test images of the target. The style of an output is
    drawn by its split, its pair, its input's number and its own number, so it is the same in every run.
    """

    name = "multi_domain_translation"
    verb = "translate"
    capability = MultiDomainTranslator
    given = "input"
    several_outputs = True
    layouts = ("many-folders",)

    def batches(
        self, dataset: DataSet, method: Any, draws: Draws, cache: Path, device: torch.device | str
    ) -> TrainingBatches:
        """See `Task.batches`."""
        from bench.data.training_domains import TrainingDomains

        return TrainingDomains(dataset, method.streams, method.config, draws, cache, device)

    def epoch_length(self, dataset: DataSet) -> int:
        """See `Task.epoch_length`: every image of every domain."""
        return sum(dataset.count("train", domain) for domain in dataset.streams)

    def settings_of(self, dataset: DataSet) -> dict[str, Any]:
        """See `Task.settings_of`."""
        return {"num_domains": len(dataset.streams)}

    def groups(self, dataset: DataSet, selection: Selection) -> list[Group]:
        """See `Task.groups`: one for each ordered pair of domains."""
        chosen = {domain: selection.images(dataset, domain) for domain in dataset.streams}
        return [self._pair(dataset, selection, chosen, *pair) for pair in permutations(dataset.streams, 2)]

    def _pair(
        self, dataset: DataSet, selection: Selection, chosen: dict[str, ImageSet], source: str, target: str
    ) -> Group:
        name, given = f"{source}-to-{target}", chosen[source]
        return Group(
            name=name,
            split=selection.split,
            indices=evenly_spaced(len(dataset.images(selection.split, source)), selection.count),
            given=given,
            files=[f"{name}/{file}" for file in output_files(given.names, selection.outputs_per_input)],
            real=chosen[target],
            target=target,
            outputs_per_input=selection.outputs_per_input,
        )

    def make(self, method: Any, dataset: DataSet, group: Group, outputs: range) -> Sequence[np.ndarray]:
        """See `Task.make`."""
        import torch

        device = next(method.parameters()).device
        images = _inputs(group.inputs(outputs), method.config.crop_size).to(device)
        domain = _target(dataset, group, len(outputs), device)
        latents = torch.cat([method.latents(1, _style_stream(group, i)) for i in outputs])
        made = method.translate(images, domain, method.styles(latents, domain))
        return list(quantise(made, nearest=True))

    def generator(self, method: Any, dataset: DataSet, group: Group) -> GeneratorView | str:
        """See `Task.generator`; its codes are styles of the group's target domain."""
        return _Styles(method, dataset, group)

    def own_groups(self, method: Any, dataset: DataSet, wishes: Wishes) -> list[Group]:
        """See `Task.own_groups`: nobody says which domain an image is of, so it is translated to each, in its folder."""
        wishes.require_only(f"task {self.name}", "styles", "seed")
        images, styles = dataset.images("test", dataset.streams[0]), wishes.styles or 1
        files = output_files(images.names, styles)
        return [
            Group(
                domain, "test", range(len(images)), images, [f"{domain}/{file}" for file in files], images,
                target=domain, outputs_per_input=styles, seed=wishes.seed,
            )
            for domain in dataset.streams
        ]  # fmt: skip

    def preparation(self, config: Any) -> str:
        """See `Task.preparation`."""
        return super().preparation(config).replace("cut off", "rounded to the nearest")

    def as_function(self, method: Any) -> Function:
        """See `Task.as_function`; of images, domains and style codes."""
        import torch

        domain = torch.zeros(1, dtype=torch.int64)
        style = method.styles(method.latents(1, torch.Generator().manual_seed(0)), domain)
        images = self.example_input(method.config, "x_src")[:1]
        return method.translate, {"images": images, "domain": domain, "style": style}

    def example_batch(self, config: Any, streams: Sequence[str], draws: Draws) -> dict[str, Tensor]:
        """A training batch of noise images x_* and random domains y_*."""
        import torch

        images = super().example_batch(config, [stream for stream in streams if stream.startswith("x")], draws)
        domains = {
            stream: torch.from_numpy(
                draws.stream(f"conformance.{stream}").integers(config.num_domains, size=config.batch_size)
            )
            for stream in streams
            if stream.startswith("y")
        }
        return images | domains

    def make_examples(self, method: Any) -> Any:
        """Two noise images, in two styles of domain 0."""
        import torch

        domain = torch.zeros(EXAMPLES, dtype=torch.int64)
        styles = method.styles(method.latents(EXAMPLES, torch.Generator().manual_seed(0)), domain)
        return method.translate(self.example_input(method.config, "x_src"), domain, styles)


def _inputs(images: ImageSet, side: int) -> Tensor:
    """Inputs (batch, 3, side, side) in [-1, 1]: resized by the bilinear filter, as StarGAN v2's evaluation does."""
    return to_tensor(np.stack([enlarged(images.image(i), None, side) for i in range(len(images))]))


def _target(dataset: DataSet, group: Group, count: int, device: torch.device) -> Tensor:
    """The target domain's label for each of so many images."""
    import torch

    return torch.full((count,), dataset.streams.index(group.target), dtype=torch.int64, device=device)


def _style_stream(group: Group, output: int) -> torch.Generator:
    """The stream of one output's style."""
    from bench.base.randomness import Draws

    place, number = divmod(output, group.outputs_per_input)
    return Draws(group.seed).at(group.indices[place]).generator(f"samples.{group.split}.{group.name}.{number}")


class _Styles(GeneratorView):
    def __init__(self, method: Any, dataset: DataSet, group: Group) -> None:
        self.inputs = len(group.given)
        self._method, self._dataset, self._group = method, dataset, group
        self._device = next(method.parameters()).device

    def codes(self, n: int, stream: torch.Generator) -> Tensor:
        import torch

        domain = _target(self._dataset, self._group, n, self._device)
        with torch.no_grad():
            styles: Tensor = self._method.styles(self._method.latents(n, stream), domain)
        return styles

    def images(self, codes: Tensor, noise: torch.Generator, index: int = 0) -> Tensor:
        import torch

        (image,) = _inputs(self._group.given.subset([index]), self._method.config.crop_size)
        images = image.expand(len(codes), *image.shape).to(self._device)
        domain = _target(self._dataset, self._group, len(codes), self._device)
        with torch.no_grad():
            made: Tensor = self._method.translate(images, domain, codes)
        return made
