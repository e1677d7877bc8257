"""Nothing is unpickled: whatever a results root, a weight file or a record holds, reading it runs nothing."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def calls(path: Path):
    """Every call with its dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}, node.lineno


def unsafe(path: Path) -> list[str]:
    """Calls that could unpickle."""
    found = []
    for name, words, line in calls(path):
        if name == "torch.load" and words.get("weights_only") != "True":
            found.append(f"{path.name}:{line} {name}")
        if re.search(r"(^|\.)(np|numpy)\.load$", name) and words.get("allow_pickle", "False") != "False":
            found.append(f"{path.name}:{line} {name}")
        if re.search(r"(^|\.)(pickle\.loads?|Unpickler|read_pickle|joblib\.load|marshal\.loads?|dill\.loads?)$", name):
            found.append(f"{path.name}:{line} {name}")
        if re.search(r"(^|\.)yaml\.(unsafe_load|full_load)$", name):
            found.append(f"{path.name}:{line} {name}")
    return found


def test_nothing_is_unpickled():
    paths = [path for top in ("bench", "methods", "results") for path in (ROOT / top).rglob("*.py")]
    assert len(paths) > 200
    assert not [line for path in paths for line in unsafe(path)]


def test_the_check_finds_each_kind(tmp_path):
    file = tmp_path / "bad.py"
    for line in (
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "np.load(p, allow_pickle=True)",
        "pickle.load(f)",
        "pd.read_pickle(p)",
        "yaml.unsafe_load(t)",
    ):
        file.write_text(line)
        assert len(unsafe(file)) == 1, line
