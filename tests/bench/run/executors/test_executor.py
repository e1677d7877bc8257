"""The loop that every executor shares, through one that does nothing itself: others do, in the run's folder."""

from typing import ClassVar

import pytest
from filelock import FileLock
from written_records import write_result, write_score

from bench.base.storage import write_json
from bench.ledger.scores import wanted
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.plugin.discovery import plugins
from bench.run.executors import executor as module
from bench.run.executors.executor import ELSEWHERE, Executor, Interrupted, Outcome, load_executor
from bench.run.executors.local import LocalExecutor
from bench.run.ticket import Ticket
from bench.schema.records import RunError


class Ready(Executor):
    """Every run that it is offered is done at once."""

    name = "ready"

    def at_once(self, specs):
        return 1

    def submit(self, specs):
        self.taken = [*getattr(self, "taken", []), *specs]
        return {key: Ticket(executor=self.name, run=key, job={}, submitted=0.0) for key in specs}

    def poll(self, tickets):
        return dict.fromkeys(tickets, Outcome("done"))

    def cancel(self, tickets):
        self.cancelled = list(tickets)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.001)


@pytest.fixture
def grid(toys):
    grid = Grid(toys.home)
    for seed in range(2):
        grid.add_run(resolve(toys.method, toys.protocol, "smoke"), seed)
    grid.write_specs()
    return grid


def finish(grid, key, scores=True):
    """What another command leaves behind."""
    folder, spec = grid.home.run(key), grid.runs[key]
    for epoch, split, use in wanted(spec, ("test",)) if scores else ():
        write_score(folder, spec, epoch, split, use, 1.0)
    write_result(folder)


def run_beside(grid, at_second_look):
    """Run while another process owns the first run, which then does something to it; what was seen and taken."""
    first, second = grid.runs
    executor, lock, seen = Ready(grid.home), FileLock(grid.home.run(first).lock), []
    lock.acquire()

    def update(active, outcomes):
        seen.append((dict(active), set(outcomes)))
        if second in outcomes and lock.is_locked:
            assert active == {first: ELSEWHERE}
            at_second_look(first)
            lock.release()

    return executor.run(grid.runs, update), executor.taken, seen


def test_a_run_that_another_process_owns_is_passed_over_and_counts_once_it_is_finished_there(grid):
    first, second = grid.runs
    outcomes, taken, seen = run_beside(grid, lambda key: finish(grid, key))
    assert outcomes == {second: Outcome("done"), first: Outcome("done", ELSEWHERE)}
    assert taken == [second]  # nobody waited for the first
    assert seen[0][0] == {second: "", first: ELSEWHERE}


def test_a_run_whose_owner_died_is_taken_over(grid):
    outcomes, taken, _ = run_beside(grid, lambda key: None)
    assert taken == [*list(grid.runs)[1:], *list(grid.runs)[:1]]
    assert {outcome.state for outcome in outcomes.values()} == {"done"}


def test_a_run_whose_process_was_killed_alone_is_taken_over_too(grid):
    first, second = grid.runs

    def killed(key):  # as the command that started it writes it down
        RunError(message="killed by SIGKILL", was_killed=True).write(grid.home.run(key).error, key)

    outcomes, taken, _ = run_beside(grid, killed)
    assert outcomes == {second: Outcome("done"), first: Outcome("done")}
    assert taken == [second, first]


def test_a_run_that_was_finished_for_other_scores_is_gone_on_with(grid):
    _, taken, _ = run_beside(grid, lambda key: finish(grid, key, scores=False))
    assert len(taken) == 2


def test_a_failure_that_another_command_records_counts_and_an_old_one_does_not(grid):
    first, second = grid.runs
    for key in grid.runs:
        write_json(grid.home.run(key).error, {"message": "of yesterday"})
    outcomes, taken, _ = run_beside(
        grid, lambda key: write_json(grid.home.run(key).error, {"message": "loss G is not finite"})
    )
    assert outcomes[first] == Outcome("failed", f"loss G is not finite ({ELSEWHERE})")
    assert taken == [second]


def test_a_run_in_the_queue_of_an_executor_is_not_started_by_another(grid, monkeypatch):
    first, second = grid.runs
    states = iter(["running", "running", "stopped"])

    class Queue(Ready):
        has_queue = True

        def poll(self, tickets):
            assert self.home == grid.home
            return dict.fromkeys(tickets, Outcome(next(states)))

    plugin = plugins("executor")["local"]
    monkeypatch.setattr(module, "plugins", lambda kind: {"queue": plugin})
    monkeypatch.setattr(module, "load_executor", lambda name: Queue)
    Ticket(executor="queue", run=first, job={"number": 7}, submitted=0.0).write(grid.home.run(first))
    seen = []
    executor = Ready(grid.home)
    executor.run(grid.runs, lambda active, outcomes: seen.append(dict(active)))
    assert seen[0] == {second: "", first: ELSEWHERE}
    assert executor.taken == [second, first]


class Queue(Ready):
    """A scheduler: jobs run until it is told that they have ended."""

    name = "queue"
    has_queue = True
    ended: ClassVar[set[str]] = set()

    def poll(self, tickets):
        return {key: Outcome("done" if key in self.ended else "running") for key in tickets}


def test_a_later_command_takes_up_the_tickets_that_a_queue_gave_an_earlier_one(grid):
    Queue.ended = set()
    first, second = grid.runs

    def gone(active, outcomes):
        raise ValueError("its machine was switched off")

    earlier = Queue(grid.home)
    earlier.cancel = lambda tickets: None
    with pytest.raises(ValueError, match="switched off"):
        earlier.run({first: grid.runs[first]}, gone)

    later = Queue(grid.home)

    def update(active, outcomes):
        assert later.taken == [second]  # the first one waits in the queue already
        Queue.ended = {first, second}

    assert later.run(grid.runs, update) == dict.fromkeys(grid.runs, Outcome("done"))


def test_only_what_a_command_submitted_itself_is_cancelled_with_it(grid):
    Queue.ended = set()
    first, second = grid.runs
    Ticket(executor="queue", run=first, job={}, submitted=0.0).write(grid.home.run(first))

    def ctrl_c(active, outcomes):
        raise KeyboardInterrupt

    executor = Queue(grid.home)
    with pytest.raises(Interrupted):
        executor.run(grid.runs, ctrl_c)
    assert executor.cancelled == [second]


def test_whatever_stops_the_loop_cancels_what_was_submitted(grid):
    executor = Ready(grid.home)

    def update(active, outcomes):
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        executor.run(grid.runs, update)
    assert executor.cancelled == list(grid.runs)


def test_executors_are_found_by_name():
    assert load_executor("local") is LocalExecutor
    with pytest.raises(module.BenchError, match="no executor named 'lokal'; did you mean local"):
        load_executor("lokal")


class Teachers(Ready):
    """Does what it is offered, as its answers say."""

    states: ClassVar[list[str]] = ["done"]

    def poll(self, tickets):
        return {key: Outcome(self.states[0]) for key in tickets}


@pytest.fixture
def lesson(toys):
    """A run that needs another one."""
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke", settings={"teacher": True}), 0)
    grid.write_specs()
    return grid, *grid.runs[key].needs.values(), key


def test_a_run_is_offered_once_the_run_that_it_needs_is_done(lesson):
    grid, teacher, student = lesson
    executor = Teachers(grid.home)
    assert executor.run(grid.runs, lambda *_: None) == dict.fromkeys([teacher, student], Outcome("done"))
    assert executor.taken == [teacher, student]


def test_a_run_is_not_offered_where_the_run_that_it_needs_is_not_done(lesson, monkeypatch):
    grid, teacher, student = lesson
    monkeypatch.setattr(Teachers, "states", ["stopped"])
    executor = Teachers(grid.home)
    outcomes = executor.run(grid.runs, lambda *_: None)
    assert outcomes[student] == Outcome("failed", f"needs run {teacher}, which stopped")
    assert executor.taken == [teacher]


def test_a_queue_is_given_everything_at_once_and_only_once(lesson):
    grid, teacher, student = lesson
    Queue.ended = set()
    executor, later = Queue(grid.home), Queue(grid.home)
    assert executor.hand_over(grid.runs).keys() == {teacher, student}
    assert executor.taken == [teacher, student]
    assert later.hand_over(grid.runs).keys() == {teacher, student}
    assert later.taken == []
