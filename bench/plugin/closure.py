"""What a user's file consists of: itself, the modules of the user's that it imports, and the data files it declares.

Imports are followed without running anything: lazy, relative and typing imports count, and those of the modules so found.
A class says with the literal `data_files = ("vectors.npz",)`, relative to its file, what it reads. The hash of all of that
is in the keys of runs and scores; for a file alone it is the file's own.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.plugin.source import class_literals, parse
from bench.plugin.user_modules import PREFIX, Home, is_installed, is_users, locate, plugin_packages

# calls whose outcome only running them tells
_BY_NAME = frozenset({"import_module", "__import__"})
_COMPUTED = frozenset({"spec_from_file_location", "run_path", "run_module", "exec_module", "load_module"})
_LOADS = frozenset({"find_plugin", "load_plugin", "load_method", "load_loss", "load_metric", "load_reference"})
_FILE = re.compile(r"(.+\.py):\w+")


@dataclass
class Closure:
    """What a user's file consists of.

    Attributes:
        file: the file itself.
        modules: (name, file) of each module of the user's that it imports.
        data: (name, file) of each data file that a class of these files declares.
        not_followed: where something is imported or run that cannot be told without running it, one line each.
        missing: names that are imported and are nowhere to be found.
    """

    file: Path
    modules: set[tuple[str, Path]] = field(default_factory=set)
    data: set[tuple[str, Path]] = field(default_factory=set)
    not_followed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def files(self) -> set[Path]:
        """Every source file."""
        return {self.file, *(path for _, path in self.modules)}

    def sha256(self) -> str:
        """The hash that stands in keys; the same wherever the files lie."""
        own = file_sha256(self.file)
        others = sorted([name, file_sha256(path)] for name, path in self.modules | self.data)
        return hashlib.sha256(json.dumps([own, others]).encode()).hexdigest() if others else own


@dataclass(frozen=True)
class _Module:
    """A module that is to be followed: its name among its siblings, whether it is a package, and where imports start."""

    name: str
    path: Path
    is_package: bool
    home: Home


def closure(path: Path) -> Closure:
    """Follow what a user's file imports and declares.

    Args:
        path: a Python file.

    Raises:
        BenchError: one of the files cannot be parsed.
        UsageError: a data file is declared wrongly or is not there.
    """
    path = path.expanduser().resolve()
    collected = Closure(path)
    home = Home.of(path)
    todo = [_Module(home.name, path, False, home), *_parents(home)]
    seen: set[tuple[str, Path]] = set()
    while todo:
        module = todo.pop()
        if (module.name, module.path) in seen:
            continue
        seen.add((module.name, module.path))
        if module.path != path:
            collected.modules.add((module.name, module.path))
        if module.path.suffix != ".py":
            collected.not_followed.append(f"{module.path.name} is compiled")
            continue
        collected.data |= {
            (f"{'' if module.path == path else module.name}: {name}", file) for name, file in _data_files(module)
        }
        todo += _imported(module, collected)
    return collected


def content_sha256(path: Path) -> str:
    """The hash of a user's file with all that it consists of."""
    return closure(path).sha256()


def _parents(home: Home) -> Iterator[_Module]:
    """The packages that a file with relative imports is in."""
    parts = home.name.split(".")[:-1]
    for count in range(1, len(parts) + 1):
        yield from _module(home, ".".join(parts[:count]))


def _module(home: Home, name: str) -> Iterator[_Module]:
    located = locate(home.places, name)
    if located is not None and located.file is not None:
        yield _Module(name, located.file.resolve(), bool(located.folders), home)


def _imported(module: _Module, collected: Closure) -> Iterator[_Module]:
    """The modules of the user's that a module imports; what cannot be followed is noted."""
    for node in ast.walk(parse(module.path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _chain(module.home, alias.name, collected)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            yield from _chain(module.home, base, collected)
            for alias in node.names:
                yield from _module(module.home, f"{base}.{alias.name}" if base else alias.name)
        elif isinstance(node, ast.Call):
            yield from _called(module, node, collected)


def _base(module: _Module, node: ast.ImportFrom) -> str:
    """The absolute name of what `from ... import` imports from."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _chain(home: Home, name: str, collected: Closure) -> Iterator[_Module]:
    """A module and the packages that it is in."""
    parts = name.split(".")
    if name and locate(home.places, parts[0]) is None and not is_installed(name) and name not in collected.missing:
        collected.missing.append(name)
    for count in range(1, len(parts) + 1 if name else 1):
        yield from _module(home, ".".join(parts[:count]))


def _called(module: _Module, node: ast.Call, collected: Closure) -> Iterator[_Module]:
    """What a call imports by a name that is written out; another call that imports or runs is noted."""
    is_name = isinstance(node.func, ast.Name)
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    texts = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if called in _LOADS:
        for text in texts:
            if (file := _FILE.fullmatch(text)) and Path(file[1]).expanduser().is_file():
                path = Path(file[1]).expanduser().resolve()
                yield _Module(path.name, path, False, Home.of(path))
    elif (
        called in _BY_NAME and node.args and texts[:1] == [getattr(node.args[0], "value", None)] and texts[0][:1] != "."
    ):
        yield from _chain(module.home, texts[0], collected)
    elif called in _BY_NAME | _COMPUTED or (is_name and called in ("exec", "eval")):
        collected.not_followed.append(f"{module.path.name} line {node.lineno}: {called}")


def _data_files(module: _Module) -> Iterator[tuple[str, Path]]:
    for class_name, literals in class_literals(module.path).items():
        names = literals.get("data_files", ())
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) and name for name in names):
            raise UsageError(
                f"{module.path}: {class_name}: data_files must be a tuple of file names, not {str(names)[:60]!r}; "
                'for example data_files = ("vectors.npz",)'
            )
        for name in names:
            file = module.path.parent / name
            if "\0" in name or not file.is_file():
                raise UsageError(
                    f"{module.path}: {class_name}: data file {name!r} is not there; put it beside the file, or correct "
                    "data_files"
                )
            yield name, file.resolve()


@cache
def warn_of_what_is_not_followed(path: Path) -> None:
    """Say once, on standard error, what of a user's file no key can cover."""
    if lines := closure(path).not_followed:
        more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
        print(
            f"warning: {path}: what it imports or runs cannot all be told without running it, so no key covers that: "
            f"{', '.join(lines[:3])}{more}; `contrastbench info {path.name}:CLASS` lists what is covered",
            file=sys.stderr,
        )


@contextmanager
def only_covered(*users: Path) -> Iterator[None]:
    """Refuse what is imported from the user's side meanwhile and is in no hash.

    Args:
        users: the user's files that are imported or used meanwhile.

    Raises:
        BenchError: naming the module and how to have it covered.
    """
    before = set(sys.modules)
    yield
    new = sorted(set(sys.modules) - before)
    strangers = [(name, file) for name in new if (file := _users_file(name)) is not None]
    if strangers:
        covered = set().union(*(closure(path).files for path in users))
        strangers = [(name, file) for name, file in strangers if file not in covered]
    if not strangers:
        return
    for name in new:  # so that the next attempt finds it again
        if name in dict(strangers) or (name.startswith(PREFIX) and "." in name):
            del sys.modules[name]
    name, file = strangers[0]
    by = users[0].name if users else "a method"
    raise BenchError(
        f"{by} imports {name.partition('.')[2] if name.startswith(PREFIX) else name} ({file}) in a way that cannot be "
        f"followed, so an edit of it would go unnoticed; write a plain `import` of it in {by}, and put it beside that file "
        "or on PYTHONPATH"
    )


def _users_file(name: str) -> Path | None:
    """The file of an imported module, if it is on the user's side."""
    file = getattr(sys.modules[name], "__file__", None)
    if not isinstance(file, str) or name.partition(".")[0] in plugin_packages() or not is_users(file):
        return None
    return Path(os.path.realpath(file))
