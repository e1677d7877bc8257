"""What methods have in common whose discriminators are shown generated images out of pools."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from bench.method import Method, StepContext
from methods.networks.image_pool import ImagePool


class PooledMethod(Method):
    """While the pools of generated images fill, a step is in the phase `filling`, then in `full`."""

    eager_phases: ClassVar[frozenset[str]] = frozenset({"filling"})  # the pools grow

    @property
    @abstractmethod
    def _pools(self) -> dict[str, ImagePool]:
        """Every pool that is used, by what its draws are called, in the order in which they are drawn; all of one size."""

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        """What the pools do with the images: `NAME.exchange` and `NAME.place` of one pool after the other."""
        drawn: dict[str, Tensor] = {}
        for name, pool in self._pools.items():
            drawn |= pool.draw(context.draw, name, context.step, context.shapes["A"][0])
        return drawn

    def phase(self, context: StepContext, drawn: Mapping[str, Tensor]) -> str:
        """`filling` or `full`."""
        room = any(pool.fills(context.step, context.shapes["A"][0]) for pool in self._pools.values())
        return "filling" if room else "full"

    def _shown(self, name: str, images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        """What a pool hands out for images (batch, 3, H, W) that are put into it."""
        return self._pools[name](images, drawn[f"{name}.exchange"], drawn[f"{name}.place"])
