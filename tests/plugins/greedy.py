"""Toys whose card's memory is too small for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from seeing import Sees  # beside this file
from torch import Tensor

from bench.plugin.method import StepContext

SAID = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 39.39 GiB of which 1.25 GiB is free. "
    "Including non-PyTorch memory, this process has 38.10 GiB memory in use. See documentation for Memory Management"
)


class Greedy(Sees):
    """Finds its memory full in its third step, as often as its file has room for."""

    name = "greedy"
    task = "unpaired_translation"

    class Config(Sees.Config):
        times: int = Field(1, description="how often it fails")

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        drawn: Any = super().draw(context)
        failures = Path(self.config.notes).with_suffix(".failures")
        if context.step == 2 and (failures.stat().st_size if failures.exists() else 0) < self.config.times:
            with failures.open("a") as file:
                file.write("x")
            raise torch.OutOfMemoryError(SAID)
        return drawn
