"""From a folder of the user's images to a protocol in the home: what `data use DIR` and `--images DIR` do first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from bench.base.device import DeviceType
from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.home import Home, expanded
from bench.base.storage import explained, write_text
from bench.base.words import shown_path
from bench.data.dataset import DataSet
from bench.data.layouts import Reading, domains_of, read_folder
from bench.data.looked_at import folder_lines, stream_lines
from bench.data.opening import open_dataset
from bench.plan.cost_of_step import Calibrations, Workload
from bench.plan.own_protocol import Speed, fitted, own_protocol, protocol_text
from bench.plan.resolve import resolve
from bench.plugin.discovery import find_plugin, load_method, loss_host, plugins
from bench.schema.data import OwnImagesData
from bench.schema.protocol import Protocol, load_protocol, protocol_names
from bench.schema.yaml_files import own_protocol_files, protocol_files
from bench.tasks.task import Task, load_task

LOCK_SECONDS = 180.0  # another command may measure a speed meanwhile
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
Say = Callable[[str], object]


@dataclass(frozen=True)
class OwnImages:
    """What the user says of a folder of images.

    Attributes:
        folder: absolute.
        layout: one of `bench.data.layouts.LAYOUTS`; None: what it looks like.
        domains: names of its folders or halves, in the user's order.
    """

    folder: Path
    layout: str | None = None
    domains: Sequence[str] = ()

    @classmethod
    def of_options(cls, folder: Path | None, layout: str | None, domains: str | None) -> OwnImages | None:
        """What the options --images, --layout and --domains say; None where there are no such images.

        Raises:
            UsageError: for an option that goes with --images, without it.
        """
        if folder is None:
            if layout or domains:
                raise UsageError("--layout and --domains go with --images; a protocol says itself how its data is read")
            return None
        return cls(expanded(folder).absolute(), layout, domains_of(domains or ""))

    @property
    def is_chosen(self) -> bool:
        """Whether the user says how they are read."""
        return self.layout is not None or bool(self.domains)


def asked_protocol(
    home: Home, protocol: str | None, images: OwnImages | None, method: str, scale: str, device: DeviceType, say: Say
) -> Protocol:
    """The protocol that a command is to train and score under, by --protocol or by --images.

    Args:
        home: the results root, with the user's protocols.
        protocol: the option --protocol; None: not given.
        images: the options of --images; None: not given.
        method: the first that trains; its task says what is done with images.
        scale: if it is mini, the length of a new protocol's mini is measured.
        device: what runs are planned for.
        say: is given what is to be known, a line at a time.

    Raises:
        UsageError: unless exactly one of the two is given, and for what is wrong with it.
    """
    if protocol is not None and images is not None:
        raise UsageError("--images and --protocol: give one of them; --images writes a protocol itself")
    if protocol is None and images is None:
        raise UsageError(
            "say on what: --protocol NAME (contrastbench list protocols), or --images DIR, images of your own"
        )
    if images is None:
        return load_protocol(str(protocol), home.protocols)
    task = load_task(str(find_plugin("method", method).literals.get("task")))
    return Use(home, images, task, device, say, method, measure=scale == "mini").protocol()


def task_for(images: OwnImages, task: str | None, method: str | None, say: Say) -> Task:
    """What a folder of images is for: as said, as the method does, or else the first task that can read it.

    Args:
        images: the folder.
        task: the option --task; None: not given.
        method: the option --method; None: not given.
        say: is told which other tasks can read it.

    Raises:
        UsageError: if no task can, or there is no such task or method.
    """
    if task is not None or method is not None:
        return load_task(task or str(find_plugin("method", str(method)).literals.get("task")))
    first = str(find_plugin("method", loss_host()).literals.get("task"))
    fitting, refusals = [], []
    for name in sorted(plugins("task"), key=lambda name: (name != first, name)):
        one = load_task(name)
        try:
            read_folder(images.folder, one.layouts, images.layout, images.domains)
            fitting.append(one)
        except UsageError as error:
            refusals.append(error)
    if not fitting:
        raise refusals[0]
    if others := [f"--task {one.name}" for one in fitting[1:]]:
        say(f"read for {fitting[0].name}; could also be read for others: {', '.join(others)}")
    return fitting[0]


@dataclass(frozen=True)
class Use:
    """A folder of the user's images in use for a task.

    Attributes:
        home: the results root.
        images: the folder, and how it is to be read.
        task: what is done with the images.
        device: what runs are planned for.
        say: is given what was seen, a line at a time.
        method: the first that trains; None: not known.
        measure: whether its speed at scale mini is measured for a new protocol, for up to half a minute.
    """

    home: Home
    images: OwnImages
    task: Task
    device: DeviceType
    say: Say
    method: str | None = None
    measure: bool = False

    def protocol(self, name: str | None = None) -> Protocol:
        """Say what the images are, and write a protocol for them, or find the one that was written before.

        Args:
            name: of the protocol; None: after the folder.

        Raises:
            UsageError: if the folder cannot be read for the task, or the name is another protocol's.
        """
        if not self.task.layouts:
            raise UsageError(
                f"--images: {self.task.name} reads no images without a protocol: docs/adding-a-protocol.md"
            )
        if not self.images.folder.is_dir():
            where = shown_path(self.images.folder)
            raise UsageError(f"--images {where}: no such folder; give the one that holds your images")
        _require_text(str(self.images.folder))
        with _alone(self.home.protocols):
            chosen = self._settled(name)
            before = self._known(chosen)
            if before is not None and not self.images.is_chosen:
                return self._again(before)
            reading, lines = read_folder(self.images.folder, self.task.layouts, self.images.layout, self.images.domains)
            if before is not None and _is_read_so(before, reading):
                return self._again(before)
            return self._written(self._made(chosen, reading, lines), before, reading)

    def _again(self, protocol: Protocol) -> Protocol:
        dataset = open_dataset(protocol.data, self.home.datasets, self.home.cache)
        self._say_what(dataset, "as its protocol says")
        self.say(f"protocol {protocol.id}: {shown_path(self._file(protocol.name))}, written before")
        return protocol

    def _made(self, name: str, reading: Reading, lines: Sequence[str]) -> Protocol:
        """A new protocol, and what it is made of said."""
        for folder in (folder for stream in reading.streams for folder in stream.folders.values()):
            _require_text(folder)
        data = reading.data(name, self.images.folder)
        dataset = open_dataset(data, self.home.datasets, self.home.cache)
        way = f" (the other way: {reading.other_way})" if reading.turned else ""
        self._say_what(dataset, f"{reading.layout}, {reading.said}{way}", lines)
        protocol = own_protocol(name, data, dataset, self.task, self.device, self.method)
        speed = self._speed(protocol, dataset)
        return protocol if speed is None else fitted(protocol, speed, self.device)

    def _say_what(self, dataset: DataSet, how: str, lines: Sequence[str] = ()) -> None:
        """What was looked at, in a few lines."""
        self.say(f"images in {shown_path(self.images.folder)}: {how}")
        for line in [*folder_lines(dataset), *stream_lines(dataset), *dataset.count_deviations(), *lines]:
            self.say(f"  {line}")

    def _speed(self, protocol: Protocol, dataset: DataSet) -> Speed | None:
        """How fast the method trains at scale mini, if that is known or to be measured."""
        if self.method is None:
            return None
        load_method(self.method)  # the user has named it
        try:
            resolution = resolve(self.method, protocol, "mini")
        except NotAvailable:  # whoever asks for that scale is told
            return None
        known, workload = Calibrations(self.home, self.device), Workload.of_resolution(resolution)
        seconds = known.seconds_per_step(workload)
        if seconds is None and self.measure:
            self.say(f"  measuring {workload.label} at scale mini, at most half a minute unless one step takes longer")
            seconds = known.calibrate(workload).seconds_per_step
        if not seconds:
            return None
        per_epoch = resolution.values["images_per_epoch"] or self.task.epoch_length(dataset)
        steps = per_epoch // int(resolution.values["batch_size"]) * resolution.total_epochs
        return Speed(workload.label, seconds, max(1, steps), per_epoch)

    def _written(self, made: Protocol, before: Protocol | None, reading: Reading) -> Protocol:
        """Write a protocol to the home; one that it takes the place of is kept as its version."""
        path = self._file(made.name)
        if before is not None:
            write_text(self._file(before.id), path.read_text(encoding="utf-8"))
            version = before.version + 1
            changes = {**before.changes, version: f"read as {reading.layout}, {reading.said}"}
            made = made.model_copy(update={"version": version, "changes": changes})
        said = [
            f"{reading.layout} in {self.images.folder}: {reading.said}. Written by contrastbench, to be edited as you like:",
            "a change that could move a number raises version and adds a line to changes (docs/adding-a-protocol.md).",
        ]
        write_text(path, protocol_text(made, said))
        for scale, one in made.scales.items():
            self.say(f"  {scale}: {one.why}")
        self.say(f"protocol {made.id}: {shown_path(path)}; edit it as you like, and name it: --protocol {made.name}")
        return load_protocol(made.name, self.home.protocols)

    def _settled(self, name: str | None) -> str:
        """The protocol's name: as chosen, or after the folder, numbered where it is taken by other images."""
        taken = {*protocol_names(), *(stem.partition("@")[0] for stem in protocol_files())}
        if name is not None:
            if not _NAME.fullmatch(name):
                raise UsageError(f"--name {name}: may only hold small letters, digits and -; choose another name")
            if name in taken or not self._is_free(name):
                raise UsageError(
                    f"--name {name}: a protocol for other images or another task has it; choose another name"
                )
            return name
        plain = re.sub(r"[^a-z0-9]+", "-", self.images.folder.name.lower()).strip("-") or "images"
        base = f"own-{plain}" if plain in taken else plain
        numbered = (f"{base}-{number}" for number in range(2, 10_000))
        return next(one for one in (base, *numbered) if one not in taken and self._is_free(one))

    def _is_free(self, name: str) -> bool:
        """Whether no protocol in the home has that name, or one for these images and this task."""
        known = self._known(name)
        if known is None:
            return True
        data = known.data
        folder = self.home.datasets / data.folder if isinstance(data, OwnImagesData) else None
        return folder == self.images.folder and known.task == self.task.name

    def _known(self, name: str) -> Protocol | None:
        """The protocol of that name in the home."""
        is_there = name in own_protocol_files(self.home.protocols)
        return load_protocol(name, self.home.protocols) if is_there else None

    def _file(self, name: str) -> Path:
        return self.home.protocols / f"{name}.yaml"


def _is_read_so(protocol: Protocol, reading: Reading) -> bool:
    """Whether a protocol reads its images as this reading does."""
    data = protocol.data
    same = (reading.streams, reading.pairs, reading.label_maps)
    return isinstance(data, OwnImagesData) and (data.streams, data.pairs, data.label_maps) == same


def _require_text(path: str) -> None:
    """Refuse a folder whose name is bytes and no text: a protocol could not name it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{path}: this folder's name is no UTF-8 text, so no protocol can name it; rename it"
        ) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands from writing protocols to a folder: equal commands on one home write one protocol once.

    Raises:
        BenchError: if the folder cannot be written, or another command keeps it.
    """
    lock = FileLock(folder / ".lock")
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            what = "another command writes protocols; run the same command again"
            raise BenchError(f"{shown_path(folder)}: {what}") from None
    try:
        yield
    finally:
        lock.release()
