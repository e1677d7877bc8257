"""A user's file finds the modules beside it, and only those."""

from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.plugin.closure import content_sha256
from bench.plugin.discovery import find_plugin
from bench.plugin.named import name_file
from bench.plugin.user_modules import is_users


def load(path, class_name="Mine"):
    name_file(f"{path}:{class_name}")
    return find_plugin("plugin", f"{path}:{class_name}").load()


def test_two_files_import_two_modules_of_one_name(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "helper.py").write_text(f"NAME = '{place}'\n")
        (tmp_path / place / "plugin.py").write_text(
            "from helper import NAME\nclass Mine:\n    name = NAME\n"
            "    def late(self):\n        import helper\n        return helper.NAME\n"
        )
    classes = [load(tmp_path / place / "plugin.py") for place in ("one", "two")]
    assert [one.name for one in classes] == ["one", "two"]
    assert [one().late() for one in classes] == ["one", "two"]


def test_files_of_one_folder_share_its_modules(tmp_path):
    (tmp_path / "helper.py").write_text("class Shared:\n    pass\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("import helper\nclass Mine(helper.Shared):\n    pass\n")
    first, second = (load(tmp_path / f"{name}.py") for name in ("a", "b"))
    assert first.__mro__[1] is second.__mro__[1]


def test_an_edit_within_a_second_is_not_hidden_by_byte_code(tmp_path):
    """Python takes a file of the same size and second for the one that it compiled."""
    import os
    import py_compile

    (tmp_path / "helper.py").write_text("FACTOR = 1.0\n")
    os.utime(tmp_path / "helper.py", (1_000_000, 1_000_000))
    py_compile.compile(str(tmp_path / "helper.py"))
    (tmp_path / "helper.py").write_text("FACTOR = 2.0\n")
    os.utime(tmp_path / "helper.py", (1_000_000, 1_000_000))
    (tmp_path / "plugin.py").write_text("import helper\nclass Mine:\n    x = helper.FACTOR\n")
    assert load(tmp_path / "plugin.py").x == 2.0


def test_a_module_beside_the_file_that_fails_is_named_and_can_be_mended(tmp_path):
    (tmp_path / "helper.py").write_text("import nowhere_at_all\n")
    (tmp_path / "plugin.py").write_text("import helper\nclass Mine:\n    x = helper.X\n")
    with pytest.raises(BenchError, match="fails on import: ModuleNotFoundError: No module named 'nowhere_at_all'"):
        load(tmp_path / "plugin.py")
    (tmp_path / "helper.py").write_text("X = 1\n")
    assert load(tmp_path / "plugin.py").x == 1


def test_contrastbench_and_python_cannot_be_replaced_from_beside_the_file(tmp_path):
    for name in ("bench", "methods", "statistics"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('taken')\n")
    (tmp_path / "plugin.py").write_text(
        "import statistics\nfrom bench.loss import PatchLoss\nimport methods\nclass Mine:\n    x = 1\n"
    )
    assert load(tmp_path / "plugin.py").x == 1


def test_packages_submodules_and_folders_without_init(tmp_path):
    (tmp_path / "kit" / "parts").mkdir(parents=True)
    (tmp_path / "kit" / "parts" / "wheel.py").write_text("import axle\nX = axle.X\n")
    (tmp_path / "axle.py").write_text("X = 5\n")
    (tmp_path / "plugin.py").write_text(
        "import kit.parts.wheel as w\nimport kit.parts.wheel\nclass Mine:\n    x = w.X + kit.parts.wheel.X\n"
    )
    before = content_sha256(tmp_path / "plugin.py")
    assert load(tmp_path / "plugin.py").x == 10
    (tmp_path / "axle.py").write_text("X = 6\n")
    assert content_sha256(tmp_path / "plugin.py") != before


@pytest.mark.parametrize("name", ["my-loss.py", "my.loss.py"])
def test_a_file_that_no_module_could_be_called_after(tmp_path, name):
    (tmp_path / name).write_text("class Mine:\n    x = 1\n")
    assert load(tmp_path / name).x == 1


def test_what_is_on_the_users_side(tmp_path):
    import statistics

    import numpy

    import bench

    assert is_users(str(tmp_path))
    for module in (numpy, statistics, bench):
        assert not is_users(str(Path(str(module.__file__))))
