"""`rerun`: a finished run once more from its record, and whether the result is bit-identical."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.base.home import Home, RunFolder
from bench.base.storage import explained
from bench.base.terminal import Terminal
from bench.base.words import say
from bench.ledger.difference import difference
from bench.ledger.folders import read_result
from bench.run.executors.executor import load_executor
from bench.schema.run_spec import RunSpec, code_hash, read_spec, write_spec
from bench.show.live import RunView


def rerun(home: Home, folder: RunFolder, debug: bool, quiet: bool, executor: str = "local") -> dict[str, Any]:
    """Run a run's recorded specification in a fresh folder, `<home>/reruns/KEY/N`, and compare.

    A rerun that was interrupted is continued.

    Args:
        home: the results root; caches and needed runs are shared.
        folder: a finished run.
        debug: show the traceback of a failure.
        quiet: progress on standard error.
        executor: name of the executor that runs it.

    Returns:
        `run`, `rerun` (folders), `weights`, `losses`, `scores` (each a part that is compared -> "same" or how it differs),
        `identical`, and `explanations`: other versions or other code.

    Raises:
        UsageError: if the run is not finished.
        BenchError: if a plugin file has changed, or the rerun fails.
    """
    spec = read_spec(folder.spec)
    if read_result(folder) is None:
        raise UsageError(f"run {folder.key} is not finished; finish it first (run the command that started it again)")
    for reference, recorded in spec.plugins.items():
        path = Path(reference.rpartition(":")[0])
        if not path.is_file() or file_sha256(path) != recorded:
            raise BenchError(
                f"{path}: is missing or has changed since run {folder.key}; restore the file as it was then"
            )
    _require_weights(folder, spec)
    again = _fresh(home, spec)
    key = spec.train_key
    if read_result(again.run(key)) is None:
        with RunView(Terminal(stderr=quiet), again, {key: spec}, {key: f"{key} once more"}, 1) as view:
            outcome = load_executor(executor)(again, slots=1, debug=debug).run({key: spec}, view)[key]
        if outcome.state != "done":
            raise BenchError(f"rerun of {key} {outcome.state}: {outcome.reason}")
    return compare_runs(folder, again.run(key), spec)


def _require_weights(folder: RunFolder, spec: RunSpec) -> None:
    """Refuse, before anything is trained, a run whose weights are missing or damaged: nothing could be compared."""
    from safetensors import SafetensorError, safe_open

    for epoch in spec.scored_epochs:
        path = folder.checkpoints / f"epoch-{epoch:06d}.safetensors"
        try:
            with safe_open(path, framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise BenchError(
                f"{path}: is missing or damaged, so a rerun has nothing to be compared with; remove the run's folder and "
                "run the command that started it again"
            ) from error


def _fresh(home: Home, spec: RunSpec) -> Home:
    """A results root for one rerun, linked to the caches, weight files and needed runs of `home`."""
    key = spec.train_key
    place = home.root / "reruns" / key
    number = 1
    while (place / str(number) / key / "result.json").exists():
        number += 1
    root = place / str(number)
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        for name in ("cache", "weights", *spec.comes_after):
            (home.root / name).mkdir(exist_ok=True)
            if not (root / name).is_symlink():
                (root / name).symlink_to(os.path.relpath(home.root / name, root))
    again = Home(root, home.datasets)
    write_spec(again.run(key).spec, spec)
    return again


def compare_runs(first: RunFolder, second: RunFolder, spec: RunSpec) -> dict[str, Any]:
    """Compare weights, losses and scores of two finished runs of one specification, bit by bit."""
    weights = {f"epoch {epoch}": _weights(first, second, epoch) for epoch in spec.scored_epochs}
    differences = difference(first, second)
    scores = {name: "same" if a == b else f"{a} and {b}" for name, (a, b) in differences["scores"].items()}
    losses = _losses(first, second)
    explanations = [f"{name}: {a} then, {b} now" for name, (a, b) in differences["versions"].items()]
    if differences["code"]:
        then = str((read_result(first) or {}).get("code"))[:12]
        explanations.append(f"contrastbench's code: {then} then, {code_hash()[:12]} now")
    parts = [*weights.values(), *losses.values(), *scores.values()]
    return {
        "run": str(first.path),
        "rerun": str(second.path),
        "weights": weights,
        "losses": losses,
        "scores": scores,
        "identical": all(part == "same" for part in parts),
        "explanations": explanations,
    }


def _weights(first: RunFolder, second: RunFolder, epoch: int) -> str:
    import torch
    from safetensors.torch import load_file

    name = f"epoch-{epoch:06d}.safetensors"
    try:
        a, b = (load_file(folder.checkpoints / name) for folder in (first, second))
    except OSError as error:
        raise BenchError(
            f"{name}: weights of {first.key} or of its rerun are missing or damaged; run it again"
        ) from error
    if a.keys() != b.keys():
        return f"other tensors: {', '.join(sorted(a.keys() ^ b.keys())[:3])}"

    def bits(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.reshape(-1).view(torch.uint8)  # -0 and 0 are not the same, two equal NaN are

    differing = [key for key in a if a[key].shape != b[key].shape or not torch.equal(bits(a[key]), bits(b[key]))]
    if not differing:
        return "same"
    largest = max(float((a[key].double() - b[key].double()).abs().max()) for key in differing)
    return f"{len(differing)} of {len(a)} tensors differ, by {largest:.3g} at most"


def _losses(first: RunFolder, second: RunFolder) -> dict[str, str]:
    rows = [folder.metrics.read_text(encoding="utf-8").splitlines() for folder in (first, second)]
    if rows[0] == rows[1]:
        return {f"{len(rows[0])} rows": "same"}
    place = next((i for i, (a, b) in enumerate(zip(*rows, strict=False)) if a != b), min(map(len, rows)))
    return {f"{len(rows[0])} rows": f"differ from row {place + 1} of {len(rows[1])}"}


def print_rerun(outcome: dict[str, Any]) -> None:
    """Show the outcome of a rerun."""
    console = Terminal()
    for part in ("weights", "losses", "scores"):
        differing = {name: text for name, text in outcome[part].items() if text != "same"}
        if not differing:
            say(console, f"{part}: bit-identical ({_extent(part, outcome[part])})")
        for name, text in differing.items():
            say(console, f"{part}: {name}: {text}")
    if not outcome["identical"]:
        for line in outcome["explanations"] or ["code, versions and device are the same: the run is not deterministic"]:
            say(console, f"  {line}")
    say(console, f"the rerun is in {outcome['rerun']}")


def _extent(part: str, compared: dict[str, str]) -> str:
    return f"{len(compared)} of them" if part == "scores" else ", ".join(compared)
