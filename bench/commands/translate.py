"""`translate`: what a finished run makes of somebody's own images, or of noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from bench.base.errors import UsageError
from bench.base.hashing import file_sha256
from bench.base.home import Home
from bench.base.leftovers import is_left_over
from bench.base.storage import explained, read_object, write_text
from bench.base.terminal import Terminal
from bench.base.validation import Strict
from bench.base.words import say, shown_path
from bench.commands.trained import Finished, Trained
from bench.data.dataset import DataSet
from bench.data.given_images import GivenImages
from bench.data.image_file import EXTENSIONS
from bench.data.image_traits import trait_lines
from bench.data.image_walk import walk_images
from bench.data.images import FileImages
from bench.data.opening import open_dataset
from bench.plugin.capabilities import LatentGenerator, StyledTranslator, TwoWayTranslator
from bench.tasks.task import Group, Progress, Task, load_task, task_of
from bench.tasks.wishes import Wishes

CARD = "translated.json"


class Translated(Strict):
    """What made the images of a folder; it lies among them, so that the same command goes on and another one does not.

    Attributes:
        run, method, epoch, weights: which method, at which checkpoint, with the sha256 of its weights.
        size, styles, seed, direction: as they were asked for.
        device: that made them.
        prepared: how an image was put in, in words.
        inputs: name and sha256 of each image that was put in, in order.
    """

    run: str
    method: str
    epoch: int
    weights: str
    size: str
    styles: int | None
    seed: int
    direction: str
    device: str
    prepared: str
    inputs: list[tuple[str, str]]

    def difference(self, other: Translated) -> str:
        """Where the other's images are made in another way: one line; empty if nowhere."""
        for name in type(self).model_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if name not in ("inputs", "prepared") and mine != theirs:
                return f"{name} {theirs}, and now {mine}"
        return ""

    def outdated(self, before: Translated, outputs_per_input: int, drawn: bool) -> set[int]:
        """Which outputs were made of other inputs.

        Args:
            before: what made the outputs that are there.
            outputs_per_input: that many in a row are of one input.
            drawn: whether an output depends on its input's number, too.
        """
        known = {name: (place, sha256) for place, (name, sha256) in enumerate(before.inputs)}
        changed = {
            place
            for place, (name, sha256) in enumerate(self.inputs)
            if name in known and (known[name][1] != sha256 or (drawn and known[name][0] != place))
        }
        return {place * outputs_per_input + i for place in changed for i in range(outputs_per_input)}


class Made(Strict):
    """The outcome of `translate`.

    Attributes:
        folder: where the images are, with `translated.json` beside them.
        images: how many there are.
        before: how many of them were there already.
        notices: what a reader should know about the inputs.
        card: how they were made.
    """

    folder: str
    images: int
    before: int
    notices: list[str]
    card: Translated


def translate(
    home: Home,
    run: Finished,
    images: Path | None,
    out: Path,
    wishes: Wishes,
    checkpoint: str = "last",
    device: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Made:
    """Make images with a finished run as it made its own samples; what is there already is not made again.

    Args:
        home: where the run's data set is, if it is asked for.
        run: the finished run.
        images: a folder of images, or one image; None: they are made of noise.
        out: the folder that images go to.
        wishes: what is asked for beside that.
        checkpoint: last, best-on-validation, best-on-test, or an epoch.
        device: cpu, cuda or auto; None: that of the run.
        progress: called with (images done, images in all).

    Raises:
        UsageError: there are no images, the method leaves no such choice, or `out` holds other images.
        NotAvailable: the weights are gone, or the device is not here.
        BenchError: an image cannot be read.
    """
    task = task_of(run.spec)
    if task.of_images != (images is not None):
        need, not_wanted = ("--images DIR", "--count") if task.of_images else ("--count N", "--images")
        raise UsageError(f"run {run.folder.key} ({task.name}) wants {need}, and no {not_wanted}")
    given, notices = (FileImages([]), []) if images is None else found_images(images, out)
    trained = Trained.load(run, checkpoint, run.device(device))
    method, task = trained.method, load_task(trained.method.task)

    def original() -> DataSet:
        return open_dataset(run.spec.data, home.datasets, home.cache)

    dataset = GivenImages(run.spec.data, given, home.cache, original)
    groups = task.own_groups(method, dataset, wishes)
    _require_backward(trained, wishes)
    card = Translated(
        run=run.folder.key,
        method=run.spec.label,
        epoch=trained.epoch,
        weights=trained.sha256,
        size=str(wishes.size),
        styles=wishes.styles,
        seed=wishes.seed,
        direction=wishes.direction,
        device=next(method.parameters()).device.type,
        prepared=_prepared(task, trained, groups),
        inputs=[(name, file_sha256(path)) for name, path in zip(given.names, given.paths, strict=True)],
    )
    paths = [out / file for group in groups for file in group.files]
    _claim(out, card, groups, isinstance(method, StyledTranslator | LatentGenerator))
    before = sum(path.exists() for path in paths)
    task.sample(method, dataset, groups, out, progress)
    return Made(folder=shown_path(out), images=len(paths), before=before, notices=notices, card=card)


def found_images(images: Path, out: Path) -> tuple[FileImages, list[str]]:
    """The images of a folder and of all below it, or one image; and what is odd about them, one line each.

    Args:
        images: the folder or file.
        out: where other images will be written.

    Raises:
        UsageError: there is nothing there, or what is written would be among them.
    """
    shown = shown_path(images)
    if images.is_file():
        return FileImages([images]), trait_lines(shown, [images])
    if not images.is_dir():
        raise UsageError(f"--images {shown}: no such folder or image")
    if out.resolve().is_relative_to(images.resolve()):
        raise UsageError(f"--out {shown_path(out)}: lies in --images {shown}; choose a folder beside it")
    walked = walk_images(images)
    if not walked.files:
        raise UsageError(f"--images {shown}: holds no image ({' '.join(sorted(EXTENSIONS))})")
    names = [file.relative_to(images).as_posix() for file in walked.files]
    return FileImages(walked.files, names), [*walked.problems, *walked.notices, *trait_lines(shown, walked.files)]


def _require_backward(trained: Trained, wishes: Wishes) -> None:
    """Refuse the way back where the checkpoint kept only what the way there needs."""
    method, kept = trained.method, trained.networks
    if wishes.direction == "AtoB" or kept is None or not isinstance(method, TwoWayTranslator):
        return
    if lacking := [name for name in method.backward_networks if name not in kept]:
        raise UsageError(
            f"--direction BtoA: the checkpoint of epoch {trained.epoch} keeps {', '.join(kept)} and no "
            f"{', '.join(lacking)}; leave the option out, or train the other way round "
            "(direction: BtoA in a protocol's data)"
        )


def _prepared(task: Task, trained: Trained, groups: Sequence[Group]) -> str:
    """How inputs are put in, in words."""
    sides, usual = groups[0].sides, task.preparation(trained.method.config)
    if sides is None:
        return usual
    height, width = task.size(trained.method.config)
    if sides.side is not None:
        return usual.replace(f"{width}x{height}", f"{sides.side}x{sides.side}")
    head, _, tail = usual.partition(" resized to ")
    return (
        f"{head} at its own size, mirrored at the right and lower edge up to multiples of {sides.multiple} pixels, which "
        f"are cut off again,{tail.partition('aspect ratio,')[2]}"
    )


def _claim(out: Path, card: Translated, groups: Sequence[Group], drawn: bool) -> None:
    """Say in the folder what its images are made by, and remove those whose inputs are others now.

    Raises:
        UsageError: the folder holds images that something else made.
    """
    for begun in out.rglob(".*.tmp"):
        if is_left_over(begun):
            begun.unlink(missing_ok=True)
    before = _read_card(out / CARD)
    files = [file for group in groups for file in group.files]
    if before is None:
        if there := [file for file in files if (out / file).exists()]:
            raise UsageError(
                f"--out {shown_path(out)}: holds {there[0]} already, which this command did not make; choose another folder"
            )
    elif difference := card.difference(before):
        raise UsageError(
            f"--out {shown_path(out)}: holds images that were made otherwise ({difference}); choose another folder"
        )
    else:
        with explained(out, "--out"):
            for group in groups:
                for i in card.outdated(before, group.outputs_per_input, drawn):
                    (out / group.files[i]).unlink(missing_ok=True)
    write_text(out / CARD, card.model_dump_json(indent=1) + "\n", "--out")


def _read_card(path: Path) -> Translated | None:
    try:
        return Translated.model_validate(read_object(path))
    except ValidationError:
        return None


def print_made(made: Made) -> None:
    """Show what `translate` wrote."""
    console, card = Terminal(), made.card
    for line in made.notices:
        say(console, f"note: {line}")
    there = f"; {made.before} of them were there already" if made.before else ""
    say(console, f"{made.images} images by {card.run}, epoch {card.epoch}, are in {made.folder}{there}")
    say(console, f"how inputs were prepared: {card.prepared}")
    say(console, f"what made them: {shown_path(Path(made.folder) / CARD)}")
