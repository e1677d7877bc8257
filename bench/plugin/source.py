"""A plugin's source as a text: parsed within bounds and never run."""

from __future__ import annotations

import ast
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError
from bench.base.regular import open_regular

LARGEST = 250_000  # bytes of a source file, about 6,000 lines


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return str(error).strip().splitlines()[0] if str(error).strip() else "no message"


def parse(path: Path) -> ast.Module:
    """Parse a source file without running it.

    Raises:
        BenchError: if it cannot be read, is larger than `LARGEST`, or is no Python.
    """
    try:
        with open_regular(path) as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BenchError(f"{path}: is larger than {LARGEST:,} bytes, which no plugin needs; split it into modules")
        return _tree(content.decode("utf-8"), path.name)
    except (RecursionError, MemoryError):  # brackets or operators nested thousands deep
        raise BenchError(f"{path}: cannot be read as Python: it is nested too deeply; write it flatter") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read as Python: {first_line(error)}") from error


@lru_cache(maxsize=32)
def _tree(text: str, name: str) -> ast.Module:
    with warnings.catch_warnings():  # of odd escapes: whoever imports the file is told
        warnings.simplefilter("ignore")
        return ast.parse(text, name)


def class_literals(path: Path) -> dict[str, dict[str, Any]]:
    """Read the literal class attributes of every class in a source file, without running it.

    Args:
        path: a Python source file.

    Returns:
        class name -> attribute -> value; `__doc__` holds the first line of the class's docstring. A class inherits
        the literals of base classes defined in the same file.

    Raises:
        BenchError: if the file cannot be parsed.
    """
    classes: dict[str, dict[str, Any]] = {}
    for node in parse(path).body:
        if not isinstance(node, ast.ClassDef):
            continue
        literals: dict[str, Any] = {}
        for base in node.bases:
            inherited = classes.get(base.id, {}) if isinstance(base, ast.Name) else {}
            # a name is not inherited: a subclass without one of its own is not a plugin of its own
            literals.update({k: v for k, v in inherited.items() if k not in ("name", "__doc__")})
        literals["__doc__"] = (ast.get_docstring(node) or "").split("\n")[0]
        for statement in node.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                target, value = statement.target, statement.value
            else:
                continue
            if isinstance(target, ast.Name):
                # not a literal; or one nested as deep as Python reads but does not walk
                with suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    literals[target.id] = ast.literal_eval(value)
        classes[node.name] = literals
    return classes
