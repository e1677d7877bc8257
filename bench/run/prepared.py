"""What every process of a run opens and builds before its first step: the data set, the method, the training batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench.base.device import require
from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.precision import prepare
from bench.base.randomness import Draws
from bench.data.dataset import DataSet
from bench.data.opening import open_dataset
from bench.data.training_images import TrainingBatches
from bench.plugin.method import Method
from bench.run.restore import build_method, restore_method
from bench.schema.run_spec import RunSpec
from bench.tasks.task import load_task


@dataclass(frozen=True)
class Prepared:
    """A run before its first step, on its device.

    Attributes:
        dataset: the one of when the run was planned.
        method: with the runs that it needs.
        images: its training batches.
    """

    home: Home
    dataset: DataSet
    method: Method
    images: TrainingBatches

    def begin(self) -> None:
        """What comes before the first step of a run, and not where it goes on: official weights, and measuring."""
        device = next(self.method.parameters()).device
        self.method.load_pretrained(self.home.weights)
        self.method.to(device)
        self.method.measure(self.images.batch(step) for step in range(self.images.steps_per_epoch))


def prepared(home: Home, spec: RunSpec) -> Prepared:
    """Set this process's arithmetic and make a run ready.

    Raises:
        NotAvailable: the device or the data are not on this machine.
        BenchError: the data set has changed since the run was planned.
    """
    torch.set_num_threads(spec.threads)
    device = torch.device(require(spec.device))
    prepare(spec.device, spec.precision)
    dataset = open_dataset(spec.data, home.datasets, home.cache)
    if dataset.fingerprint() != spec.fingerprint:
        raise BenchError(
            f"the pixels of data set {dataset.name} changed since this run was planned; put its files back to go on with "
            "it, or give the command again, which plans other runs with what is there"
        )
    method: Method = build_method(spec)
    for role, needed in spec.needs.items():
        method.receive(role, restore_method(home, needed, whole=True).to(device))
    method = method.to(device)
    images = load_task(method.task).batches(dataset, method, Draws(spec.seed), home.cache, device)
    return Prepared(home, dataset, method, images)
