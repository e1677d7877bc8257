"""Users' plugin files, which are parsed before anything of them may run; reference numbers; references typed by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from trials import REFUSED, STRANGE, Reader, Trials, outcome, spoiled

from bench.base.errors import UsageError
from bench.plugin import discovery
from bench.plugin.closure import closure
from bench.plugin.discovery import Plugin, find_plugin
from bench.plugin.reference import ReferenceCheck
from bench.plugin.source import LARGEST, class_literals

SOURCE = Path(__file__).parents[1] / "plugins" / "toy.py"
HOSTILE = [
    b"", b"\xff\xfe\x00", b"\x00", b"# coding: rot13\nx", b"\xef\xbb\xbfclass A: pass\n", b"class A(B:\n",
    b"import " + b"." * 500 + b" x",
    b"x = " + b"(" * 5000 + b")" * 5000, b"x = " + b"-" * 90_000 + b"1", b"x = " + b"[" * 90, b"x = 1" + b" + 1" * 50_000,
    b"class A:\n    name = " + b"{" * 60 + b"}" * 60, b"class A:\n    revision = 9" + b"9" * 5000, b"x" * (LARGEST + 1),
    b"class A:\n    name = '../../x'\n", b"class A:\n    name = 'a\\nb'\n", b"class A:\n    data_files = ('../' * 9,)\n",
    b"class A:\n    data_files = ('/etc/passwd', '\\x00', '.')\n", b"class A:\n    data_files = 7\n",
    b"class A:\n    revision = 1.5\n",
    b"from . import a\nfrom .. import b\nfrom " + b"." * 60 + b" import c\n", b"import own\nimport own.own\n",
    b"__import__('')\n",
    b"import importlib\nimportlib.import_module('.x', 'y')\n",
    b"if 1:\n" + b"".join(b" " * n + b"if 1:\n" for n in range(1, 99)) + b" " * 99 + b"x",
]  # fmt: skip


def read(path: Path) -> Any:
    """What planning and `info` ask of a plugin's file: nothing of it is run."""
    class_literals(path)
    consists_of = closure(path)
    return [consists_of.sha256(), *(find_plugin("loss", f"{path}:{name}").revision for name in class_literals(path))]


def test_plugin_files(trials: Trials) -> None:
    """Whatever is accepted has another hash, so another key, if it is another file."""
    trials.withstands(Reader(read, SOURCE.read_bytes(), "own.py", lambda found, good: found != good, inputs=0.5))
    path = trials.folder / "own.py"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = outcome(read, path)
        trials.counts["refused" if found is REFUSED else "taken, never run"] += 1

    trials.try_all(
        st.sampled_from(HOSTILE) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")), check
    )


def test_modules_that_import_each_other(trials: Trials) -> None:
    (trials.folder / "own.py").write_text("import other\nclass A:\n    name = 'a'\n")
    (trials.folder / "other.py").write_text("import own, third\n")
    (trials.folder / "third.py").symlink_to("own.py")

    def check(content: bytes) -> None:
        (trials.folder / "other.py").write_bytes(content)
        found = outcome(read, trials.folder / "own.py")
        trials.counts["refused" if found is REFUSED else "taken, never run"] += 1

    trials.try_all(st.sampled_from(HOSTILE) | spoiled(b"import own, third\nfrom . import own\n"), check, 0.5)


@pytest.mark.parametrize("kind", ["method", "loss", "metric", "task", "executor", "reference"])
def test_references(trials: Trials, kind: str) -> None:
    """As protocols, tables, records and command lines hold them."""
    (trials.folder / "own.py").write_text("class A:\n    name = 'a'\n")
    parts = st.sampled_from(
        [
            "own.py",
            str(trials.folder / "own.py"),
            ":",
            "A",
            "/",
            "..",
            ".py",
            "cut",
            "~",
            "\0",
            "\n",
            "é",
            "x" * 3000,
            " ",
        ]
    )
    texts = (
        st.lists(parts, max_size=4).map("".join)
        | st.sampled_from([v for v in STRANGE if isinstance(v, str)])
        | st.text(max_size=30)
    )

    def check(text: str) -> None:
        found = outcome(lambda _: find_plugin(kind, text), Path())
        trials.counts["refused" if found is REFUSED else "found"] += 1

    trials.try_all(texts, check, 0.3)


def test_entry_points(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of installed packages: a broken one takes no command down, or is named."""
    texts = st.sampled_from(
        [
            "",
            "a",
            "cut",
            "../x",
            "a b",
            "a\nb",
            "os",
            "os.path",
            ".",
            "..",
            "a:b",
            "bench.nothing",
            "json.decoder",
            "\udcff",
            "__main__",
            "x" * 999,
        ]
    )
    points = st.builds(
        lambda name, module, attr: SimpleNamespace(name=name, module=module, attr=attr, value="", dist=None),
        texts,
        texts,
        texts,
    )

    def check(found: list[Any]) -> None:
        monkeypatch.setattr(discovery, "offered", lambda group: found)
        discovery.plugins.cache_clear()

        def load(_: Path) -> list[Plugin]:
            known = discovery.plugins("loss")
            for name in {point.name for point in found} & known.keys():
                outcome(lambda _, name=name: known[name].load(), Path())
            return list(known.values())

        trials.counts["refused" if outcome(load, Path()) is REFUSED else "taken"] += 1

    try:
        trials.try_all(st.lists(points, max_size=3), check, 0.5)
    finally:
        discovery.plugins.cache_clear()


def test_reference_numbers(trials: Trials) -> None:
    path = trials.folder / "numbers.npz"
    np.savez(path, a=np.arange(6.0), b=np.float32(1))

    class Own(ReferenceCheck):
        path = trials.folder / "numbers.npz"  # type: ignore[assignment]

    def numbers(file: Path) -> Any:
        if not file.is_file():
            raise UsageError("as Reference.path says")
        own = Own()
        return {name: array.tobytes() for name, array in own.numbers().items()}

    trials.withstands(Reader(numbers, path.read_bytes(), "numbers.npz", lambda found, good: isinstance(found, dict)))
