"""What a cluster wants to be asked: from the user's file, the results root's file and `--job KEY=VALUE`, the last first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.base.validation import Strict, validation_line
from bench.run.lease import BEAT_SECONDS
from bench.schema.bounded_yaml import read_yaml

FILE = "slurm.yaml"


class SlurmOptions(Strict):
    """Options of every job; what is left out is Slurm's default.

    Attributes:
        partition, account, qos, constraint, gres: as of `sbatch`. Without `gres` a run on cuda asks for one GPU.
        hours: no job asks for more. A run that needs longer is saved, queued again and goes on.
        memory_gb: of a job; None: as the recipe's image size, batch and width let expect.
        cpus: of a job; None: as many as its runs have threads.
        pack: runs in a job; None: as many short ones as fill `pack_minutes`.
        pack_minutes: runs that are expected to be shorter share jobs of about so long.
        signal_seconds: before the time limit a job is told to save its runs' states.
        requeue: whether Slurm may start a job again by itself, after a dead node for example.
        heartbeat_seconds: between two signs of life of a run.
        poll_seconds: the queue is asked at most so often.
        setup: shell lines before each job, for example `module load cuda`.
        python: the command of Python on the compute nodes; None: the one that submits.
        sbatch: more options of `sbatch`, by name without the dashes.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    hours: float = Field(24.0, gt=0)
    memory_gb: float | None = Field(None, gt=0)
    cpus: int | None = Field(None, ge=1)
    pack: int | None = Field(None, ge=1)
    pack_minutes: float = Field(30.0, ge=0)
    signal_seconds: int = Field(120, ge=1)
    requeue: bool = True
    heartbeat_seconds: float = Field(BEAT_SECONDS, gt=0)
    poll_seconds: float = Field(15.0, ge=0)
    setup: tuple[str, ...] = ()
    python: str | None = None
    sbatch: dict[str, str | int | bool] = Field(default_factory=dict)


def files(home: Home) -> list[Path]:
    """Where options are read from, the weaker first."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [configuration / "contrastbench" / FILE, home.root / FILE]


def read_options(home: Home, job: Mapping[str, Any]) -> SlurmOptions:
    """The options of a command.

    Args:
        home: the results root.
        job: what `--job` says.

    Raises:
        UsageError: naming the file or the option, and the key.
    """
    merged: dict[str, Any] = {}
    sources = [(str(path), read_yaml(path)) for path in files(home) if path.exists()]
    for name, content in [*sources, ("--job", dict(job))]:
        try:
            SlurmOptions.model_validate(content)
        except ValidationError as error:
            raise UsageError(f"{validation_line(name, error)}; keys: {', '.join(SlurmOptions.model_fields)}") from error
        merged |= content
    return SlurmOptions.model_validate(merged)
