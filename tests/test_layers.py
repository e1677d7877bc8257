"""Which package may import which: each one only what stands below it. A new arrow upwards fails here, with its file."""

import ast
from pathlib import Path

import pytest

from bench.plugin.discovery import plugins

ROOT = Path(__file__).parents[1]
# from the ground up; packages on one floor know nothing of each other
FLOORS = (
    ("bench.base",),
    ("bench.plugin",),
    ("bench.features", "bench.schema", "methods"),
    ("bench.data",),
    ("bench.metrics",),
    ("bench.tasks",),
    ("bench.ledger",),
    ("bench.run",),
    ("bench.checks", "bench.tracking"),
    ("bench.plan",),
    ("bench.verdict",),
    ("results.tables",),
    ("bench.show",),
    ("bench.compare",),
    ("bench.report", "bench.commands"),
    ("bench.cli",),
)
# short addresses for plugin authors: each has the floor of what it hands on
FACES = {
    "bench.method": "bench.plugin",
    "bench.loss": "bench.plugin",
    "bench.replay": "bench.checks",
    "bench.conformance": "bench.checks",
}
FLOOR = {package: number for number, floor in enumerate(FLOORS) for package in floor}


def package(module: str) -> str | None:
    """The room of a module, None if it is in none."""
    module = FACES.get(module, module)
    return next((name for name in FLOOR if module == name or module.startswith(f"{name}.")), None)


def imports(path: Path, module: str) -> set[str]:
    """Every module named by an import, wherever it stands in the file: lazy, typing and relative imports are arrows too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def files() -> list[tuple[Path, str]]:
    """Every source file with its module's name."""
    paths = sorted(path for top in ("bench", "methods", "results") for path in ROOT.glob(f"{top}/**/*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return list(zip(paths, names, strict=True))


def test_every_file_is_in_a_room():
    homeless = [name for _, name in files() if package(name) is None and name not in ("bench", "results")]
    assert not homeless, "\n".join(homeless)


def upwards(path: Path, module: str) -> list[str]:
    """The modules that a file may not import: of rooms above its own, or of others on the same floor."""
    own = package(module)
    others = {name: package(name) for name in sorted(imports(path, module))}
    return [n for n, room in others.items() if own and room and own != room and FLOOR[room] >= FLOOR[own]]


def test_every_package_imports_only_what_stands_below_it():
    wrong = [f"{path.relative_to(ROOT)} imports {name}" for path, module in files() for name in upwards(path, module)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        ("bench.run.train", "from bench.plan.grid import Grid", "bench.plan.grid"),
        ("bench.run.train", "def f():\n    import bench.plan.grid", "bench.plan.grid"),
        ("bench.run.train", "if TYPE_CHECKING:\n    from bench.plan import grid", "bench.plan.grid"),
        ("bench.run.train", "from ..plan import grid", "bench.plan.grid"),
        ("bench.run.train", "from bench import plan", "bench.plan"),
        ("bench.run.train", "from bench import replay", "bench.replay"),  # a short address has the floor of its room
        ("bench.checks.doctor.examine", "import bench.tracking.store", "bench.tracking.store"),  # the same floor
        ("methods.cut", "from bench.schema.cell import Cell", "bench.schema.cell"),
    ],
)
def test_an_import_that_is_turned_round_is_named(tmp_path, module, line, named):
    path = tmp_path / "file.py"
    path.write_text(line)
    assert named in upwards(path, module)


def test_imports_of_what_stands_below_are_not_named(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("import bench.run.train, bench.method\nfrom bench.base import errors\nfrom . import grid\n")
    assert upwards(path, "bench.plan.resolve") == []


def test_bench_imports_no_method():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, module in files()
        for name in sorted(imports(path, module))
        if module.startswith("bench") and name.split(".")[0] == "methods"
    ]
    assert not wrong, "\n".join(wrong)


def test_bench_names_no_built_in_method_or_loss():
    """What the harness needs of methods it asks their classes for (`hosts_losses`, references): any can be taken out."""
    names = {p.name for kind in ("method", "loss") for p in plugins(kind).values() if p.origin == "built-in"}
    assert len(names) > 8
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} says {node.value!r}"
        for path, module in files()
        if module.startswith("bench")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not wrong, "\n".join(wrong)
