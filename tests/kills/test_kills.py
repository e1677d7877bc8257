"""Kills of whole commands, uniformly over their time: the same command again ends as if nothing had been.

Each chain of one to three kills begins with a fresh home; `--chain N` repeats one.
"""

from __future__ import annotations

import itertools
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .content import content, differences
from .leftovers import left_over
from .made_up import MadeUp
from .victims import Command

VERBS = ("reproduce", "compare", "score", "sync", "report")
OF_A_FINISHED_HOME = ("sync", "report")
LIMIT_SECONDS = 400.0  # of a command; on two idle cores the longest takes about twenty
PAUSE_SECONDS = 2.0  # at most, before the command is given again: the processes of the killed one may still be at work


@dataclass
class Undisturbed:
    """A command that nobody killed: from which home it began, how long it took, and what it made."""

    begins_with: Path | None
    seconds: float
    content: dict[str, Any]
    temporary: set[str]


class Bench:
    """Runs the verbs, undisturbed or not.

    Args:
        root: a folder of its own.
    """

    def __init__(self, root: Path) -> None:
        self.made_up, self.number = MadeUp(root), itertools.count()
        self.known: dict[str, Undisturbed] = {}

    def start(self, verb: str) -> Command:
        """Give a command."""
        made_up = self.made_up
        return Command(made_up.command(verb), made_up.environment, made_up.root, f"{made_up.root}-{next(self.number)}")

    def undisturbed(self, verb: str) -> Undisturbed:
        """The verb as it should be."""
        if verb not in self.known:
            begins_with = self._finished() if verb in OF_A_FINISHED_HOME else None
            self.made_up.begin(begins_with)
            began = time.monotonic()
            command = self.start(verb)
            assert command.wait(LIMIT_SECONDS) == 0, command.text()
            seconds = time.monotonic() - began
            usual = {path.name for path in self.made_up.temporary.iterdir()}
            self.known[verb] = Undisturbed(begins_with, seconds, content(self.made_up.home), usual)
            if verb == "reproduce":
                unseen = shutil.ignore_patterns("mlflow*", ".mlflow*")
                shutil.copytree(self.made_up.home, self.made_up.root / "finished", ignore=unseen)
        return self.known[verb]

    def _finished(self) -> Path:
        """A home whose table is finished and that MLflow was never shown."""
        self.undisturbed("reproduce")
        return self.made_up.root / "finished"

    def chain(self, verb: str, name: str, rng: random.Random, most: int) -> tuple[int, list[str]]:
        """Kill the verb once or several times in one home, then let it finish.

        Returns:
            How many kills there were, and a line for each fault.
        """
        expected, faults, kills, left = self.undisturbed(verb), [], 0, 1.0
        commands: list[Command] = []
        self.made_up.begin(expected.begins_with)
        for _ in range(min(most, rng.randint(1, 3))):
            moment, pause = rng.uniform(0, left), rng.uniform(0, PAUSE_SECONDS)
            commands.append(command := self.start(verb))
            began = time.monotonic()
            ended = command.wait(moment * expected.seconds) is not None
            role, killed = ("", []) if ended else command.kill(rng)
            if not killed:  # so this was the same command again
                print(f"{name}: had ended after {moment:.3f} of {expected.seconds:.1f} s", flush=True)
                if len(commands) == 1:  # the machine is quicker than it was
                    expected.seconds = time.monotonic() - began
                break
            kills += 1
            who = f"{role} {', '.join(f'{one.pid} ({_short(one.words)})' for one in killed)}"
            print(f"{name}: after {moment:.3f} of {expected.seconds:.1f} s: {who}", flush=True)
            status = command.wait(LIMIT_SECONDS)
            if status is None:
                faults.append(f"hangs after the kill of {who}")
                command.process.kill()
            elif status > 1 or "Traceback" in command.text():
                faults.append(f"ends with {status} after the kill of {who}: {command.text()[-2000:]}")
            elif role == "helper" and status:
                faults.append(f"ends with {status} though only a helper was killed: {command.text()[-2000:]}")
            time.sleep(pause)
            left = max(0.3, left * (1 - moment / 2))  # what was done is not done again
        else:
            commands.append(self.start(verb))
        again = commands[-1]
        status = again.wait(LIMIT_SECONDS)
        if status != 0 or "Traceback" in again.text():
            faults.append(f"the same command again ends with {status}: {again.text()[-2000:]}")
            again.process.kill()
        marks = [command.mark for command in commands]
        made_up = self.made_up
        faults += left_over(made_up.home, made_up.temporary, made_up.user_cache, marks, expected.temporary)
        faults += differences(expected.content, content(made_up.home))
        return kills, [f"{name}: {fault}" for fault in faults]


def _short(words: str) -> str:
    return next(
        (part for part in ("follow", "guard", "server", "forkserver", "resource_tracker") if part in words), "main"
    )


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("kills"))


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_command_ends_as_if_nothing_had_been(bench: Bench, verb: str, request: pytest.FixtureRequest) -> None:
    seed, only = request.config.getoption("--seed"), request.config.getoption("--chain")
    wanted = -(-request.config.getoption("--kills") // len(VERBS))
    kills, faults = 0, []
    for number in itertools.count() if only is None else [only]:
        if kills >= wanted:
            break
        rng = random.Random(f"{seed} {verb} {number}")
        more, found = bench.chain(verb, f"{verb}, --seed {seed} --chain {number}", rng, wanted - kills)
        kills += more
        faults += found
        for fault in found:
            print(fault, flush=True)
        if found:
            bench.made_up.home.rename(bench.made_up.root / f"home-{verb}-{number}")
    print(f"{verb}: {kills} kills, {len(faults)} faults", flush=True)
    assert not faults, "\n".join(faults)
