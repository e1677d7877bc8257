"""A command with all the processes that it starts, however deep and however apart, and which of them are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .made_up import MARK

ROLES = ("parent", "child", "helper", "all")
HELPERS = ("bench.tracking.follow", "bench.tracking.guard", "mlflow")


@dataclass(frozen=True)
class Process:
    """A living process: its number, what it is, and its command line."""

    pid: int
    role: str
    words: str


class Command:
    """A command line at work; everything that it starts carries its mark.

    Args:
        command: the words.
        environment: its variables.
        folder: where it works; its output goes to a file there.
        mark: a word that no other command's processes have.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, mark: str) -> None:
        self.mark, self.output = mark, folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, MARK: mark},
                cwd=folder,
                start_new_session=True,
            )

    def wait(self, seconds: float) -> int | None:
        """The exit status; None if it has not ended by then."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self, rng: random.Random) -> tuple[str, list[Process]]:
        """Kill by SIGKILL one process of a random role, or all; early on a command has no child and no helper yet.

        Returns:
            The role, and who was killed; nobody if the command had ended.
        """
        roles, which = rng.sample(ROLES, len(ROLES)), rng.random()
        alive = processes(self.mark, self.process.pid)
        if self.process.poll() is not None:
            return "", []
        for role in roles:
            meant = [process for process in alive if role in ("all", process.role)]
            if role != "all" and meant:
                meant = [meant[int(which * len(meant))]]
            for process in meant:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            if meant:
                return role, meant
        return "", []

    def text(self) -> str:
        """What it printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")


def processes(mark: str, parent: int = 0) -> list[Process]:
    """Every living process that carries a mark, by number; the first one is the parent."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            if (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX":
                continue
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            pid = int(folder.name)
            helps = any(f"-m {name}" in words for name in HELPERS)
            found.append(Process(pid, "parent" if pid == parent else "helper" if helps else "child", words))
    return sorted(found, key=lambda process: process.pid)


def wait_for_end(mark: str, seconds: float) -> list[Process]:
    """Who still lives of a command's processes after a while."""
    deadline = time.monotonic() + seconds
    while (alive := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return alive
