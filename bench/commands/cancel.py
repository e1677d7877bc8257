"""`cancel`: end runs wherever they wait or run, with their states saved."""

from __future__ import annotations

from collections.abc import Sequence

from bench.base.home import Home
from bench.base.terminal import Terminal
from bench.base.words import say
from bench.ledger.difference import find_runs
from bench.plugin.discovery import plugins
from bench.run.executors.executor import load_executor
from bench.run.ticket import Ticket, read_tickets


def cancel(home: Home, keys: Sequence[str]) -> list[str]:
    """Cancel runs, through the executors that have them.

    Args:
        home: the results root.
        keys: of runs, beginnings of them, or what people call runs, which may be several; none: all.

    Returns:
        The train keys of those that were under way.

    Raises:
        UsageError: there is no such run.
    """
    console = Terminal()
    folders = [folder for key in keys for folder in find_runs(home, key)] if keys else home.runs()
    by_executor: dict[str, dict[str, Ticket]] = {}
    for folder in folders:
        for ticket in read_tickets(folder):
            if ticket.executor in plugins("executor"):
                by_executor.setdefault(ticket.executor, {})[folder.key] = ticket
    cancelled: list[str] = []
    for name, tickets in by_executor.items():
        executor = load_executor(name)(home)
        active = {key: tickets[key] for key, outcome in executor.poll(tickets).items() if outcome.is_under_way}
        if active:
            say(console, f"{name}: cancelling {len(active)} runs, which save their states")
            executor.cancel(active)
        cancelled += active
    say(console, f"{len(cancelled)} runs are cancelled; the command that asked for them goes on where they are")
    return cancelled
