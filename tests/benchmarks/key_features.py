"""CUT with key features tapped from the pass that made the fake, against a second pass, in turns in one process."""

import statistics
import time

import torch

from bench.base.randomness import Draws
from bench.checks.conformance.subject import Subject
from bench.plugin.discovery import load_method
from bench.plugin.method import StepContext


def run(size: int = 64, width: int = 64, steps: int = 8) -> dict[str, float]:
    """Median seconds per step of both, and how many times faster tapping is; one thread.

    Args:
        size: side of the images in pixels.
        width: filters of the first convolutions.
        steps: of each, after one that warms up.
    """
    torch.set_num_threads(1)
    cut = load_method("cut")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    subjects = {
        tap: Subject(cut, cut.Config(ngf=width, ndf=width, load_size=size, crop_size=size, tap_key_features=tap))
        for tap in seconds
    }
    methods = {tap: cut(subject.config, Draws(0)) for tap, subject in subjects.items()}
    for step in range(steps + 1):
        for tap in (True, False) if step % 2 else (False, True):
            batch = subjects[tap].batch(methods[tap].streams, step)
            context = StepContext(step, 1, steps + 1, 1, Draws(0).at(step))
            started = time.perf_counter()
            methods[tap].training_step(batch, context)
            seconds[tap].append(time.perf_counter() - started)
    tapped, apart = (statistics.median(seconds[tap][1:]) for tap in (True, False))
    return {
        "size": size,
        "width": width,
        "seconds_tapped": tapped,
        "seconds_second_pass": apart,
        "times_faster": apart / tapped,
    }
