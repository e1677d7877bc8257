"""contrastbench as a person uses it in a terminal, watched from outside: its steps, its memory and its disk."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.home import RunFolder
from bench.base.weight_files import WEIGHTS_VARIABLE
from bench.ledger.folders import read_progress
from bench.schema.records import RunProgress
from tests.kills.made_up import CONTRASTBENCH
from tests.kills.victims import Command, processes

ROOT = Path(__file__).parents[2]
EVERY = 0.3  # seconds between two looks


@dataclass(frozen=True)
class Stage:
    """Where the rehearsal plays: everything is below one folder.

    Attributes:
        root: the folder.
    """

    root: Path

    data = property(lambda self: self.root / "data")
    weights = property(lambda self: self.root / "weights")
    site = property(lambda self: self.root / "site")

    def start(self, words: list[str], home: Path) -> Command:
        """Begin a command; its output goes to a file beside the homes."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.site), str(ROOT)]),
            "CONTRASTBENCH_DEVICE": os.environ.get("CONTRASTBENCH_DEVICE", "cpu"),
            WEIGHTS_VARIABLE: str(self.weights),
        }
        folder = self.root / "output"
        folder.mkdir(parents=True, exist_ok=True)
        line = [*CONTRASTBENCH, *words, "--home", str(home), "--data", str(self.data)]
        return Command(line, environment, folder, f"{os.getpid()}-{time.monotonic_ns()}")

    def ask(self, words: list[str], home: Path) -> Any:
        """What a command says with `--json`.

        Raises:
            Failed: it ended with another status than 0, or 3 (the data is not here).
        """
        command = self.start([*words, "--json"], home)
        status = command.wait(3600)
        said = command.text()
        start = min((place for sign in "{[" if (place := said.find(f"\n{sign}")) >= 0), default=-1)
        if status not in (0, 3):
            raise Failed(said)
        return json.loads(said[start + 1 :] if not said.startswith(("{", "[")) else said)


class Failed(Exception):
    """A command of the rehearsal did not do what it should; its last line is the message."""

    def __init__(self, said: str) -> None:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        super().__init__(lines[-1] if lines else "said nothing")


@dataclass
class Watch:
    """What was seen of a run, over all of its processes.

    Attributes:
        memory: the most that one process held at once, in bytes.
        disk: the most that its folder held at once, in bytes.
        first_step: the first number of steps done that the latest process told of.
    """

    memory: int = 0
    disk: int = 0
    first_step: int | None = None

    def watch(
        self, command: Command, folder: RunFolder, enough: Callable[[int], bool], say: Callable[[str], None]
    ) -> bool:
        """Look at a command until it ends, or kill it and all its processes once the run has come far enough.

        Args:
            command: that does the run.
            folder: the run's.
            enough: asked with the steps that are done.
            say: told now and then how far it is.

        Returns:
            Whether it was killed.
        """
        began, told, self.first_step = time.time(), time.monotonic(), None
        while command.wait(EVERY) is None:
            alive = processes(command.mark)
            self.memory = max([self.memory, *(_most_memory(process.pid) for process in alive)])
            self.disk = max(self.disk, size(folder.checkpoints))
            progress = read_progress(folder) if _is_newer(folder.progress, began) else RunProgress()
            if self.first_step is None:
                self.first_step = progress.step
            if progress.step is not None and enough(progress.step):
                for process in processes(command.mark):
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)
                command.wait(60)
                return True
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(f"step {progress.step or 0} of {progress.total_steps or '?'}, {progress.phase}")
        return False


def _is_newer(path: Path, moment: float) -> bool:
    """Whether a file was written after that; a killed process leaves its own behind."""
    with suppress(OSError):
        return path.stat().st_mtime > moment
    return False


def _most_memory(pid: int) -> int:
    """The most that a process ever held, in bytes; 0 where nobody tells."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def size(folder: Path) -> int:
    """Bytes of all files below a folder, while others write there."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
