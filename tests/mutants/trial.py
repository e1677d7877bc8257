"""One mutant against the tests of its module: in a copy of the tree, in a fork of a process that has imported torch.

What a mutant does stays inside: its own folder of temporary files, its own session, a limit of memory and of file size, and
whatever it started is ended with it. Linux only.
"""

from __future__ import annotations

import compileall
import ctypes
import importlib
import os
import py_compile
import resource
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TREE = (
    "bench",
    "methods",
    "protocols",
    "results",
    "tests",
    "docs",
    "examples",
    "pyproject.toml",
    "README.md",
    "tox.ini",
)
# nothing of the project: a fork imports that from its own copy, with the mutant in it
PRELOADED = (
    "torch._dynamo", "torchvision", "numpy", "scipy.linalg", "pandas", "pydantic", "typer", "rich.live", "yaml", "PIL.Image",
    "matplotlib.pyplot", "safetensors.torch", "filelock", "hypothesis", "jinja2", "efficientnet_lite_pytorch",
    "pytorch_fid.inception", "requests", "pooch", "packaging.version", "multiprocessing.forkserver",
)  # fmt: skip
MEMORY_BYTES, FILE_BYTES = 8 << 30, 1 << 30
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what a mutant leaves behind becomes our child, so that it is found


@dataclass(frozen=True)
class Trial:
    """What the tests said.

    Attributes:
        outcome: `killed`, `survived` or `timed out`.
        seconds: wall-clock.
        by: the first test that failed; empty if none did, or if the tests could not even be collected.
        passed: seconds that tests took which passed, by their ids.
    """

    outcome: str
    seconds: float
    by: str = ""
    passed: dict[str, float] = field(default_factory=dict)


def preload() -> None:
    """Import what takes long, once for all forks."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in PRELOADED:
            importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] in ("bench", "methods", "results", "protocols")]
    assert not ours, f"imported before the mutant is there: {ours}"


def copy_tree(root: Path, tree: Path) -> None:
    """The repository as far as tests need it, compiled: a file that changes is read again, whatever its date."""
    for name in TREE:
        if (root / name).is_dir():
            shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, tree / name)
    checked = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(tree, quiet=2, invalidation_mode=checked)


def try_out(
    tree: Path,
    module: str | None,
    code: str,
    tests: Sequence[str],
    limit: float,
    known: Mapping[str, float] | None = None,
) -> Trial:
    """Run tests in a copy of the tree.

    Args:
        tree: from `copy_tree`.
        module: the file to replace by `code` meanwhile; None: none.
        code: its mutated content.
        tests: files or test ids, from the root.
        limit: seconds.
        known: how long tests take, by their ids: of each file the quick ones come first.
    """
    original = None if module is None else (tree / module).read_bytes()
    scratch = tree.parent / f"{tree.name}-tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    started = time.monotonic()
    try:
        if module is not None:
            (tree / module).write_text(code)
        _adopt_orphans()
        child = os.fork()
        if child == 0:
            _test(tree, scratch, tests, known or {})
        status = _wait(child, started + limit)
    finally:
        _end_descendants()
        if module is not None and original is not None:
            (tree / module).write_bytes(original)
    seconds = time.monotonic() - started
    by = (scratch / "by").read_text() if (scratch / "by").is_file() else ""
    passed = _passed(scratch / "passed")
    if status is None:
        return Trial("timed out", seconds, by, passed)
    by = by or _end_of(scratch / "output") * (status != 0)
    return Trial("survived" if status == 0 else "killed", seconds, by, passed)


def _test(tree: Path, scratch: Path, tests: Sequence[str], known: Mapping[str, float]) -> None:
    """The child: never returns."""
    status = 70
    try:
        os.setsid()
        os.chdir(tree)
        output = os.open(scratch / "output", os.O_CREAT | os.O_WRONLY, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, source in enumerate((nothing, output, output)):
            os.dup2(source, number)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.environ |= {"PYTHONPATH": str(tree), "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.dont_write_bytecode = True
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        sys.path[:] = [str(tree), *(path for path in sys.path[1:] if not (Path(path) / "bench").is_dir())]
        options = ["-q", "-x", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]
        chosen = ["-m", "not slow and not browser", f"--basetemp={scratch / 'pytest'}", f"--rootdir={tree}"]
        status = int(pytest.main([*options, *chosen, *tests], plugins=[_Order(known), _Notes(scratch)]))
    finally:
        os._exit(status)


class _Order:
    """A pytest plugin that runs the quick tests of each file first."""

    def __init__(self, known: Mapping[str, float]) -> None:
        self.known = known

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        places = {path: place for place, path in enumerate(dict.fromkeys(item.path for item in items))}
        items.sort(key=lambda item: (places[item.path], self.known.get(item.nodeid, 0.0)))


class _Notes:
    """A pytest plugin that writes down which test failed first, and how long those took that passed."""

    def __init__(self, folder: Path) -> None:
        self.by, self.passed = folder / "by", folder / "passed"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.by.write_text(report.nodeid)
        elif report.when == "call" and report.passed:
            with self.passed.open("a") as file:
                file.write(f"{report.duration} {report.nodeid}\n")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.by.write_text(report.nodeid)


def _passed(file: Path) -> dict[str, float]:
    lines = file.read_text().splitlines() if file.is_file() else []
    return {name: float(seconds) for seconds, _, name in (line.partition(" ") for line in lines)}


def _wait(child: int, deadline: float) -> int | None:
    """How a child ended; None if it had to be killed at the deadline."""
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _end_descendants() -> None:
    """End whatever was started below this process, round by round: who loses its parent becomes our child."""
    for _ in range(50):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)


def _end_of(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines() if output.is_file() else []
    return lines[-1][:200] if lines else ""
