"""What every part of the measurements is told, and what it writes down."""

from __future__ import annotations

import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEVICE_LOST = 75  # exit status of a process whose device answers no more; the rest goes on in another one

# values to write down; `ok` says whether a check is passed, and is absent where something is measured
Values = dict[str, Any]
Checks = Iterable[tuple[str, Callable[[], Values]]]


@dataclass(frozen=True)
class Setting:
    """Where and how much.

    Attributes:
        device: cuda or cpu.
        small: sizes that the CPU does in seconds; what is measured then says nothing of a card.
        until: clock time (time.time) after which nothing more is begun.
        out: folder of the results.
    """

    device: str
    small: bool
    until: float
    out: Path

    @property
    def cuda(self) -> bool:
        """Whether it is a card."""
        return self.device == "cuda"

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.until - time.time()

    @property
    def rows(self) -> Path:
        """The file of results, a line each as they come."""
        return self.out / "rows.jsonl"

    @property
    def processes(self) -> Any:
        """How other processes are started: a forked one could not use the card, and a new one imports torch again."""
        return multiprocessing.get_context("spawn" if self.cuda else "fork")

    def wait(self) -> None:
        """Until the device has done what was asked of it."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()


def write(path: Path, row: dict[str, Any]) -> None:
    """Add a row; on disk when this returns."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()


def read(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a file."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:  # a process died while it wrote
            continue
    return rows


def run(part: str, setting: Setting, checks: Checks) -> bool:
    """Make the checks of a part that no earlier process made or died in, each on its own.

    Returns:
        Whether the device still answers.
    """
    before = [row for row in read(setting.rows) if row["part"] == part]
    ended = {row["name"] for row in before if row["state"] != "begun"}
    begun = {row["name"] for row in before} - ended
    for name, check in checks:
        if name in ended:
            continue
        if name in begun:
            _end(setting, part, name, 0.0, "broken", {"problem": "the process died"})
            continue
        if setting.left <= 0:
            _end(setting, part, name, 0.0, "skipped", {"problem": "no time was left"})
            continue
        write(setting.rows, {"part": part, "name": name, "state": "begun"})
        started = time.time()
        try:
            values = check()
            setting.wait()
        except Exception as error:
            traceback.print_exc()
            first = str(error).strip().partition("\n")[0][:300]
            _end(setting, part, name, started, "broken", {"problem": f"{type(error).__name__}: {first}"})
            if not _answers(setting):
                return False
            continue
        ok = values.pop("ok", None)
        _end(setting, part, name, started, "measured" if ok is None else "passed" if ok else "failed", values)
    return True


def _end(setting: Setting, part: str, name: str, started: float, state: str, values: Values) -> None:
    seconds = round(time.time() - started, 2) if started else 0.0
    row = {"part": part, "name": name, "state": state, "seconds": seconds, "values": values}
    write(setting.rows, row)
    print(f"{state:8} {part}: {name} ({seconds} s) {json.dumps(values)[:300]}", flush=True)


def _answers(setting: Setting) -> bool:
    try:
        setting.wait()
    except Exception:
        return False
    return True
