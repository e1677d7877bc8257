"""Where everything a run writes lives: `--home`, by default `./runs`. The installed packages are never written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import UsageError
from bench.base.leftovers import remove_leftovers, run_names


def expanded(path: Path) -> Path:
    """A path as somebody typed it, with `~` and `~name` for the home of a user whom this machine knows; as a shell does."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  pathlib's own ends in an error for a name that nobody has


@dataclass(frozen=True)
class Home:
    """The folders of one results root.

    Attributes:
        root: the folder given by --home.
        datasets: where folder data sets (`horse2zebra/trainA`, ...) are found, given by --data.
    """

    root: Path
    datasets: Path

    @classmethod
    def open(cls, root: Path, datasets: Path) -> Home:
        """Make the root if needed, check that it can be written and remove what killed processes left there.

        Raises:
            UsageError: if it cannot be written.
        """
        root = expanded(root).absolute()
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".writable.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"--home {root}: cannot be written ({error.strerror}); choose another place with --home DIR"
            ) from error
        remove_leftovers(root)
        return cls(root, expanded(datasets).absolute())

    @classmethod
    def at(cls, root: Path, datasets: Path) -> Home:
        """The home as its paths say, for who only reads there; nothing is made or checked."""
        return cls(expanded(root).absolute(), expanded(datasets).absolute())

    @classmethod
    def existing(cls, root: Path, datasets: Path) -> Home:
        """`open`, for what makes no sense in an empty folder: a mistyped name makes nothing.

        Raises:
            UsageError: if there is no such folder, or it cannot be written.
        """
        if not expanded(root).is_dir():
            raise UsageError(f"--home {root}: no such folder; give the one that holds the runs")
        return cls.open(root, datasets)

    @property
    def cache(self) -> Path:
        """Decoded images and features; safe to delete."""
        return self.root / "cache"

    @property
    def checked(self) -> Path:
        """Hashes of records that were found whole (bench/base/checked.py); safe to delete."""
        return self.cache / "checked-records"

    @property
    def weights(self) -> Path:
        """Where official weight files of evaluation networks are looked for first."""
        return self.root / "weights"

    def run(self, train_key: str) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.root / train_key)

    @property
    def protocols(self) -> Path:
        """The user's own protocols, YAML files that `data use` and `--images` write and people edit."""
        return self.root / "protocols"

    @property
    def jobs(self) -> Path:
        """What is submitted to schedulers, and what their jobs print; safe to delete once none is left."""
        return self.root / "jobs"

    def table(self, name: str, scale: str) -> Path:
        """The folder of a regenerated table."""
        return self.root / "tables" / f"{name.replace('/', '-')}-{scale}"

    def table_cells(self) -> list[Path]:
        """The `cells.json` of every regenerated table."""
        return sorted(self.root.glob("tables/*/cells.json"))

    def comparisons(self) -> list[Path]:
        """The `comparison.json` of every comparison."""
        return sorted(self.root.glob("comparisons/*/comparison.json"))

    @property
    def mlflow_database(self) -> Path:
        """What MLflow shows by default; made anew from the run folders by `sync`."""
        return self.root / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """The files that MLflow shows, copies of what is in the run folders."""
        return self.root / "mlflow-artifacts"

    @property
    def mlflow_log(self) -> Path:
        """Whatever MLflow itself prints."""
        return self.root / "mlflow.log"

    def runs(self) -> list[RunFolder]:
        """Every run folder, by key."""
        return [RunFolder(self.root / name) for name in run_names(self.root)]


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def key(self) -> str:
        """The train key."""
        return self.path.name

    @property
    def spec(self) -> Path:
        """What the run is; written before it starts."""
        return self.path / "spec.json"

    @property
    def upkeep(self) -> Path:
        """How often the run's state is saved and which weights stay, where a command said so."""
        return self.path / "upkeep.json"

    @property
    def metrics(self) -> Path:
        """Losses, append-only, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def progress(self) -> Path:
        """Where a running process is."""
        return self.path / "progress.json"

    @property
    def error(self) -> Path:
        """Why the last attempt failed; removed when one succeeds."""
        return self.path / "error.json"

    @property
    def log(self) -> Path:
        """Standard output and error of the run's processes."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by the process that owns the run."""
        return self.path / ".lock"

    @property
    def heartbeat(self) -> Path:
        """The last sign of life of the process that owns the run on a compute node, where there may be no locks."""
        return self.path / "heartbeat.json"

    @property
    def called_off(self) -> Path:
        """Which job of a scheduler shall not do the run any more."""
        return self.path / "called-off.json"

    @property
    def tickets(self) -> Path:
        """How executors find the job that does the run, a file for each executor."""
        return self.path / "tickets"

    @property
    def checkpoints(self) -> Path:
        """States to go on from and weights to score."""
        return self.path / "checkpoints"

    @property
    def scores(self) -> Path:
        """One JSON file per metric, checkpoint and image set, named by score key."""
        return self.path / "scores"

    @property
    def result(self) -> Path:
        """Written last, atomically: the run is done."""
        return self.path / "result.json"

    def samples(self, split: str, epoch: int) -> Path:
        """Translated images of a split at a checkpoint."""
        return self.path / "samples" / f"{split}-epoch-{epoch:06d}"
