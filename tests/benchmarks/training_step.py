"""Training steps per second of every method; each thread count and size is measured in a process of its own.

`python -m tests.benchmarks.training_step THREADS SIZE WARM_UP STEPS METHOD...` prints one JSON line per method.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable

# the networks are as published, which is the default; applied where a method has the field
SETTINGS = {"batch_size": 1, "aspect_ratio": 1.0, "n_epochs": 1}
LEAST_BATCH = {"distancegan": 2, "drit": 2}  # images of a step are compared with each other
LEAST_PUBLISHED = 212  # side of the images that DRIT's content discriminator needs for its three strided layers
# size -> (steps before, steps measured); a step at 256 pixels takes up to half a minute on one core
STEPS = {64: (1, 5), 256: (0, 1)}

Row = dict[str, str | float]


def run(sizes: Iterable[int] = (64, 256), threads: Iterable[int] = (1, 2), steps: int | None = None) -> list[Row]:
    """One row per thread count, image size and method; a method that cannot be measured says why.

    Args:
        sizes: sides of the images in pixels.
        threads: numbers of threads.
        steps: of each method; None: as many as `STEPS` says.
    """
    from bench.plugin.discovery import plugins

    rows: list[Row] = []
    for count in threads:
        for size in sizes:
            warm_up, default = STEPS[size]
            arguments = [*map(str, (count, size, warm_up, steps or default)), *plugins("method")]
            done = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.training_step", *arguments],
                stdout=subprocess.PIPE, text=True, check=True,
                env=os.environ | {"OMP_NUM_THREADS": str(count), "MKL_NUM_THREADS": str(count)},
            )  # fmt: skip
            rows += [json.loads(line) for line in done.stdout.splitlines()]
    return rows


def measure(method: str, size: int, warm_up: int, steps: int) -> Row:
    """The mean and the least time of `steps` steps after some that warm up.

    The mean has the regularisation of every n-th step in it.
    """
    from bench.base.randomness import Draws
    from bench.checks.conformance.subject import Subject
    from bench.plugin.discovery import load_method
    from bench.plugin.method import StepContext

    method_class = load_method(method)
    batch_size = LEAST_BATCH.get(method, 1)
    wanted = SETTINGS | {"load_size": size, "crop_size": size, "batch_size": batch_size}
    wanted |= {"n_layers_content": 1} if size < LEAST_PUBLISHED else {}
    config = method_class.Config(**{n: v for n, v in wanted.items() if n in method_class.Config.model_fields})
    subject, built, draws = Subject(method_class, config), method_class(config, Draws(0)), Draws(0)
    seconds = []
    for step in range(warm_up + steps):
        batch = subject.batch(built.streams, step)
        context = StepContext(step, 1, warm_up + steps, config.total_epochs, draws.at(step))
        started = time.perf_counter()
        built.training_step(batch, context)
        seconds.append(time.perf_counter() - started)
    seconds = seconds[warm_up:]
    mean = sum(seconds) / steps
    return {"batch": batch_size, "steps_per_second": 1 / mean, "seconds": mean, "least_seconds": min(seconds)}


def main(arguments: list[str]) -> None:
    """Measure in this process."""
    import torch._dynamo  # which every optimizer's first step imports, for ten seconds

    threads, size, warm_up, steps = (int(argument) for argument in arguments[:4])
    torch.set_num_threads(threads)
    for method in arguments[4:]:
        row: Row = {"method": method, "size": size, "threads": threads, "steps": steps}
        try:
            row |= measure(method, size, warm_up, steps)
        except (ValueError, RuntimeError) as error:  # a configuration or a network that this size does not fit
            row["problem"] = str(error).strip().replace("\n", " ")
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
