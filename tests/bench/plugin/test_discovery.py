import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.metrics.metric import load_metric
from bench.plugin.discovery import (
    class_literals,
    find_plugin,
    load_loss,
    load_method,
    loss_host,
    package_versions,
    plugins,
)

PLUGINS = Path(__file__).parents[2] / "plugins"

LOSS = '''
"""A loss in a package of its own."""
import torch
from bench.loss import PatchLoss

class Mine(PatchLoss):
    """Distance of query and key."""
    name = "mine"
    citation = "me"
    revision = 3

    def forward(self, query, key, context):
        return (query - key).square().sum(2)
'''


@pytest.fixture(autouse=True)
def _forget():
    """Discovery is remembered per process; these tests change what there is to discover."""
    yield
    plugins.cache_clear()


def install(site: Path, name: str, source: str, **entry_points: str) -> None:
    """Put a distribution into a folder as an installer would: a module, and metadata with entry points."""
    site.mkdir(exist_ok=True)
    (site / f"{name}.py").write_text(source)
    info = site / f"{name}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    lines = [f"[contrastbench.{group}]\n{point}\n" for group, point in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))
    plugins.cache_clear()
    return folder


def test_literals_are_read_without_running_the_file():
    found = class_literals(PLUGINS / "broken.py")
    assert found == {"Broken": {"__doc__": "", "name": "broken", "task": "unpaired_translation"}}


def test_literals_are_inherited_within_a_file_but_a_name_is_not(tmp_path):
    file = tmp_path / "two.py"
    file.write_text(
        "class A:\n    'First line.\\n\\nMore.'\n    name: str = 'a'\n    revision = 2\n    made = len('x')\n"
        "class B(A):\n    revision = 3\n"
    )
    assert class_literals(file) == {
        "A": {"__doc__": "First line.", "name": "a", "revision": 2},
        "B": {"__doc__": "", "revision": 3},
    }


@pytest.mark.parametrize("content", [b"class A(:\n", b"\xff\xfe\x00", b"x = 'a\n"])
def test_a_file_that_is_not_python_is_named(tmp_path, content):
    file = tmp_path / "bad.py"
    file.write_bytes(content)
    with pytest.raises(BenchError, match=r"bad\.py: cannot be read as Python: ") as caught:
        find_plugin("loss", f"{file}:A")
    assert "\n" not in str(caught.value)


def test_built_in_plugins_are_found_with_their_literals():
    assert {"cut", "fastcut", "cyclegan"} <= plugins("method").keys()
    assert {"FID", "L1", "SSIM", "KD-EffLite0"} <= plugins("metric").keys()
    patchnce = plugins("loss")["patchnce"]
    assert (patchnce.class_name, patchnce.module, patchnce.origin) == (
        "PatchNCE",
        "methods.losses.patchnce",
        "built-in",
    )
    assert not patchnce.is_user_file
    assert patchnce.literals["citation"].startswith("Park et al.")


@pytest.mark.parametrize("kind", ["method", "loss", "metric"])
def test_every_built_in_plugin_loads_and_is_what_its_literals_say(kind):
    load = {"method": load_method, "loss": load_loss, "metric": load_metric}[kind]
    for name, plugin in plugins(kind).items():
        loaded = load(name)
        assert loaded.name == name
        assert loaded.revision == plugin.literals["revision"]


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("method", "cutt", "no method named 'cutt'; did you mean cut"),
        ("loss", "patch-nce", "did you mean patchnce"),
        ("metric", "FDI", "did you mean FID"),
        ("method", "zzzz", "known: .*cut, cyclegan"),
        ("method", "toy.py", "no method named 'toy.py'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(kind, name, hint):
    with pytest.raises(UsageError, match=hint):
        find_plugin(kind, name)


def test_a_users_file():
    plugin = find_plugin("method", f"{PLUGINS / 'toy.py'}:Toy")
    assert (plugin.name, plugin.is_user_file) == ("toy", True)
    assert load_method(f"{PLUGINS / 'toy.py'}:Toy") is load_method(f"{PLUGINS}/../plugins/toy.py:Toy")
    unnamed = find_plugin("method", f"{PLUGINS / 'bad_methods.py'}:Attached")
    assert unnamed.name == "Attached"


def test_what_can_be_wrong_with_a_users_file(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.py: no such file; a loss is given as a name or as FILE\.py:Class"):
        find_plugin("loss", "nowhere.py:A")
    with pytest.raises(UsageError, match="has no class 'Toyy'; it has: ToyConfig, Toy, NeedsTeacher, Crash"):
        find_plugin("method", f"{PLUGINS / 'toy.py'}:Toyy")
    with pytest.raises(UsageError, match=r"Toy must subclass bench\.loss\.PairLoss"):
        load_loss(f"{PLUGINS / 'toy.py'}:Toy")
    with pytest.raises(UsageError, match=r"NotAMethod must subclass bench\.method\.Method"):
        load_method(f"{PLUGINS / 'bad_methods.py'}:NotAMethod")
    hidden = tmp_path / "hidden.py"
    hidden.write_text("class A:\n    name = 'a'\ndel A\n")
    with pytest.raises(UsageError, match=r"hidden\.py has no class A"):
        load_method(f"{hidden}:A")


def test_a_file_that_fails_on_import_is_named_and_can_be_mended(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("raise RuntimeError('first line\\nsecond')\n" + LOSS)
    with pytest.raises(BenchError) as caught:
        load_loss(f"{file}:Mine")
    message = str(caught.value)
    assert message == f"loss 'mine' ({file}) fails on import: RuntimeError: first line; mend it or leave it out"
    file.write_text(LOSS)
    assert load_loss(f"{file}:Mine").revision == 3


def test_a_file_that_exits_on_import_does_not_take_the_program_with_it(tmp_path):
    file = tmp_path / "script.py"
    file.write_text("raise SystemExit(0)\nclass A:\n    pass\n")
    with pytest.raises(BenchError, match="fails on import: SystemExit: 0"):
        load_loss(f"{file}:A")


def test_two_files_of_one_name_are_two_modules(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "mine.py").write_text(LOSS.replace("revision = 3", f"revision = {number}"))
    found = [load_loss(f"{tmp_path / str(number) / 'mine.py'}:Mine").revision for number in (1, 2)]
    assert found == [1, 2]
    assert file_sha256(tmp_path / "1" / "mine.py") != file_sha256(tmp_path / "2" / "mine.py")


def test_an_installed_package_brings_plugins_by_entry_points(site):
    install(site, "my_package", LOSS, losses="distance = my_package:Mine")
    plugin = find_plugin("loss", "distance")
    assert plugin.origin == "my_package 1.5"
    assert plugin.literals["citation"] == "me"
    assert not plugin.is_user_file
    assert "my_package" not in sys.modules  # known without importing it
    assert load_loss("distance").__module__ == "my_package"
    uses = [("loss", "distance"), ("loss", "patchnce"), ("method", f"{PLUGINS / 'toy.py'}:Toy")]
    assert package_versions(uses) == {"my_package": "1.5"}


def test_methods_and_metrics_come_by_entry_points_too(site):
    install(site, "more", "class A:\n    task = 'x'\n", methods="a = more:A", metrics="b = more:A")
    assert plugins("method")["a"].literals["task"] == "x"
    assert plugins("metric")["b"].origin == "more 1.5"


def test_a_broken_package_does_not_keep_the_others_from_being_listed(site):
    install(site, "broken_package", "raise ImportError('no such thing')\n", losses="broken = broken_package:A")
    install(site, "unreadable", "class A(:\n", losses="unreadable = unreadable:A")
    install(site, "gone", "", losses="gone = not_there_at_all:A")
    assert {"patchnce", "broken", "unreadable", "gone"} <= plugins("loss").keys()
    assert "cannot be read as Python" in plugins("loss")["unreadable"].literals["__doc__"]
    message = (
        r"loss 'broken' \(broken_package 1\.5\) fails on import: ImportError: no such thing; mend it or leave it out"
    )
    with pytest.raises(BenchError, match=message):
        load_loss("broken")
    with pytest.raises(BenchError, match=r"loss 'gone' \(gone 1\.5\) fails on import: ModuleNotFoundError"):
        load_loss("gone")


def test_two_plugins_of_one_name_are_an_error_that_names_both(site):
    install(site, "rival", LOSS, losses="patchnce = rival:Mine")
    with pytest.raises(
        BenchError, match=r"two losses are named 'patchnce': built-in \(.*patchnce\.py\) and rival 1\.5"
    ):
        plugins("loss")


def test_an_entry_point_without_a_distribution_is_named_too(monkeypatch):
    point = EntryPoint("mine", "colour:MeanColour", "contrastbench.metrics")
    monkeypatch.setattr("bench.plugin.discovery.offered", lambda group: [point] if group == point.group else [])
    monkeypatch.syspath_prepend(str(PLUGINS))
    plugins.cache_clear()
    assert plugins("metric")["mine"].origin == "an entry point"
    assert load_metric("mine").description == "distance of mean colours"


def test_a_file_without_its_class_says_how_to_name_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(LOSS)
    with pytest.raises(UsageError, match=r"mine\.py: name the class too: .*mine\.py:Mine$"):
        find_plugin("loss", str(file))
    with pytest.raises(UsageError, match=r"^mine\.txt:Mine: a loss is given as a name or as FILE\.py:Class$"):
        find_plugin("loss", "mine.txt:Mine")


def test_a_syntax_error_names_file_and_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class Mine(:\n")
    with pytest.raises(BenchError, match=r"mine\.py: cannot be read as Python: invalid syntax \(mine\.py, line 1\)"):
        find_plugin("loss", f"{file}:Mine")


def test_a_name_that_would_lead_out_of_the_results_folder(tmp_path, site):
    source = LOSS.replace('"mine"', '"../mine"')
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(UsageError, match=r"mine\.py: Mine: name '\.\./mine' may only hold letters"):
        find_plugin("loss", f"{file}:Mine")
    install(site, "mine_package", source, losses="../mine = mine_package:Mine")
    with pytest.raises(BenchError, match=r"loss '\.\./mine' of mine_package 1\.5 .* a name may only hold letters"):
        find_plugin("loss", "patchnce")


def test_losses_are_tried_in_the_method_that_says_so(monkeypatch):
    assert find_plugin("method", loss_host()).literals["hosts_losses"] is True
    without = {"drn": find_plugin("method", "drn")}
    monkeypatch.setattr("bench.plugin.discovery.plugins", lambda kind: without)
    with pytest.raises(UsageError, match="no installed method says `hosts_losses = True`"):
        loss_host()
