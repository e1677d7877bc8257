"""Mutants: one small change of one module each, made by mutmut's operators.

mutmut's own runner puts all mutants of a file into one file, beside the originals and behind switches. What looks at
classes sees those (pydantic's models, the hash of the code), decorated functions and class bodies are left out, and
processes that tests start have to be told which switch is on. So only its operators are used: a mutant is a whole file.

Three rules say what is no mutant:

* words of prose: a string with a blank in it tells a person something, and its wording is free. Strings without one are
  keys, names and formats, and are mutated;
* what is not run or not ours to decide: annotations, docstrings, decorators, and the arguments of `len` and `isinstance`,
  which are mutmut's own exceptions;
* a change that leaves the syntax tree as it was, `strict=` of `zip` and `flush=` of `print` aside: an assertion of what
  callers keep anyway, and when a line is seen.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

PACKAGES = ("bench/run", "bench/ledger", "bench/verdict", "bench/metrics", "methods/losses")
_LEFT_ALONE = ("len", "isinstance")
_ASIDE = {"zip": "strict", "print": "flush"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        module: the file, from the root of the repository.
        function: the qualified name of what the change is in; empty at module level.
        line: where it starts, 1-based.
        change: the lines as they were and as they are, without indentation: `old -> new`.
        code: the whole file.
    """

    module: str
    function: str
    line: int
    change: str
    code: str

    @property
    def name(self) -> str:
        """What explanations and results call it; it stays when lines move."""
        return f"{self.module}::{self.function}: {self.change}"


@dataclass(frozen=True)
class Candidate:
    """A change that is not made yet: making all takes minutes."""

    module: str
    function: str
    line: int
    text: str
    tree: cst.Module
    node: cst.CSTNode
    replacement: cst.CSTNode

    def rank(self, seed: int) -> str:
        """A number of its own, whatever else there is: a sample changes only where the code does."""
        return hashlib.sha256(f"{seed} {self.module} {self.function} {self.text}".encode()).hexdigest()

    def make(self) -> Mutant | None:
        """The mutant; None if it says what was there before, in other words."""
        before = self.tree.code
        after = self.tree.deep_replace(self.node, self.replacement).code  # type: ignore[arg-type]
        if _meaning(before) == _meaning(after):
            return None
        return Mutant(self.module, self.function, self.line, _change(before, after), after)


def sample(root: Path, seed: int, count: int) -> list[Mutant]:
    """The `count` mutants of lowest rank, over all packages, in the order of their ranks."""
    ranked = sorted(candidates(root), key=lambda candidate: candidate.rank(seed))
    made: dict[str, Mutant] = {}  # of two that read alike the first
    for candidate in ranked:
        if len(made) < count and (mutant := candidate.make()) is not None:
            made.setdefault(mutant.name, mutant)
    return list(made.values())


def candidates(root: Path) -> Iterator[Candidate]:
    """Every change of every module."""
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            yield from _of_module(str(file.relative_to(root)), file.read_text())


def _of_module(module: str, code: str) -> Iterator[Candidate]:
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = _Visitor(wrapper.module)
    wrapper.visit(visitor)
    seen: Counter[tuple[str, str]] = Counter()
    for node, replacement, function, line in visitor.found:
        text = f"{_text(wrapper.module, node)} -> {_text(wrapper.module, replacement)}"
        seen[function, text] += 1
        yield Candidate(module, function, line, f"{text} #{seen[function, text]}", wrapper.module, node, replacement)


class _Visitor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, tree: cst.Module) -> None:
        super().__init__()
        self.tree = tree
        self.scope: list[str] = []
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, str, int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator) or self._is_left_alone(node):
            return False
        if not self._is_prose(node):
            self.found += self._mutations(node)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self.scope.append(node.name.value)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self.scope.pop()

    def _mutations(self, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode, str, int]]:
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                for replacement in operator(node):
                    position = self.get_metadata(PositionProvider, node, None)
                    yield node, replacement, ".".join(self.scope), position.start.line if position else 0

    @staticmethod
    def _is_left_alone(node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _LEFT_ALONE

    def _is_prose(self, node: cst.CSTNode) -> bool:
        if not isinstance(node, cst.BaseString):
            return False
        is_docstring = isinstance(self.get_metadata(ParentNodeProvider, node, None), cst.Expr)
        return is_docstring or " " in _text(self.tree, node).strip("\"' ")


def _text(tree: cst.Module, node: cst.CSTNode) -> str:
    return " ".join(tree.code_for_node(node).split())


@cache
def _meaning(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ASIDE:
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != _ASIDE[node.func.id]]
    return ast.dump(tree)


def _change(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[3:]
    return " -> ".join(_joined(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(line.split()) for line in lines)
