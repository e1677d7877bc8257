"""What goes from a run's folder when it is not needed any more: states, weights, and what killed processes left behind.

The states of a finished run go at once. The weights of scored checkpoints stay until every metric of the run has been
measured, then as `--keep` says; a checkpoint that another run needs stays in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

from filelock import FileLock, Timeout

from bench.base.checked import Checked
from bench.base.errors import BenchError
from bench.base.home import Home, RunFolder
from bench.base.leftovers import is_left_over, names_in
from bench.base.many import mapped
from bench.ledger.checkpoint_files import STATE, WEIGHTS, drop_weights, read_weights, tensors_of, weights_name
from bench.ledger.folders import chosen_epochs, run_scores
from bench.ledger.heartbeat import is_beating
from bench.ledger.over_runs import over_runs
from bench.metrics.metric import load_metric
from bench.schema.run_spec import RunSpec, read_spec
from bench.schema.upkeep import Upkeep, read_upkeep

_WRITTEN_LAST = (".", "checkpoints", "scores", "tickets")  # of a run that has its result


def is_needed_whole(home: Home, key: str) -> bool:
    """Whether a run of this home takes this run's networks (a teacher's, say), of which it may use any."""
    return any(key in spec.needs.values() for spec in _later(home, key))


def _later(home: Home, key: str) -> Iterator[RunSpec]:
    """The specifications of the runs that come after this one."""
    for folder in home.runs():
        try:
            if key.encode() in folder.spec.read_bytes() and key in (spec := read_spec(folder.spec)).comes_after:
                yield spec
        except (BenchError, OSError):  # `status` says what is wrong with it
            continue


def needed_runs(home: Home) -> frozenset[str]:
    """The train keys of all runs of a home that others come after."""

    def needs(folder: RunFolder, checked: Checked) -> list[str]:
        try:
            return read_spec(folder.spec, checked).comes_after
        except BenchError:  # `status` says what is wrong with it
            return []

    return frozenset(key for keys in over_runs(home, needs, home.runs()) for key in keys)


def retire(
    home: Home, spec: RunSpec, splits: Sequence[str], upkeep: Upkeep | None = None, needed: Set[str] | None = None
) -> None:
    """Remove what a finished run does not need any more; whoever calls it owns the run.

    Args:
        home: the results root.
        spec: of a run that has its result.
        splits: of its data set.
        upkeep: which weights stay; None: as the run's folder says.
        needed: from `needed_runs`; None: it is asked for this run alone.
    """
    folder = home.run(spec.train_key)
    for path in [*folder.checkpoints.glob(f"{STATE}*.json"), *folder.checkpoints.glob(f"{STATE}*.safetensors")]:
        path.unlink(missing_ok=True)
    upkeep = upkeep or read_upkeep(folder)
    if upkeep.kept == "all" or not _all_is_measured(folder, spec, splits):
        return
    keep = _kept_epochs(folder, spec, splits, upkeep)
    if spec.train_key in needed if needed is not None else any(True for _ in _later(home, spec.train_key)):
        keep.add(spec.total_epochs)
    for path in sorted(folder.checkpoints.glob(f"{WEIGHTS}*.json")):
        number = path.stem.removeprefix(WEIGHTS)
        epoch = int(number) if number.isascii() and number.isdigit() else None
        if epoch is None or epoch in keep:
            continue
        try:
            record = read_weights(folder.checkpoints, epoch, folder.key)
        except BenchError:  # damaged: the run makes it again when it is asked for
            continue
        if not record.dropped or tensors_of(folder.checkpoints, weights_name(epoch)).exists():
            drop_weights(folder.checkpoints, record, upkeep.option)


def _all_is_measured(folder: RunFolder, spec: RunSpec, splits: Sequence[str]) -> bool:
    """Whether no metric of the run could ask for its checkpoints once more.

    One that only lacks aligned images never can: its data has none. One that lacks a network's weights can, later.
    """
    for plan in spec.plans:
        for row in run_scores(folder, spec.under(plan), tuple(splits)):
            metric = load_metric(row.metric)
            needs_network = metric.extractor is not None or metric.uses_segmenter
            if row.state != "done" and (row.state != "not available" or needs_network):
                return False
    return True


def _kept_epochs(folder: RunFolder, spec: RunSpec, splits: Sequence[str], upkeep: Upkeep) -> set[int]:
    """The epochs whose weights stay."""
    if upkeep.kept == "none":
        return set()
    epochs = {spec.total_epochs}
    if upkeep.kept == "last":
        return epochs
    for plan in spec.plans:
        scores = run_scores(folder, spec.under(plan), tuple(splits))
        epochs.update(
            chosen_epochs(scores, plan.select_by, bool(load_metric(plan.select_by).higher_is_better)).values()
        )
    return epochs


def tidy_all(home: Home, specs: Mapping[str, RunSpec], splits: Mapping[str, Sequence[str]], said: Upkeep) -> None:
    """`tidy` for all finished runs of a command, however many.

    Args:
        home: the results root.
        specs: train key -> run that has its result.
        splits: train key -> those of its data set.
        said: what the command says.
    """
    keys = list(specs)
    untidy = mapped(lambda key: said.keep is not None or _is_untidy(home.run(key)), keys)
    needed = needed_runs(home) if keys and said.keep is not None else None
    for key, is_untidy in zip(keys, untidy, strict=True):
        if is_untidy:
            tidy(home, specs[key], splits[key], said, needed)


def _is_untidy(folder: RunFolder) -> bool:
    """Whether a finished run's folder holds something that may have to go."""
    return bool(_left(folder)) or any(name.startswith(STATE) for name in names_in(folder.checkpoints))


def _left(folder: RunFolder) -> list[Path]:
    """What killed processes left of writing a finished run's last files."""
    places = [folder.path / place for place in _WRITTEN_LAST]
    begun = [
        place / name for place in places for name in names_in(place) if name.startswith(".") and name.endswith(".tmp")
    ]
    return [path for path in begun if is_left_over(path)]


def tidy(home: Home, spec: RunSpec, splits: Sequence[str], said: Upkeep, needed: Set[str] | None = None) -> None:
    """Remove what killed processes left in a finished run's folder, and what the run does not need any more.

    Nothing of a run that another process owns is touched, nor a temporary file of a process that lives.

    Args:
        home: the results root.
        spec: of a run that has its result.
        splits: of its data set.
        said: what the command says; if it says nothing of weights, none go that an earlier command left.
        needed: as of `retire`.
    """
    folder = home.run(spec.train_key)
    # whoever does an unfinished run looks through all of its folder
    if is_beating(folder):
        return
    if said.keep is None and not _is_untidy(folder):
        return
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return
    try:
        for path in _left(folder):
            path.unlink(missing_ok=True)
        retire(home, spec, splits, None if said.keep is not None else Upkeep(keep="all"), needed)
    finally:
        lock.release()


def temporaries(folder: RunFolder) -> Iterator[Path]:
    """Temporary files of writers that are gone, anywhere in a run's folder: a run of many samples takes a while."""
    return filter(is_left_over, folder.path.rglob(".*.tmp"))
