"""The whole examination, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.checks.doctor.finding import Finding, Mark, guarded

NAME_WIDTH = 24
_STYLES: dict[Mark, str] = {"ok": "green", "note": "cyan", "warn": "yellow", "none": "dim", "FAIL": "bold red"}


def examine(home: Path, data_root: Path, plugin: str | None = None) -> Iterator[Finding]:
    """Check versions, numbers, machine, weights and data, or one plugin only.

    Args:
        home: the results root; need not exist.
        data_root: where folder data sets lie.
        plugin: a method or loss, by name or FILE.py:Class: only the conformance suite runs, on it.

    Yields:
        The findings, as soon as they are there.

    Raises:
        BenchError: if there is no such plugin or it does not import.
    """
    if plugin is not None:
        yield from _plugin(plugin)
        return
    # each part is imported inside its guard: what does not import is a finding, not the end
    yield from guarded("versions", "versions", _versions)
    yield from guarded("numbers", "numbers", _numbers)
    yield from guarded("machine", "machine", lambda: _machine(home))
    yield from guarded("weights", "weights", lambda: _weights(home))
    yield from guarded("data", "data", lambda: _data(home, data_root))


def _versions() -> Iterator[Finding]:
    from bench.checks.doctor.versions import version_findings

    yield from version_findings()


def _numbers() -> Iterator[Finding]:
    import torch

    from bench.checks.doctor.numbers import number_findings
    from bench.checks.doctor.references import reference_findings

    yield from reference_findings([f"cuda:{index}" for index in range(torch.cuda.device_count())])
    yield from number_findings()


def _machine(home: Path) -> Iterator[Finding]:
    from bench.checks.doctor.machine import machine_findings

    yield from machine_findings(home)


def _weights(home: Path) -> Iterator[Finding]:
    from bench.checks.doctor.supplies import weight_findings

    yield from weight_findings(home / "weights")


def _data(home: Path, data_root: Path) -> Iterator[Finding]:
    from bench.checks.doctor.supplies import data_findings

    yield from data_findings(home, data_root)


def _plugin(reference: str) -> Iterator[Finding]:
    from bench.checks.conformance import checks_for, problem

    for name, check in checks_for(reference).items():
        fault = problem(check, reference)
        yield Finding(f"plugin {reference}", "", "FAIL" if fault else "ok", f"{name}: {fault}" if fault else name)


def show(findings: Iterable[Finding], console: Console) -> list[Finding]:
    """Print findings as they come, below their sections, and one line that sums them up.

    Args:
        findings: from `examine`.
        console: where; on a terminal, long lines are folded below their own column.

    Returns:
        The findings.
    """
    shown: list[Finding] = []
    for finding in findings:
        if not shown or shown[-1].section != finding.section:
            console.print(Text(finding.section, style="bold"))
        mark = Text(f"  {finding.mark:<4}", style=_STYLES[finding.mark])
        name = f"{finding.name:<{NAME_WIDTH}}" if finding.name else ""
        if console.is_terminal:
            line = Table.grid(padding=(0, 1))
            # folded, so that an address or a path too long for the line is still whole
            line.add_row(mark, *([Text(name, no_wrap=True)] if name else []), Text(finding.detail, overflow="fold"))
            console.print(line)
        else:
            console.print(mark, *([Text(name)] if name else []), Text(finding.detail), soft_wrap=True)
        shown.append(finding)
    console.print(Text(summary(shown), style="bold"), soft_wrap=not console.is_terminal)
    return shown


def summary(findings: list[Finding]) -> str:
    """One line: is anything wrong?"""
    failed = sum(finding.mark == "FAIL" for finding in findings)
    warned = sum(finding.mark == "warn" for finding in findings)
    absent = sum(finding.mark == "none" for finding in findings)
    if failed:
        return f"{failed} of {len(findings)} checks FAIL; see the lines marked so"
    remarks = ["all is well" if not warned else f"usable, but see what is marked warn ({warned})"]
    remarks += [f"what is marked none ({absent}) is needed for some tables only"] if absent else []
    return "; ".join(remarks)
