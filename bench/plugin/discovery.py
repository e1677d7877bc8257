"""Discovery of methods, losses, metrics, tasks and reference numbers: built-in, from entry points, or `FILE.py:Class`.

Listing reads the literals of plugin classes from their source with `ast`, so `contrastbench list` never imports torch and
one broken plugin cannot take the command line down. A plugin is imported only when it is used, and an error while
importing it names the plugin's origin.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.base.entry_points import offered
from bench.base.errors import BenchError, UsageError, unknown_name
from bench.base.regular import is_regular, resolved
from bench.plugin.named import NotNamed, is_file_reference, is_named, name_file
from bench.plugin.source import class_literals, first_line

if TYPE_CHECKING:
    from bench.plugin.loss import PairLoss
    from bench.plugin.method import Method
    from bench.plugin.reference import Reference

# kind -> (package whose modules are searched, literals a class needs to count as such a plugin)
_BUILT_IN = {
    "method": ("methods", ("name", "task")),
    "loss": ("methods.losses", ("name", "citation")),
    "metric": ("bench.metrics", ("name", "higher_is_better")),
    "reference": ("methods.references", ("name", "what")),
    "task": ("bench.tasks", ("name", "verb")),
    "executor": ("bench.run.executors", ("name", "description")),
}
_ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"\w[\w.-]*")
_PLURAL = {
    "method": "methods",
    "loss": "losses",
    "metric": "metrics",
    "reference": "references",
    "task": "tasks",
    "executor": "executors",
}


@dataclass(frozen=True)
class Plugin:
    """One plugin, known without importing it.

    Attributes:
        kind: `method`, `loss`, `metric`, `reference`, `task` or `executor`.
        name: the name people use.
        class_name: the class inside `path`.
        path: source file.
        module: dotted module name, None for a file given by path.
        origin: what an error message calls it ("built-in", "package 1.0", a file).
        literals: class-level literals (`name`, `task`, `citation`, `revision`, ...).
    """

    kind: str
    name: str
    class_name: str
    path: Path
    module: str | None
    origin: str
    literals: dict[str, Any] = field(hash=False)

    @property
    def is_user_file(self) -> bool:
        """Whether the source came from outside the installed packages: its hash is then part of the train key."""
        return self.module is None

    @property
    def is_built_in(self) -> bool:
        """Whether it is contrastbench's own, so that the hash of its code covers it."""
        return self.origin == "built-in"

    @property
    def revision(self) -> int:
        """Its revision number, 1 if it has none.

        Raises:
            UsageError: if the literal is no whole number.
        """
        value = self.literals.get("revision", 1)
        if not isinstance(value, int):
            raise UsageError(
                f"{self.kind} {self.name} ({self.origin}): revision must be a whole number, not {value!r}; correct it"
            )
        return value

    def content_sha256(self) -> str:
        """The hash of a user's file with the modules that it imports and the data files that it declares."""
        from bench.plugin.closure import content_sha256

        return content_sha256(self.path)

    def load(self) -> type:
        """Import the plugin's class.

        Raises:
            NotNamed: it is a user's file that only a record names; it is not touched.
            BenchError: if importing fails; the message names plugin, origin and cause.
        """
        if self.is_user_file and not is_named(self.path):
            raise NotNamed(self.kind, f"{self.path}:{self.class_name}")
        try:
            module = importlib.import_module(self.module) if self.module else _import_users(self.path)
        except BenchError as error:  # says itself what is wrong with the plugin and what helps
            raise type(error)(f"{self.kind} '{self.name}' ({self.origin}): {error}") from error
        except (Exception, SystemExit) as error:
            raise BenchError(
                f"{self.kind} '{self.name}' ({self.origin}) fails on import: {type(error).__name__}: {first_line(error)}; "
                "mend it or leave it out"
            ) from error
        try:
            return getattr(module, self.class_name)
        except AttributeError:
            raise UsageError(f"{self.path.name} has no class {self.class_name}") from None


def _import_users(path: Path) -> ModuleType:
    """Import a user's file, and refuse what it brings along that no key covers."""
    from bench.plugin.closure import only_covered, warn_of_what_is_not_followed
    from bench.plugin.user_modules import import_file

    warn_of_what_is_not_followed(path)
    with only_covered(path):
        return import_file(path)


def _built_in(kind: str) -> Iterator[Plugin]:
    package, required = _BUILT_IN[kind]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BenchError(f"the package {package} is missing or shadowed; reinstall contrastbench")
    folder = Path(next(iter(spec.submodule_search_locations)))
    if not folder.resolve().is_relative_to(_ROOT):
        raise BenchError(
            f"{folder} takes the place of contrastbench's {package}; run from another folder, or rename it"
        )
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not all(key in text for key in required):  # networks, helpers: parsing them all takes a third of a second
            continue
        for class_name, literals in class_literals(path).items():
            if literals.get("name") and all(literals.get(key, "") != "" for key in required):
                yield Plugin(kind, literals["name"], class_name, path, f"{package}.{path.stem}", "built-in", literals)


def _from_entry_points(kind: str) -> Iterator[Plugin]:
    for point in offered(f"contrastbench.{_PLURAL[kind]}"):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else "an entry point"
        path = _module_file(point.module)
        literals: dict[str, Any] = {"name": point.name}
        if path is not None:
            try:
                literals = class_literals(path).get(point.attr, {}) | {"name": point.name}
            except BenchError as error:
                literals["__doc__"] = f"cannot be read: {error}"
        yield Plugin(kind, point.name, point.attr, path or Path(point.module), point.module, origin, literals)


def _module_file(module: str) -> Path | None:
    """Find a module's source without importing it (nor its parents, which might import torch)."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for location in spec.submodule_search_locations or ():
        base = Path(location).joinpath(*rest)
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


@cache
def plugins(kind: str) -> dict[str, Plugin]:
    """Every installed plugin of a kind by name.

    Raises:
        BenchError: if two plugins claim one name; the message names both origins.
    """
    by_name: dict[str, Plugin] = {}
    for plugin in [*_built_in(kind), *_from_entry_points(kind)]:
        if not _NAME.fullmatch(plugin.name):
            raise BenchError(
                f"{kind} '{plugin.name}' of {plugin.origin} ({plugin.path}): a name may only hold letters, digits and ._-; "
                "uninstall or rename it"
            )
        if namesake := by_name.get(plugin.name):
            raise BenchError(
                f"two {_PLURAL[kind]} are named '{plugin.name}': {namesake.origin} ({namesake.path}) "
                f"and {plugin.origin} ({plugin.path}); uninstall or rename one"
            )
        by_name[plugin.name] = plugin
    return by_name


def find_plugin(kind: str, reference: str) -> Plugin:
    """Look a plugin up by name or by `FILE.py:Class`.

    Args:
        kind: `method`, `loss`, `metric`, `reference` or `task`.
        reference: a plugin's name, or a file and the class in it.

    Raises:
        UsageError: if there is no such name, file or class.
    """
    file, _, class_name = reference.rpartition(":")
    if file.endswith(".py"):
        path = resolved(file)
        if not is_regular(path):
            raise UsageError(f"{file}: no such file; a {kind} is given as a name or as FILE.py:Class")
        classes = class_literals(path)
        if class_name not in classes:
            raise UsageError(f"{file} has no class '{class_name}'; it has: {', '.join(classes) or 'no class'}")
        literals = classes[class_name]
        name = str(literals.get("name") or class_name)
        if not _NAME.fullmatch(name):  # it becomes the name of folders
            raise UsageError(f"{file}: {class_name}: name {name!r} may only hold letters, digits and ._-; rename it")
        return Plugin(kind, name, class_name, path, None, str(path), literals)
    known = plugins(kind)
    if reference.endswith(".py") and is_regular(resolved(reference)):
        classes = class_literals(resolved(reference))
        raise UsageError(f"{reference}: name the class too: {reference}:{next(iter(classes), 'CLASS')}")
    if reference not in known and (":" in reference or "/" in reference):
        raise UsageError(f"{reference}: a {kind} is given as a name or as FILE.py:Class")
    if reference not in known:
        raise unknown_name(kind, reference, known)
    return known[reference]


def package_versions(uses: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Version by name of every package that brought a plugin: a result's provenance.

    Args:
        uses: kind and reference of each plugin of a run.
    """
    versions = {}
    for kind, reference in uses:
        if not is_file_reference(reference):
            origin = find_plugin(kind, reference).origin
            if origin != "built-in" and " " in origin:
                name, _, found_version = origin.rpartition(" ")
                versions[name] = found_version
    return versions


def is_usable(kind: str, reference: str) -> bool:
    """Whether a plugin that a record names is installed, or a file that was named here too.

    Args:
        kind: as of `find_plugin`.
        reference: what stands in the record.
    """
    if is_file_reference(reference):
        path = Path(reference.rpartition(":")[0])
        return is_named(path) and is_regular(resolved(path))
    return reference in plugins(kind)


def load_plugin(kind: str, reference: str, base: type) -> Any:
    """Import a plugin and check that it is one; a user's file must have been named (bench/plugin/named.py).

    Args:
        kind: `method`, `loss`, `metric` or `reference`.
        reference: its name, or FILE.py:Class.
        base: the class it must subclass.

    Raises:
        UsageError: if there is no such plugin, it is a file that was not named, or it is no subclass.
        BenchError: if it fails on import.
    """
    plugin = find_plugin(kind, reference)
    loaded = plugin.load()
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        address = base.__module__.replace("bench.plugin.", "bench.")  # the short one that plugin authors import from
        raise UsageError(
            f"{kind} '{reference}' ({plugin.origin}): {plugin.class_name} must subclass {address}.{base.__name__}"
        )
    return loaded


def load_method(reference: str) -> type[Method]:
    """Import a method by name or `FILE.py:Class`, for whoever wrote that reference; not for one that a record holds."""
    from bench.plugin.method import Method

    name_file(reference)
    return load_plugin("method", reference, Method)


def load_loss(reference: str) -> type[PairLoss]:
    """Import a loss by name or `FILE.py:Class`; see `load_method`."""
    from bench.plugin.loss import PairLoss

    name_file(reference)
    return load_plugin("loss", reference, PairLoss)


def load_reference(reference: str) -> type[Reference]:
    """Import reference numbers by name or `FILE.py:Class`; see `load_method`."""
    from bench.plugin.reference import Reference

    name_file(reference)
    return load_plugin("reference", reference, Reference)


def loss_host() -> str:
    """The method in which losses are tried unless another is named: the first whose class says `hosts_losses = True`.

    Raises:
        UsageError: if no installed method says so.
    """
    for name, plugin in plugins("method").items():
        if plugin.literals.get("hosts_losses"):
            return name
    raise UsageError(
        "no installed method says `hosts_losses = True`, so there is none to try a loss in; "
        "name one that takes losses (compare --framework) or reinstall contrastbench"
    )
