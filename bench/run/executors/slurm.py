"""The `slurm` executor: arrays of jobs, submitted through submitit, found again by their numbers in the runs' tickets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from bench.base.errors import BenchError, NotAvailable, short_line
from bench.base.home import RunFolder
from bench.base.words import duration
from bench.ledger.folders import read_error, run_state
from bench.ledger.heartbeat import age, is_beating, read_heartbeat
from bench.plugin.named import named_files
from bench.run.executors.executor import Executor, Outcome
from bench.run.lease import call_off
from bench.run.process import STOPPED
from bench.run.slurm.job import Pack
from bench.run.slurm.options import read_options
from bench.run.slurm.packing import Array, arrays
from bench.run.slurm.queue import Queue, QueuedJob, QueueSilent, cancel
from bench.run.ticket import Ticket
from bench.schema.run_spec import RunSpec

STOP_SECONDS = 90.0  # a cancelled job saves its runs within the cluster's KillWait, 30 s by default
TIME_LIMITS = 1_000_000  # that a job may reach: each time it has gone on
OUT_OF_MEMORY = "OUT_OF_MEMORY"  # in Slurm's words, whichever process of the job its kernel killed
MORE_MEMORY = 2  # times what was too little, once


class SlurmExecutor(Executor):
    """Runs as jobs of a Slurm cluster whose nodes see the results root, the data and this installation."""

    name = "slurm"
    description = "jobs of a Slurm cluster (docs/running-elsewhere.md)"
    has_queue = True

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.options = read_options(self.home, self.job)
        self.queue = Queue(self.options.poll_seconds)
        self._under_way: dict[str, str] = {}  # train key -> job
        self._places: dict[str, str] = {}  # job -> where it is, in words
        self._memory: dict[str, float] = {}  # train key -> GB for a run whose job had too little

    def at_once(self, specs: Iterable[RunSpec]) -> int:
        """See `Executor.at_once`; how many the cluster has room for only it knows."""
        return self.slots or max(1, len(list(specs)))

    def submit(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """See `Executor.submit`; one array at a time, so that its tickets are written before the next is submitted."""
        if not specs:
            return {}
        array = arrays(specs, self.expected, self.options, self.per_device, self._memory)[0]
        ids = self._submitted(array, specs)
        taken = {}
        for id, keys in zip(ids, array.packs, strict=True):
            for key in keys:
                job = {"id": id, "runs": keys, "minutes": array.request.minutes, "memory_gb": array.request.memory_gb}
                job["again"] = key in self._memory
                taken[key] = Ticket(executor=self.name, run=key, job=job, submitted=time.time())
                self._under_way[key] = id
        self.queue.forget()
        return taken

    def _submitted(self, array: Array, specs: Mapping[str, RunSpec]) -> list[str]:
        """Submit an array; returns the numbers of its jobs."""
        try:
            import submitit
        except ImportError:
            raise NotAvailable("--executor slurm needs submitit: pip install 'contrastbench[slurm]'") from None
        request, options = array.request, self.options
        needed = {needed for keys in array.packs for key in keys for needed in specs[key].comes_after}
        after = sorted({self._under_way[key] for key in needed if key in self._under_way})
        more: dict[str, Any] = dict(options.sbatch)
        more["requeue" if options.requeue else "no-requeue"] = True
        parameters: dict[str, Any] = {
            "job_name": request.name,
            "partition": options.partition,
            "account": options.account,
            "qos": options.qos,
            "constraint": options.constraint,
            "gres": options.gres,
            "gpus_per_node": request.ranks if request.device == "cuda" and options.gres is None else None,
            "cpus_per_task": request.cpus,
            "mem": f"{request.memory_gb}GB",
            "time": request.minutes,
            "signal_delay_s": options.signal_seconds,
            "dependency": ":".join(["afterany", *after]) if after else None,
            "array_parallelism": self.slots or len(array.packs),
            "setup": ["export PYTHONSAFEPATH=1", *options.setup],
            "stderr_to_stdout": True,
            "additional_parameters": more,
        }
        packs = [
            Pack(
                root=str(self.home.root),
                datasets=str(self.home.datasets),
                keys=keys,
                together=self.per_device,
                beat_seconds=options.heartbeat_seconds,
                save_seconds=0.8 * options.signal_seconds,
                named="\n".join(named_files()),
            )
            for keys in array.packs
        ]
        try:
            executor = submitit.SlurmExecutor(self.home.jobs, max_num_timeout=TIME_LIMITS, python=options.python)
            executor.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
            return [str(job.job_id) for job in executor.submit_array(packs)]
        except (RuntimeError, submitit.core.utils.FailedJobError, OSError) as error:
            why = short_line(" ".join(str(error).split()))
            raise BenchError(f"Slurm does not take the job {request.name}: {why}; change it with --job") from error

    def where(self, ticket: Ticket) -> str:
        """See `Executor.where`."""
        return self._places.get(str(ticket.job["id"]), "")

    def poll(self, tickets: Mapping[str, Ticket]) -> dict[str, Outcome]:
        """See `Executor.poll`."""
        ids = {key: str(ticket.job.get("id")) for key, ticket in tickets.items()}
        silence, jobs = "", {}
        try:
            jobs = self.queue.jobs(ids.values())
        except (QueueSilent, NotAvailable) as error:
            silence = str(error)
        outcomes = {key: self._outcome(ticket, jobs.get(ids[key]), silence) for key, ticket in tickets.items()}
        for key, outcome in outcomes.items():
            if outcome.is_under_way:
                self._under_way[key], self._places[ids[key]] = ids[key], outcome.reason
            else:
                self._under_way.pop(key, None)
        return outcomes

    def _outcome(self, ticket: Ticket, job: QueuedJob | None, silence: str) -> Outcome:
        folder, id = self.home.run(ticket.run), str(ticket.job.get("id"))
        heartbeat = read_heartbeat(folder)
        status = heartbeat.status if heartbeat is not None and heartbeat.job == id else None
        if job is not None and job.state == OUT_OF_MEMORY and run_state(folder)[0] != "done":
            return self._too_little_memory(ticket)
        if status is not None and status != STOPPED:
            return _from_files(folder, ticket.submitted, f"job {id} ended with status {status}; see {folder.log}")
        if is_beating(folder) and heartbeat is not None:
            return Outcome("running", f"job {heartbeat.job} on {heartbeat.host}")
        if job is not None and not job.is_over:
            if job.waits or status == STOPPED:
                return Outcome("queued", f"job {id} waits ({job.reason})")
            if heartbeat is None or heartbeat.job != id:
                return Outcome("queued", f"job {id} on {job.node} comes to it")
            return Outcome("running", f"job {id} on {job.node}, {_silent_for(folder)}")
        if silence:
            return Outcome("running", f"job {id}, perhaps: {silence}")
        state = f"is over ({job.state})" if job is not None else "is gone"
        return _from_files(
            folder, ticket.submitted, f"job {id} {state}{_last_sign(folder, id)}; run the same command to go on"
        )

    def _too_little_memory(self, ticket: Ticket) -> Outcome:
        """A run whose job was ended for want of memory is submitted once more with twice as much, and then refused."""
        error = read_error(self.home.run(ticket.run))
        if error is not None and not error.was_killed and (error.time or 0.0) >= ticket.submitted:
            return Outcome("failed", error.message)  # it ended by itself, another run of the job was too large
        asked = ticket.job.get("memory_gb")
        if asked is None or ticket.job.get("again") or self.options.memory_gb is not None:
            figure = f" of {asked} GB" if asked is not None else ""
            more = f"--job memory_gb={MORE_MEMORY * asked}" if asked is not None else "--job memory_gb=N"
            return Outcome("failed", f"job {ticket.job.get('id')} ran out of its memory{figure}; ask for more: {more}")
        self._memory[ticket.run] = MORE_MEMORY * asked
        return Outcome("elsewhere")  # so that it is offered again

    def cancel(self, tickets: Mapping[str, Ticket]) -> None:
        """See `Executor.cancel`; a job that also does other runs goes on with those."""
        by_job: dict[str, list[str]] = {}
        for key, ticket in tickets.items():
            by_job.setdefault(str(ticket.job["id"]), []).append(key)
            call_off(self.home.run(key), str(ticket.job["id"]))
        cancel(id for id, keys in by_job.items() if set(tickets[keys[0]].job["runs"]) <= set(keys))
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and self._any_lives(tickets):
            time.sleep(1.0)
        for key in tickets:
            (self.home.run(key).tickets / f"{self.name}.json").unlink(missing_ok=True)

    def _any_lives(self, tickets: Mapping[str, Ticket]) -> bool:
        """Whether a run that was cancelled is still at work."""
        ids = {key: str(ticket.job["id"]) for key, ticket in tickets.items() if is_beating(self.home.run(key))}
        self.queue.forget()
        jobs = self.queue.jobs(ids.values())
        return any(id in jobs and not jobs[id].is_over for id in ids.values())


def _from_files(folder: RunFolder, submitted: float, otherwise: str) -> Outcome:
    """How a run ended whose job is over."""
    error = read_error(folder)
    if error is not None and (error.time is None or error.time >= submitted):
        return Outcome("failed", error.message)
    if run_state(folder)[0] == "done":
        return Outcome("done")
    return Outcome("stopped", otherwise)


def _silent_for(folder: RunFolder) -> str:
    heartbeat = read_heartbeat(folder)
    return f"last heartbeat {duration(age(folder, heartbeat))} ago" if heartbeat is not None else "no heartbeat yet"


def _last_sign(folder: RunFolder, id: str) -> str:
    heartbeat = read_heartbeat(folder)
    if heartbeat is None or heartbeat.job != id:
        return ", and the run had not begun"
    return f"; {_silent_for(folder)}, on {heartbeat.host}" if heartbeat.status is None else ""
