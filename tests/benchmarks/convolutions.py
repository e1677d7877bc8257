"""What of a training step is convolution, how fast it runs against a matrix product, and whether one is done twice.

On a CPU the convolutions of oneDNN are nine tenths of a step, so their number and their rate are the bound that a step can
reach. Each method is measured in a process of its own: `python -m tests.benchmarks.convolutions SIZE STEPS METHOD` prints
a line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from bench.plugin.method import Method

# published networks at batch 1; applied where a method has the field
SETTINGS = {"ngf": 64, "ndf": 64, "batch_size": 1, "aspect_ratio": 1.0, "n_epochs": 1}
FORWARD, BACKWARD = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
PRODUCT = 2048  # side of the square matrices whose product is the machine's limit

Row = dict[str, str | float]


class Counted(TorchDispatchMode):
    """Counts the convolutions of what runs under it, image by image.

    A convolution treats each image of a batch by itself, so the same image under the same weights twice is work done
    twice, however the images were put into batches.

    Attributes:
        convolutions: of one image under one weight, forward.
        repeated: of these, how many were there before with equal numbers.
        input_gradients, weight_gradients: of one image under one weight, backward.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = self.repeated = self.input_gradients = self.weight_gradients = 0
        self._seen: set[bytes] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let it run, and count it if it is a convolution."""
        if func is FORWARD:
            images, weight, _, *geometry = args
            for image in images:
                key = _digest(image, weight, json.dumps(geometry).encode())
                self.convolutions += 1
                self.repeated += key in self._seen
                self._seen.add(key)
        elif func is BACKWARD:
            images, (by_input, by_weight, _) = len(args[1]), args[-1]
            self.input_gradients += images * by_input
            self.weight_gradients += images * by_weight
        return func(*args, **(kwargs or {}))


def run(sizes: Iterable[int] = (64,), steps: int = 3, methods: Iterable[str] | None = None) -> list[Row]:
    """One row per size and method; a method that cannot be measured says why.

    Args:
        sizes: sides of the images in pixels.
        steps: how many are timed; one more counts.
        methods: which; None: every one there is.
    """
    from bench.plugin.discovery import plugins

    rows: list[Row] = []
    for size in sizes:
        for method in methods if methods is not None else plugins("method"):
            done = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.convolutions", str(size), str(steps), method],
                stdout=subprocess.PIPE, text=True, check=True,
                env=os.environ | {"OMP_NUM_THREADS": "1", "KINETO_LOG_LEVEL": "99"},  # which has much to say
            )  # fmt: skip
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


def measure(method: str, size: int, steps: int) -> Row:
    """Count the convolutions of one step, then time a few on one thread.

    Returns:
        Numbers of convolutions and of repeated ones, GFLOP of convolutions in a step, their share of its time, their
        rate, and that rate over the one of a matrix product. `seconds_bound` is the step if its convolutions ran as
        fast as a matrix product and all else took 8 %.
    """
    step = _stepper(method, size)
    step(0)  # allocates what later steps reuse
    counted = Counted()
    with counted:
        step(1)
    flops = FlopCounterMode(display=False)
    with flops:
        step(2)
    convolved = sum(n for op, n in flops.get_flop_counts()["Global"].items() if "convolution" in str(op))

    started = time.perf_counter()
    for number in range(steps):
        step(3 + number)
    seconds = (time.perf_counter() - started) / steps
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step(3 + steps)
    events = {event.key: event.cpu_time_total / 1e6 for event in profiled.key_averages()}
    total = sum(event.self_cpu_time_total for event in profiled.key_averages()) / 1e6
    in_convolutions = events.get("aten::_convolution", 0.0) + events.get("aten::convolution_backward", 0.0)
    share = in_convolutions / total
    rate, limit = convolved / (share * seconds) / 1e9, _matrix_product()
    return {
        "convolutions": counted.convolutions,
        "repeated": counted.repeated,
        "input_gradients": counted.input_gradients,
        "weight_gradients": counted.weight_gradients,
        "GFLOP": convolved / 1e9,
        "seconds": seconds,
        "share": share,
        "GFLOP/s": rate,
        "of_product": rate / limit,
        "seconds_bound": convolved / 1e9 / limit / 0.92,
    }


def _stepper(method: str, size: int) -> Callable[[int], None]:
    from bench.base.randomness import Draws
    from bench.checks.conformance.subject import Subject
    from bench.plugin.discovery import load_method
    from bench.plugin.method import StepContext

    method_class = load_method(method)
    wanted = SETTINGS | {"load_size": size, "crop_size": size}
    config = method_class.Config(**{n: v for n, v in wanted.items() if n in method_class.Config.model_fields})
    subject, draws = Subject(method_class, config), Draws(0)
    built: Method = method_class(config, Draws(0))

    def step(number: int) -> None:
        context = StepContext(number, 1, 1000, config.total_epochs, draws.at(number))
        built.training_step(subject.batch(built.streams, number), context)

    return step


def _digest(image: torch.Tensor, weight: torch.Tensor, geometry: bytes) -> bytes:
    digest = hashlib.blake2b(geometry, digest_size=16)
    for tensor in (image, weight):
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.digest()


def _matrix_product(repeats: int = 5) -> float:
    """GFLOP/s of the fastest of a few float32 products."""
    x = torch.randn(PRODUCT, PRODUCT)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        x @ x
        seconds.append(time.perf_counter() - started)
    return 2 * PRODUCT**3 / min(seconds) / 1e9


def main(arguments: list[str]) -> None:
    """Measure in this process."""
    import torch._dynamo  # which every optimizer's first step imports, for ten seconds

    torch.set_num_threads(1)
    size, steps, method = int(arguments[0]), int(arguments[1]), arguments[2]
    row: Row = {"method": method, "size": size}
    try:
        row |= measure(method, size, steps)
    except (ValueError, RuntimeError) as error:  # a configuration or a network that this size does not fit
        row["problem"] = str(error).strip().replace("\n", " ")
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
