"""Options that several verbs share, and how they are read and shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.errors import UsageError
from bench.base.streams import printable

HomeOption = Annotated[Path, typer.Option("--home", help="where runs, caches and tables are written")]
DataOption = Annotated[Path, typer.Option("--data", help="where folder data sets such as horse2zebra are found")]
JsonOption = Annotated[bool, typer.Option("--json", help="print data instead of text")]
ScaleOption = Annotated[
    str, typer.Option("--scale", help="smoke (seconds a run), mini (minutes) or paper (as published)")
]
MOST_SEEDS = 10_000
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="seeds per run; default: as the scale says")
]
MethodOption = Annotated[list[str] | None, typer.Option("--method", help="only these rows; may be repeated")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, changes a setting; a deviation")]
LabelOption = Annotated[
    str, typer.Option("--label", help="label the runs, to find them by later: status --label; no key changes")
]
TrackingOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow's address; default: HOME/mlflow.db"),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", help="cpu, cuda or auto (cuda where there is one); default: CONTRASTBENCH_DEVICE, else auto"
    ),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        "--precision", help="fp32 (strict), tf32 (convolutions on cards) or bf16 (a deviation); default: fp32"
    ),
]
RanksOption = Annotated[
    int, typer.Option("--ranks", min=1, help="processes that make one run together, each on a device of its own")
]
PerRankOption = Annotated[
    list[str] | None,
    typer.Option(
        "--per-rank", help="contrast_batch, minibatch_stddev or batch_norm of each rank alone; repeat; a deviation"
    ),
]
SlotsOption = Annotated[
    int | None, typer.Option("--slots", min=1, help="runs at once; default: cores / threads, or one for each card")
]
PerDeviceOption = Annotated[int, typer.Option("--per-device", min=1, help="runs at once on each card")]
ExecutorOption = Annotated[str, typer.Option("--executor", help="where runs execute: contrastbench list executors")]
JobOption = Annotated[
    list[str] | None,
    typer.Option("--job", help="KEY=VALUE, what each job of --executor slurm asks for, such as partition=gpu; repeat"),
]
WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="--no-wait: submit the jobs of --executor slurm and leave them")
]
# where the user's files of a recorded run are on this machine
LossFileOption = Annotated[str | None, typer.Option("--loss", help="FILE.py:Class, the file of the run's loss")]
MethodFileOption = Annotated[str | None, typer.Option("--method", help="FILE.py:Class, the file of the run's method")]
MetricFilesOption = Annotated[
    list[str] | None, typer.Option("--metric", help="FILE.py:Class, the file of a metric that scores; may be repeated")
]
RunArgument = Annotated[
    str, typer.Argument(help="a finished run: its key, a beginning of it, its folder, or LABEL/NAME/SEED")
]
CheckpointOption = Annotated[
    str,
    typer.Option("--checkpoint", help="last, best-on-validation, best-on-test, or an epoch whose weights were kept"),
]
KeepOption = Annotated[
    str | None,
    typer.Option(
        "--keep",
        help="weights that stay once every metric is measured: last, best (and the last), all or none; default: best",
    ),
]
SaveEveryOption = Annotated[
    float | None,
    typer.Option("--save-every", metavar="MINUTES", help="how often a run's state is saved; default: 10"),
]
ProtocolOption = Annotated[
    str | None, typer.Option("--protocol", help="the protocol all are trained and scored under: a name or a YAML file")
]
ImagesOption = Annotated[
    Path | None, typer.Option("--images", help="or a folder of your own images; a protocol is written for them")
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout",
        help="how --images are read, if not as they look: pairs, two-folders, side-by-side, one-folder, many-folders, "
        "label-maps or two-pictures",
    ),
]
DomainsOption = Annotated[
    str | None, typer.Option("--domains", help="which folders of --images, in this order: FROM,TO; halves: right,left")
]
HOME, DATA = Path("runs"), Path("datasets")


def example(text: str) -> str:
    """The worked example at the end of a verb's help."""
    return f"[bold]Example:[/] contrastbench {text}"


def debug() -> bool:
    """Whether --debug was given anywhere on the command line."""
    return "--debug" in sys.argv[1:]


def as_text(value: dict[str, Any], indent: str = "") -> str:
    """Nested values as indented lines."""
    lines = []
    for key, item in value.items():
        if item in ({}, [], None):
            lines.append(f"{indent}{key}: none")
        elif isinstance(item, dict):
            lines.append(f"{indent}{key}:")
            lines.append(as_text(item, indent + "  "))
        elif isinstance(item, list):
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}  - {_entry(entry)}" for entry in item]
        else:
            lines.append(f"{indent}{key}: {item}")
    return printable("\n".join(line for line in lines if line))


def _entry(value: object) -> str:
    """One entry of a list on one line; of nested values what is set."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key}: {_entry(item)}" for key, item in value.items() if item not in ({}, [], None, "", False))


def users_files(**references: str | None) -> dict[str, str]:
    """Where the user's files of a recorded run are, by kind, as far as they were named."""
    return {kind: reference for kind, reference in references.items() if reference is not None}


def read_settings(pairs: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """Read KEY=VALUE pairs; values are YAML, so that numbers, booleans and lists can be written."""
    from bench.schema.variant import read_assignments

    return read_assignments(pairs or [], option)


def checked_label(label: str) -> str:
    """What --label gives.

    Raises:
        UsageError: it could not be told from a seed, or from a label and what follows it.
    """
    if label and (label.isdigit() or not re.fullmatch(r"\w[\w.-]*", label)):
        raise UsageError(
            f"--label {label}: may only hold letters, digits and ._-, and not digits alone; choose another"
        )
    return label


def table_grid(
    tables: list[str],
    home: Path,
    data: Path,
    scale: str,
    seeds: int | None,
    methods: list[str] | None,
    sets: list[str] | None,
    device: str | None,
    keep: str | None = None,
    save_every: float | None = None,
    precision: str | None = None,
    ranks: int = 1,
    per_rank: list[str] | None = None,
    label: str = "",
) -> Any:
    """The grid of one or more tables, as `plan` and `reproduce` are asked for it."""
    from bench.base.device import chosen_device
    from bench.base.errors import unknown_name
    from bench.base.home import Home
    from bench.base.precision import chosen_precision
    from bench.base.ranks import chosen_ranks
    from bench.plan.grid import Grid
    from bench.plugin.discovery import find_plugin
    from bench.schema.protocol import SCALES
    from bench.schema.table import load_table
    from bench.schema.upkeep import Upkeep

    if scale not in SCALES:
        raise unknown_name("scale", scale, SCALES)
    for method in methods or []:
        find_plugin("method", method)
    kind = chosen_device(device)
    upkeep = Upkeep.of_options(keep, save_every)
    arithmetic, together = chosen_precision(precision, kind), chosen_ranks(ranks, per_rank or ())
    grid = Grid(Home.open(home, data), kind, upkeep, arithmetic, together, checked_label(label))
    for name in tables:
        grid.add_table(load_table(name), scale, range(seeds) if seeds else None, methods, read_settings(sets))
    return grid


def as_json_record(record: Any) -> dict[str, Any]:
    """A record as `json` writes it."""
    content: dict[str, Any] = record.model_dump(mode="json")
    return content
