"""Part: one, two and three runs at once on the card, and their steps per second together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.gpu import stand_in

stand_in.install()

from bench.base.precision import Precision  # noqa: E402
from tests.gpu.setting import Checks, Setting, Values  # noqa: E402
from tests.gpu.speed import Variant, stepping  # noqa: E402


def checks(setting: Setting) -> Checks:
    """See the module."""
    precisions: tuple[Precision, ...] = ("fp32",) if setting.small else ("fp32", "tf32")
    for precision in precisions:
        yield f"cut, {precision}: runs at once", partial(_together, setting, precision)


def _together(setting: Setting, precision: Precision) -> Values:
    """All processes start and warm up; then the first trains alone, then two of them, then three."""
    runs, seconds = (1, 1.0) if setting.small else (3, 6.0)
    folder = setting.out / "sharing"
    folder.mkdir(exist_ok=True)
    workers = [
        setting.processes.Process(
            target=be_one, args=(number, runs, setting.device, folder, precision, setting.small, seconds)
        )
        for number in range(runs)
    ]
    for worker in workers:
        worker.start()
    try:
        _until(lambda: all((folder / f"ready-{number}").exists() for number in range(runs)), setting, workers)
        (folder / "go.part").write_text(str(time.time() + 0.5))
        (folder / "go.part").rename(folder / "go")
        _until(lambda: all((folder / f"done-{number}").exists() for number in range(runs)), setting, workers)
        counts = [json.loads((folder / f"done-{number}").read_text()) for number in range(runs)]
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    together = {f"{phase + 1} at once": sum(steps[phase] for steps in counts) / seconds for phase in range(runs)}
    return {"steps_per_second": together}


def _until(is_so: Callable[[], bool], setting: Setting, workers: Sequence[BaseProcess]) -> None:
    while not is_so():
        if any(worker.exitcode not in (None, 0) for worker in workers):
            raise RuntimeError("a run ended early")
        if setting.left < 0:
            raise TimeoutError("no time was left")
        time.sleep(0.05)


def be_one(
    number: int, runs: int, device: str, folder: Path, precision: Precision, small: bool, seconds: float
) -> None:
    """Be one run: train in every phase in which at least `number` + 1 of them do."""
    setting = Setting(device, small, float("inf"), folder)
    _, step = stepping(setting, "cut", Variant("run", precision))
    for _ in range(6):
        step()
    setting.wait()
    (folder / f"ready-{number}").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)
    start = float((folder / "go").read_text())
    counts = []
    for phase in range(runs):
        begin, end = start + phase * seconds, start + (phase + 1) * seconds
        steps = 0
        time.sleep(max(0.0, begin - time.time()))
        while number <= phase and time.time() < end:
            step()
            steps += 1
            if steps % 4 == 0:  # the host would run ahead of the phase's end
                setting.wait()
        setting.wait()
        counts.append(steps)
        time.sleep(max(0.0, end - time.time()))
    (folder / f"done-{number}.part").write_text(json.dumps(counts))
    (folder / f"done-{number}.part").rename(folder / f"done-{number}")
