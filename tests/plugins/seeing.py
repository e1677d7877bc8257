"""A toy that writes down where and when each of its steps is made: one JSON object a line."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from toy import Toy  # beside this file

from bench.base.randomness import Draws
from bench.plugin.method import StepContext


class Sees(Toy):
    """Appends a line when a step is drawn, which is just before it is made."""

    name = "sees"
    task = "unpaired_translation"

    class Config(Toy.Config):
        notes: str = Field("", description="file that the lines go to")

    def __init__(self, config: Any, draws: Draws) -> None:
        super().__init__(config, draws)
        self.seed = draws.seed

    def draw(self, context: StepContext) -> dict[str, Tensor]:
        seen = {
            "run": [self.name, self.seed],
            "pid": os.getpid(),
            "step": context.step,
            "time": time.time(),
            "card": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "tf32": [torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32],
        }
        with Path(self.config.notes).open("a", encoding="utf-8") as file:  # one write: lines of processes do not mix
            file.write(json.dumps(seen) + "\n")
        return super().draw(context)


class SeesToo(Sees):
    """The same under another name, to be compared with."""

    name = "sees-too"
    task = "unpaired_translation"
