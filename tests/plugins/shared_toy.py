"""The toy method as one that several ranks make steps of together."""

from __future__ import annotations

import time
from collections.abc import Mapping

from torch import Tensor
from toy import Toy, ToyConfig  # beside this file

from bench.base import collective


class SharedToy(Toy):
    """Matches the colour of the whole batch, whichever ranks hold its parts."""

    name = "shared-toy"
    task = "unpaired_translation"
    across_ranks = True

    class Config(ToyConfig):
        batch_size: int = 2

    def step(self, batch: dict[str, Tensor], drawn: Mapping[str, Tensor], phase: str) -> dict[str, Tensor]:
        time.sleep(self.config.stall)
        colour = collective.mean(self.netG(batch["A"]).mean((0, 2, 3)))
        target = collective.mean(batch["B"].mean((0, 2, 3)))
        loss = ((colour - target + 0.01 * drawn["noise"]) ** 2).sum()
        if phase == "explode" and collective.rank() == 1:
            raise RuntimeError("this rank explodes")
        self._optimizers["G"].zero_grad()
        loss.backward()
        collective.average_gradients(self._optimizers["G"])
        self._optimizers["G"].step()
        self.average.lerp_(colour.detach(), 0.1)
        return {"G": loss.detach()}
