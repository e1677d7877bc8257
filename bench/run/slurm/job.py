"""What a job on a compute node does: the runs of its pack, in a process of their own that is told to save in time.

submitit unpickles `Pack` there, calls it, and on SIGUSR2, which Slurm sends before the time limit and before preemption,
calls `checkpoint` and queues the job again under its number. The pickle holds names only and is read by that job alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.base.home import Home, RunFolder
from bench.base.processes import is_locked, process_start
from bench.ledger.folders import has_all_scores, read_result
from bench.ledger.heartbeat import is_beating, read_heartbeat
from bench.plugin.named import VARIABLE as NAMED
from bench.run.executors.executor import Interrupted
from bench.run.executors.local import LocalExecutor
from bench.run.lease import EVERY, JOB, job_here
from bench.run.process import STOPPED
from bench.schema.run_spec import RunSpec, read_spec

_NEVER_NAMED = (signal.SIGUSR2, signal.SIGUSR1)  # Slurm sends them to every process of a job; unhandled they kill


@dataclass
class Pack:
    """Runs that one job does.

    Args:
        root, datasets: the results root and where folder data sets are.
        keys: the runs' train keys, needed runs first.
        together: how many at once.
        beat_seconds: between two heartbeats.
        save_seconds: that the runs have to save their states in, once they are told.
        named: users' files that may run (bench/plugin/named.py).
    """

    root: str
    datasets: str
    keys: list[str]
    together: int
    beat_seconds: float
    save_seconds: float
    named: str
    _pid = 0  # no field: of the process that does them

    def __call__(self) -> None:
        """Do what is left of the runs; the job's status is that of the worst of them."""
        environment = {JOB: job_id(), EVERY: str(self.beat_seconds), NAMED: self.named, "PYTHONSAFEPATH": "1"}
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.run.slurm.job", json.dumps(asdict(self))],
            env=os.environ | environment,
            preexec_fn=_be_deaf,
        )
        self._pid = child.pid
        signal.signal(signal.SIGTERM, lambda *_: self._ask_to_stop())  # cancelled or preempted
        status = child.wait()
        if status != 0:
            sys.exit(abs(status))

    def checkpoint(self) -> Any:
        """Have the runs saved; the job that goes on is the same one. Called by submitit's handler of SIGUSR2."""
        from submitit.helpers import DelayedSubmission

        # within the wait for the child, whose lock this thread holds: its end is looked up elsewhere
        start, deadline = process_start(self._pid), time.monotonic() + self.save_seconds
        self._ask_to_stop()
        while start and process_start(self._pid) == start and time.monotonic() < deadline:
            time.sleep(0.1)
        self._pid = 0
        return DelayedSubmission(self)

    def _ask_to_stop(self) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)


def job_id() -> str:
    """The number of the job that this process belongs to, as the queue shows it."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", "")


def _be_deaf() -> None:
    for number in _NEVER_NAMED:
        signal.signal(number, signal.SIG_IGN)


class _OnNode(LocalExecutor):
    """The local executor within a job: that the runs are in the queue is no reason not to do them."""

    def has_owner(self, folder: RunFolder) -> bool:
        """Whether a process does the run; an earlier start of this job does not count, Slurm has ended it."""
        heartbeat = read_heartbeat(folder)
        is_beating_elsewhere = is_beating(folder) and heartbeat is not None and heartbeat.job != job_here()
        return is_locked(folder.lock) or is_beating_elsewhere


def do(pack: Pack) -> int:
    """Do what is left of the runs of a pack; returns the exit status."""
    home = Home(Path(pack.root), Path(pack.datasets))
    specs = {key: read_spec(home.run(key).spec) for key in pack.keys}
    todo = {key: spec for key, spec in specs.items() if not _is_done(home.run(key), spec)}
    possible = {}
    for key, spec in todo.items():
        lacking = [needed for needed in spec.needs.values() if needed not in todo and not _is_done(home.run(needed))]
        if lacking:
            print(f"run {key} is left out: it needs run {lacking[0]}, which is not done", flush=True)
        else:
            possible[key] = spec
    signal.signal(signal.SIGTERM, _stop)
    slots = pack.together if all(spec.device == "cpu" for spec in possible.values()) else None
    try:
        outcomes = _OnNode(home, slots=slots, per_device=pack.together).run(possible, lambda *_: None)
    except Interrupted as stop:
        print(stop, flush=True)
        return STOPPED
    for key, outcome in outcomes.items():
        print(f"run {key}: {outcome.state} {outcome.reason}", flush=True)
    return int(len(possible) < len(todo) or any(outcome.state == "failed" for outcome in outcomes.values()))


def _is_done(folder: RunFolder, spec: RunSpec | None = None) -> bool:
    return read_result(folder) is not None and (spec is None or has_all_scores(folder, spec, ("test",)))


def _stop(*_: object) -> None:
    """Take one SIGTERM as Ctrl-C; Slurm and `Pack` may send more while the runs are being saved."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(do(Pack(**json.loads(sys.argv[1]))))
