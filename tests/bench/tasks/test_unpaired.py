from types import SimpleNamespace

import numpy as np
import torch

from bench.data.images import ImageSet
from bench.tasks.task import Group
from bench.tasks.unpaired import UnpairedTranslation


class Grey(ImageSet):
    def __init__(self, names=tuple(f"{i}.png" for i in range(5))) -> None:
        self.names = list(names)

    def pixels(self, i: int) -> np.ndarray:
        return np.full((8, 8, 3), 100, np.uint8)

    def subset(self, indices):
        return Grey([self.names[i] for i in indices])


class Styled(torch.nn.Module):
    """Adds a style to every pixel."""

    config = SimpleNamespace(crop_size=8)

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def latents(self, n, stream):
        return torch.randn(n, 3, 1, 1, generator=stream) / 5

    def translate(self, images, style=None):
        return images + (0 if style is None else style)


def make(indices, outputs):
    given = Grey().subset(indices)
    group = Group("", "test", indices, given, list(given.names), given)
    made = UnpairedTranslation().make(Styled(), None, group, outputs)
    return [tuple(pixels[0, 0].tolist()) for pixels in made]


def test_every_image_has_a_style_of_its_own_whatever_is_made_beside_it() -> None:
    whole = make([0, 1, 2, 3, 4], range(5))
    assert len(set(whole)) == 5
    assert [make([0, 1, 2, 3, 4], range(i, i + 1))[0] for i in range(5)] == whole
    assert make([1, 3], range(2)) == [whole[1], whole[3]]
