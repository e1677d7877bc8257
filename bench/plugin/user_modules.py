"""How a user's file is imported: with the modules beside it, under names that no other folder's modules can have.

A file `lab/loss.py` becomes the module `contrastbench_user_<folder>.loss`, and what it imports from the user's side becomes
a module of that package too. So two files in two folders each find their own `helper.py`; what is hashed
(bench/plugin/closure.py) and what is imported are found by the same `locate`; and Python's byte code, which takes an edit
within a second for none, is never used.

The user's side: modules that are neither Python's own, nor in `site-packages` or `dist-packages`, nor contrastbench's, nor
of a package that brings plugins by entry points, which its version stands for. An editable install without entry points is
the user's. Names are looked for in Python itself, beside the file, then where Python looks.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bench.base.entry_points import offered, offered_groups
from bench.plugin.source import parse

PREFIX = "contrastbench_user_"
_OWN = frozenset({"bench", "methods", "protocols", "results"})
_OWN_ROOT = Path(__file__).resolve().parents[2]
_LOADERS: Any = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


@dataclass(frozen=True)
class Found:
    """A module of the user's.

    Attributes:
        file: its source, or its compiled file; None: a folder without `__init__.py`.
        folders: where its submodules are; empty: it is no package.
    """

    file: Path | None
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Home:
    """Where a user's file stands among its modules.

    Attributes:
        name: dotted, from the folder that its imports start in.
        places: folders beside the file in which its imports are looked for.
    """

    name: str
    places: tuple[Path, ...]

    @property
    def package(self) -> str:
        """The package that its modules are imported into."""
        return PREFIX + hashlib.sha256("\n".join(map(str, self.places)).encode()).hexdigest()[:12]

    @classmethod
    def of(cls, path: Path) -> Home:
        """The place of a file; one with relative imports is a module of the package that its folders make.

        Args:
            path: a user's file.
        """
        levels = [node.level for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom) and node.level]
        path = path.resolve()
        stem = path.stem.replace(".", "_")
        root = path.parent
        if not levels:
            return cls(stem, (root,))
        while (root / "__init__.py").is_file() and root != root.parent:
            root = root.parent
        root = min(root, path.parents[min(max(levels), len(path.parents)) - 1], key=lambda place: len(place.parts))
        return cls(".".join([*path.parent.relative_to(root).parts, stem]), tuple(dict.fromkeys((root, path.parent))))


def locate(places: Sequence[Path], name: str) -> Found | None:
    """Find a module of the user's without importing it or its parents; None: it is not the user's, or there is none.

    Args:
        places: folders that are looked into first.
        name: dotted.
    """
    top, *rest = name.split(".")
    located = _top(places, top)
    for part in rest:
        located = _inside(located.folders, part) if located is not None else None
    return located


def _top(places: Sequence[Path], name: str) -> Found | None:
    if name in sys.stdlib_module_names or name in _OWN or name in plugin_packages():
        return None
    beside = _inside(places, name)
    if beside is not None and beside.file is not None:
        return beside
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        return beside
    folders = tuple(map(str, spec.submodule_search_locations or ()))
    if spec.has_location and spec.origin:
        return Found(Path(spec.origin), folders) if is_users(spec.origin) else None
    return Found(None, folders) if folders and all(map(is_users, folders)) else None


def _inside(folders: Sequence[Path | str], name: str) -> Found | None:
    """A module in one of some folders; the first with a file, else all folders of that name together."""
    open_folders: list[str] = []
    for folder in folders:
        spec = FileFinder(str(folder), *_LOADERS).find_spec(name)  # a fresh one: it remembers what a folder held
        if spec is None:
            continue
        inner = tuple(spec.submodule_search_locations or ())
        if spec.loader is None:
            open_folders += inner
        elif is_users(str(spec.origin)):
            return Found(Path(str(spec.origin)), inner)
    return Found(None, tuple(open_folders)) if open_folders else None


@cache
def plugin_packages() -> frozenset[str]:
    """Packages that bring plugins by entry points: their name and version are a result's provenance."""
    return frozenset(point.module.partition(".")[0] for group in offered_groups() for point in offered(group))


def is_installed(name: str) -> bool:
    """Whether a name that is not the user's can be imported here."""
    top = name.partition(".")[0]
    if top in sys.modules or top in sys.stdlib_module_names:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError, AttributeError):
        return False


@cache
def is_users(file: str) -> bool:
    """Whether a file or folder is on the user's side."""
    path = Path(os.path.realpath(file))
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    python = [Path(os.path.realpath(sysconfig.get_path(kind))) for kind in ("stdlib", "platstdlib")]
    return not any(path.is_relative_to(root) for root in [*python, *(_OWN_ROOT / name for name in _OWN)])


class _Loader(SourceFileLoader):
    """Runs a module's source as it is now, with an `import` that looks beside the user's file first."""

    def __init__(self, fullname: str, path: str, import_: Callable[..., ModuleType]) -> None:
        super().__init__(fullname, path)
        self.import_ = import_

    def get_code(self, fullname: str) -> CodeType:
        """See `InspectLoader.get_code`; never from byte code."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """See `Loader.exec_module`."""
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": self.import_}
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of the packages that stand for users' folders."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[Path, ...]] = {}
        self.files: dict[str, Path] = {}  # the users' own, which may be called what no module can
        self.imports: dict[str, Callable[..., ModuleType]] = {}

    def add(self, home: Home, path: Path) -> str:
        """Make a user's file importable; returns its module's name."""
        if home.package not in self.places:
            package = ModuleType(home.package)
            package.__path__ = []
            sys.modules[home.package] = package
            self.places[home.package] = home.places
            self.imports[home.package] = _import_for(home)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        name = f"{home.package}.{home.name}"
        self.files[name] = path
        return name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder.find_spec`."""
        package, _, name = fullname.partition(".")
        if package not in self.places:
            return None
        own = self.files.get(fullname)
        located = Found(own, ()) if own is not None else locate(self.places[package], name)
        if located is None:  # no other finder may try, for it would use Python's `import`
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        inner = list(located.folders) or None
        if located.file is None:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = inner
            return spec
        loader = None
        if located.file.suffix in SOURCE_SUFFIXES:
            loader = _Loader(fullname, str(located.file), self.imports[package])
        return importlib.util.spec_from_file_location(
            fullname, located.file, loader=loader, submodule_search_locations=inner
        )


def _import_for(home: Home) -> Callable[..., ModuleType]:
    """The `__import__` of a folder's modules."""
    is_users_own: dict[str, bool] = {}  # imports may stand in a step

    def import_(
        name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> ModuleType:
        top = name.partition(".")[0]
        if not level and top not in is_users_own:
            is_users_own[top] = locate(home.places, top) is not None
        if level or not is_users_own[top]:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(f"{home.package}.{name}", globals, locals, fromlist or ("__name__",), 0)
        return module if fromlist else sys.modules[f"{home.package}.{top}"]

    return import_


_FINDER = _Finder()


def import_file(path: Path) -> ModuleType:
    """Import a user's file, once per process.

    Args:
        path: its place; two files in two places are two modules, whatever they are called.
    """
    before = set(sys.modules)
    try:
        return importlib.import_module(_FINDER.add(Home.of(path), path.resolve()))
    except BaseException:  # so that a mended file, or a mended module beside it, is read anew
        for name in set(sys.modules) - before:
            if name.startswith(PREFIX) and "." in name:
                del sys.modules[name]
        raise
