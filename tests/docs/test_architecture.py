"""The house in one page: what it says of rooms, files, imports and dependencies is so."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
# those of which it says that they import torch where they compute
LIGHT = ("schema", "metrics", "tasks", "ledger", "plan", "verdict", "compare", "show", "cli")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}")[2].partition("\n## ")[0]


def sources(*tops: str) -> Iterator[tuple[Path, ast.Module]]:
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def imported(nodes: list[ast.stmt] | Iterator[ast.AST]) -> set[str]:
    """Every module that is named by an import among these nodes."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_table_has_every_room_in_its_order():
    layers = ast.parse((ROOT / "tests" / "test_layers.py").read_text()).body
    assignments = (node for node in layers if isinstance(node, ast.Assign))
    floors = next(ast.literal_eval(node.value) for node in assignments if ast.unparse(node.targets[0]) == "FLOORS")
    floor = {room.removeprefix("bench."): number for number, rooms in enumerate(floors) for room in rooms}
    rows = re.findall(r"^\| (`[^|]+`) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    told = [re.findall(r"`([\w.]+)`", row) for row in rows]
    assert sorted(room for rooms in told for room in rooms) == sorted(floor)
    heights = [{floor[room] for room in rooms} for rooms in told]
    assert all(len(height) == 1 for height in heights)
    assert heights == sorted(heights, key=max, reverse=True)


def defined(path: Path) -> set[str]:
    """What a module has: defined at its head, or imported there."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_short_addresses_hand_on_what_their_rooms_have():
    (line,) = re.findall(r"((?:`bench\.\w+`, )+`bench\.\w+`) are short addresses", " ".join(PAGE.split()))
    for name in re.findall(r"`([\w.]+)`", line):
        code = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text()).body
        handed: set[str] = set()
        for node in code:
            if isinstance(node, ast.ImportFrom):
                handed |= {alias.name for alias in node.names}
                source = ROOT / str(node.module).replace(".", "/")
                there = defined(
                    source.with_suffix(".py") if source.with_suffix(".py").is_file() else source / "__init__.py"
                )
                assert {alias.name for alias in node.names} <= there, name
        public = next(node.value for node in code if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node))
        assert sorted(handed) == sorted(ast.literal_eval(public)), name


def test_what_the_table_of_places_names_is_there():
    rows = re.findall(r"^\| [^|]+ \| (\[[^|]+) \|$", section("Where is"), re.MULTILINE)
    assert len(rows) >= 7
    for row in rows:
        names: set[str] = set()
        for link in re.findall(r"\]\(([^)]+)\)", row):
            path = (ROOT / "docs" / link).resolve()
            assert path.is_file(), link
            nodes = ast.walk(ast.parse(path.read_text()))
            names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert set(re.findall(r"(?<!\[)`(\w+)`", row)) <= names, row


@pytest.mark.parametrize("room", LIGHT)
def test_rooms_that_plans_and_tables_read_import_torch_where_they_compute(room):
    heavy = {"torch", "torchvision"}
    wrong = [
        path for path, tree in sources(f"bench/{room}") if heavy & {n.partition(".")[0] for n in imported(tree.body)}
    ]
    assert wrong == []


def test_what_is_said_not_to_be_imported_is_not():
    for path, tree in sources("bench", "methods", "results"):
        names = imported(ast.walk(tree))
        assert not {n for n in names if n.startswith("scipy.stats") or n.partition(".")[0] == "lpips"}, path


def test_every_dependency_has_its_reason():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", dependency)[0] for dependency in declared}
    reasons = section("Dependencies, and why each")
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", reasons)) == []


READING = {"open", "read_text", "read_bytes", "load", "load_file", "safe_open", "memmap", "fromfile", "loadtxt", "glob"}


def test_methods_read_weights_and_their_reference_numbers_alone():
    """Calls that read files: official weights, as `WeightFile.load`; anything else below methods/references/ only."""
    found = {
        (str(path.relative_to(ROOT)), ast.unparse(node.func))
        for path, tree in sources("methods")
        if "references" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in READING
    }
    assert {call for _, call in found} <= {"weights.load", "file.load", "_imagenet(self.config.architecture).load"}, (
        found
    )
    assert {file for file, _ in found} <= {
        "methods/feature_spaces.py",
        "methods/spatial_correlation.py",
        "methods/drn.py",
        "methods/munit.py",
    }
