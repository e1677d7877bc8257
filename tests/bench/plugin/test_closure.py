"""What a user's file consists of, and that nothing else of the user's gets in unnoticed."""

import shutil
import sys

import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.plugin.closure import closure, content_sha256
from bench.plugin.discovery import find_plugin, plugins
from bench.plugin.named import name_file


@pytest.fixture
def lab(tmp_path):
    """A folder with a plugin that imports the module beside it."""
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "plugin.py").write_text(
        "import math\nimport numpy\nfrom helper import FACTOR\nclass Mine:\n    x = FACTOR\n"
    )
    (folder / "helper.py").write_text("FACTOR = 1.0\n")
    return folder


def load(path, class_name="Mine"):
    name_file(f"{path}:{class_name}")
    return find_plugin("plugin", f"{path}:{class_name}").load()


def names(path):
    return sorted(name for name, _ in closure(path).modules)


def test_a_file_alone_is_known_by_its_own_hash(tmp_path):
    file = tmp_path / "alone.py"
    file.write_text("import torch, os.path\nfrom bench.loss import PatchLoss\nfrom methods import cut\nclass A: pass\n")
    assert content_sha256(file) == file_sha256(file)


def test_an_edit_of_an_imported_module_is_another_hash_and_a_copy_elsewhere_is_the_same(lab, tmp_path):
    before = content_sha256(lab / "plugin.py")
    assert before != file_sha256(lab / "plugin.py")
    shutil.copytree(lab, tmp_path / "node")
    (tmp_path / "node" / "plugin.py").rename(tmp_path / "node" / "copy.py")
    assert content_sha256(tmp_path / "node" / "copy.py") == before
    (lab / "helper.py").write_text("FACTOR = 2.0\n")
    assert content_sha256(lab / "plugin.py") != before


def test_modules_on_the_path_are_covered_too(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "lab_math_far.py").write_text("FACTOR = 1.0\n")
    file = tmp_path / "plugin.py"
    file.write_text("from lab_math_far import FACTOR\nclass Mine:\n    x = FACTOR\n")
    assert closure(file).missing == ["lab_math_far"]
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    assert names(file) == ["lab_math_far"]
    assert load(file).x == 1.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("def f():\n    import a.b", ["a", "a.b"]),
        ("from a import b", ["a", "a.b"]),
        ("from a.b import NUMBER", ["a", "a.b"]),
        ("from . import a", ["a"]),
        ("from .a import b", ["a", "a.b"]),
        ("if 0:\n    import a", ["a"]),
        ("import importlib\nimportlib.import_module('a.b')", ["a", "a.b"]),
        ("__import__('a')", ["a"]),
        ("import deep", ["a", "a.b", "deep"]),
        ("import statistics", []),  # Python's own, though a file of that name lies beside
    ],
)
def test_every_way_to_write_an_import(tmp_path, line, expected):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "__init__.py").write_text("")
    (tmp_path / "a" / "b.py").write_text("NUMBER = 1\nfrom . import b\n")
    (tmp_path / "deep.py").write_text("def late():\n    from a import b\n")
    (tmp_path / "statistics.py").write_text("")
    (tmp_path / "plugin.py").write_text(f"{line}\nclass Mine:\n    pass\n")
    assert names(tmp_path / "plugin.py") == expected
    assert not closure(tmp_path / "plugin.py").not_followed


def test_relative_imports_of_a_package(tmp_path):
    inner = tmp_path / "lab" / "losses"
    inner.mkdir(parents=True)
    (tmp_path / "lab" / "__init__.py").write_text("SIGN = -1\n")
    (inner / "__init__.py").write_text("")
    (tmp_path / "lab" / "maths.py").write_text("from . import SIGN\nFACTOR = 3 * SIGN\n")
    (inner / "mine.py").write_text("from ..maths import FACTOR\nclass Mine:\n    x = FACTOR\n")
    assert names(inner / "mine.py") == ["lab", "lab.losses", "lab.maths"]
    assert load(inner / "mine.py").x == -3


@pytest.mark.parametrize(
    "line",
    [
        "import importlib, os\nimportlib.import_module(os.environ['X'])",
        "__import__(str(1))",
        "exec('1')",
        "eval('1')",
        "import runpy\nrunpy.run_path('x')",
        "import importlib.util\nimportlib.util.spec_from_file_location('a', 'b')",
    ],
)
def test_what_cannot_be_followed_is_said(tmp_path, capsys, line):
    file = tmp_path / "plugin.py"
    body = "".join(f"    {part}\n" for part in line.split("\n"))
    file.write_text(f"class Mine:\n    pass\ndef later(model):\n    model.eval()\ndef f():\n{body}")
    (only,) = closure(file).not_followed
    assert only.startswith("plugin.py line ")
    load(file)
    load(file)
    assert capsys.readouterr().err.count("no key covers that: plugin.py line ") == 1


def test_a_module_that_comes_in_another_way_is_refused_each_time(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "lab_sneaky.py").write_text("FACTOR = 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    file = tmp_path / "plugin.py"
    file.write_text("import importlib\nm = importlib.import_module('lab_' + 'sneaky')\nclass Mine:\n    x = m.FACTOR\n")
    for _ in range(2):
        with pytest.raises(
            BenchError, match=r"plugin\.py imports lab_sneaky \(.*lab_sneaky\.py\) in a way .* plain `import`"
        ):
            load(file)
    file.write_text("import lab_sneaky\n" + file.read_text())
    assert load(file).x == 1.0


def test_declared_data_files_are_in_the_hash(tmp_path):
    file, data = tmp_path / "plugin.py", tmp_path / "vectors.npz"
    file.write_text('class Mine:\n    data_files = ("vectors.npz",)\n')
    with pytest.raises(UsageError, match=r"plugin\.py: Mine: data file 'vectors\.npz' is not there; put it beside"):
        content_sha256(file)
    data.write_bytes(b"1")
    before = content_sha256(file)
    data.write_bytes(b"2")
    assert content_sha256(file) not in (before, file_sha256(file))
    file.write_text("class Mine:\n    data_files = 3\n")
    with pytest.raises(UsageError, match="data_files must be a tuple of file names, not '3'"):
        content_sha256(file)


def test_a_file_loaded_by_a_reference_that_is_written_out_is_covered(tmp_path):
    base, file = tmp_path / "base.py", tmp_path / "plugin.py"
    base.write_text("from bench.plugin.method import Method\nclass Base(Method):\n    pass\n")
    file.write_text(
        f"from bench.plugin.discovery import load_method\nclass Mine(load_method('{base}:Base')):\n    pass\n"
    )
    assert names(file) == ["base.py"]
    assert load(file).__mro__[1].__name__ == "Base"
    far = tmp_path / "far"
    far.mkdir()
    (far / "other.py").write_text(base.read_text())
    file = tmp_path / "second.py"
    file.write_text(
        f"from bench.plugin.discovery import load_method\n"
        f"name = '{far}/other'\nclass Mine(load_method(name + '.py:Base')):\n    pass\n"
    )
    with pytest.raises(BenchError, match=r"second\.py imports other \(.*other\.py\) in a way that cannot be followed"):
        load(file)


def test_packages_with_entry_points_stand_for_themselves(tmp_path, monkeypatch):
    from bench.plugin.user_modules import plugin_packages

    site = tmp_path / "editable"
    site.mkdir()
    (site / "stated_package.py").write_text("X = 1\n")
    info = site / "stated_package-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stated_package\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[contrastbench.losses]\nstated = stated_package:X\n")
    monkeypatch.syspath_prepend(str(site))
    plugin_packages.cache_clear()
    try:
        file = tmp_path / "plugin.py"
        file.write_text("from stated_package import X\nclass Mine:\n    x = X\n")
        assert content_sha256(file) == file_sha256(file)
        assert load(file).x == 1
        assert "stated_package" in sys.modules
    finally:
        plugin_packages.cache_clear()
        plugins.cache_clear()
        sys.modules.pop("stated_package", None)
