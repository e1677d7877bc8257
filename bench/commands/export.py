"""`export`: a finished run's weights in the original program's layout, as safetensors, as TorchScript or as ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from bench.base.errors import BenchError, UsageError
from bench.base.hashing import file_sha256
from bench.base.storage import write_atomically, write_text
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say, shown_path
from bench.commands.official_weights import GENERATORS, generator_name, load_official, official_file
from bench.commands.programs import write_onnx, write_torchscript
from bench.commands.trained import Finished, Trained, fresh
from bench.plugin.method import Method
from bench.schema.run_spec import code_hash
from bench.schema.versions import versions
from bench.tasks.task import Task, load_task

Format = Literal["pth", "safetensors", "torchscript", "onnx"]
ENDINGS: dict[Format, str] = {"pth": ".pth", "safetensors": ".safetensors", "torchscript": ".pt", "onnx": ".onnx"}


class Card(Strict):
    """What an exported file is, beside it as `FILE.json`.

    Attributes:
        file, format, sha256: the file.
        layout: what is in it.
        checked: what was found when it was read back.
        run, checkpoint, epoch, weights: of which run and checkpoint it is, with the sha256 of the run's own weights.
        method, source: the method and the program that decides where paper and code differ.
        asked_by: protocol and scale that asked for the run.
        data: the data set that it was trained on.
        config: the method's whole configuration.
        prepared: how an image becomes an input, and an output an image.
        inputs: shape and type of each example, by name; for programs.
        code, versions: what exported it.
    """

    file: str
    format: Format
    sha256: str
    layout: str
    checked: str
    run: str
    checkpoint: str
    epoch: int
    weights: str
    method: str
    source: str
    asked_by: list[str]
    data: str
    config: dict[str, Any]
    prepared: str
    inputs: dict[str, str]
    code: str
    versions: dict[str, str]


def chosen_format(option: str | None, out: Path) -> Format:
    """The format that is asked for, else the one that the file is named after.

    Raises:
        UsageError: it is none, or the file is named after another.
    """
    by_ending = {ending: name for name, ending in ENDINGS.items()}
    known = ", ".join(ENDINGS)
    if option is None:
        if out.suffix not in by_ending:
            raise UsageError(f"--out {shown_path(out)}: does not say which format is wanted; add --format {known}")
        return by_ending[out.suffix]
    for name in get_args(Format):
        if option == name:
            if out.suffix in by_ending and by_ending[out.suffix] != name:
                raise UsageError(f"--out {shown_path(out)}: is named as {by_ending[out.suffix]}; write {ENDINGS[name]}")
            chosen: Format = name
            return chosen
    raise UsageError(f"--format {option}: write one of {known}")


def export(run: Finished, format: Format, out: Path, checkpoint: str = "last") -> tuple[Path, Card]:
    """Write a file of a run's weights, and a card beside it; the file is there only once it was read back and compared.

    Args:
        run: the finished run.
        format: of the file.
        out: the file; an existing folder takes it under the original program's name, or the run's.
        checkpoint: last, best-on-validation, best-on-test, or an epoch.

    Returns:
        The file's path, and its card.

    Raises:
        UsageError: the method's weights have no such layout.
        NotAvailable: the weights are gone, or a library that the format needs is not installed.
        BenchError: what was read back is not the same, or the file cannot be written.
    """
    trained = Trained.load(run, checkpoint, "cpu")
    method, task = trained.method, load_task(trained.method.task)
    if out.is_dir():
        named = official_file(_official(trained)) if format == "pth" else f"{run.folder.key}{ENDINGS[format]}"
        out = out / named
    said: dict[str, str] = {}

    def write(path: Path) -> None:
        if format == "pth":
            said.update(layout=_layout(trained), checked=_write_pth(trained, task, path))
        elif format == "safetensors":
            said.update(
                layout=f"tensors of {', '.join(_networks(trained))}", checked=_write_safetensors(trained, task, path)
            )
        elif format == "torchscript":
            said.update(layout="a TorchScript program", checked=write_torchscript(method, task, path))
        else:
            said.update(layout="an ONNX program", checked=write_onnx(method, task, path))

    write_atomically(out, write, "--out")
    spec = run.spec
    card = Card(
        file=out.name,
        format=format,
        sha256=file_sha256(out),
        layout=said["layout"],
        checked=said["checked"],
        run=run.folder.key,
        checkpoint=checkpoint,
        epoch=trained.epoch,
        weights=trained.sha256,
        method=spec.label,
        source=method.source,
        asked_by=spec.asked_by,
        data=spec.data.name,
        config=spec.config,
        prepared=task.preparation(method.config),
        inputs={
            n: f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape)}" for n, t in task.as_function(method)[1].items()
        },
        code=code_hash(),
        versions=versions(),
    )
    write_text(card_of(out), card.model_dump_json(indent=1) + "\n", "--out")
    return out, card


def card_of(out: Path) -> Path:
    """Where the card of an exported file is."""
    return out.with_name(f"{out.name}.json")


def _official(trained: Trained) -> str:
    """The one network that an official checkpoint holds.

    Raises:
        UsageError: the method's images are made by others, or its tensors are called otherwise.
    """
    method, kept = trained.method, trained.method.networks_to_keep()
    name = next((name for name in (kept or GENERATORS) if name in GENERATORS), None)
    if name is None or (kept is not None and len(kept) > 1) or not method.official_names:
        makers = ", ".join(kept) if kept else "its networks"
        raise UsageError(
            f"--format pth: no layout of an official program is known here for {makers} of {trained.run.spec.label}; use "
            "--format safetensors or torchscript"
        )
    return name if kept is not None else generator_name(method)


def _layout(trained: Trained) -> str:
    name = _official(trained)
    return f"the tensors of {name}, called as in {official_file(name)} of CUT's and CycleGAN's code bases"


def _networks(trained: Trained) -> list[str]:
    """The networks that make images, of those that the method has."""
    kept = trained.method.networks_to_keep()
    return [name for name, _ in trained.method.named_children() if kept is None or name in kept]


def _write_pth(trained: Trained, task: Task, path: Path) -> str:
    name = _official(trained)
    torch.save(_own(trained.method.get_submodule(name).state_dict()), path)
    again = _otherwise_drawn(trained)
    load_official(again.get_submodule(name), path, trained.run.spec.label)
    return _compared(trained, task, again)


def _write_safetensors(trained: Trained, task: Task, path: Path) -> str:
    from safetensors.torch import load_file, save_file

    names = _networks(trained)
    state = {key: value for key, value in trained.method.state_dict().items() if key.partition(".")[0] in names}
    save_file(_own(state), path, metadata={"run": trained.run.folder.key, "epoch": str(trained.epoch)})
    again = _otherwise_drawn(trained)
    again.load_state_dict(load_file(path), strict=False)
    return _compared(trained, task, again)


def _own(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, on the CPU."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def _otherwise_drawn(trained: Trained) -> Method:
    """The method once more, its image-making networks of other weights, so that whatever is not read back shows."""
    again = fresh(trained.run, trained.epoch)
    with torch.no_grad():
        for name in _networks(trained):
            for tensor in again.get_submodule(name).parameters():
                tensor.add_(1.0)
    return again


def _compared(trained: Trained, task: Task, again: Method) -> str:
    """Compare what was read back with the run: tensors and an example's output.

    Raises:
        BenchError: they differ.
    """
    before, after = trained.method.state_dict(), again.state_dict()
    names = _networks(trained)
    different = [
        key for key in before if key.partition(".")[0] in names and not torch.equal(before[key].cpu(), after[key].cpu())
    ]
    (one, inputs), (other, _) = task.as_function(trained.method), task.as_function(again)
    if different or not torch.equal(one(*inputs.values()), other(*inputs.values())):
        what = f"tensor {different[0]}" if different else "an example's output"
        raise BenchError(
            f"{what} is not the same once the file is read back, so it is not written; use another --format"
        )
    return "read back, its tensors and the output for an example are the same bits"


def print_exported(out: Path, card: Card) -> None:
    """Show what `export` wrote."""
    console = Terminal()
    say(console, f"{shown_path(out)}: {card.layout}; {card.run}, epoch {card.epoch}")
    say(console, f"checked: {card.checked}")
    say(console, f"how inputs are prepared: {card.prepared}")
    say(console, f"all of this is in {shown_path(card_of(out))}")
