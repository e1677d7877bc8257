"""What a command says of a run's files, and not of the run: how often its state is saved, and which weights stay.

It is in `upkeep.json` beside the run's `spec.json`, so that whoever does the run finds it there, on whichever machine: it is
part of no key, and a command that says nothing leaves what an earlier one said.
"""

from __future__ import annotations

import logging
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.base.errors import UsageError
from bench.base.home import RunFolder
from bench.base.sealed import Damaged, read_note, write_note
from bench.base.streams import one_line

log = logging.getLogger(__name__)
_WAY_OUT = "all weights of the run stay until a command says --keep again"
Keep = Literal["last", "best", "all", "none"]
KEEP: Keep = "best"
SAVE_MINUTES = 10.0
SAVE_SHARE = 0.02  # saving takes no more than about this share of the time, whatever the option says


class Upkeep(BaseModel):
    """What stays on disk of a run, and how often its state is saved; None: as said before, else the default.

    Attributes:
        keep: which scored checkpoints stay once every metric is measured: the last, the best ones and the last, all, none.
        save_minutes: between two states.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    keep: Keep | None = None
    save_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @classmethod
    def of_options(cls, keep: str | None, save_every: float | None) -> Upkeep:
        """As the command line says.

        Raises:
            UsageError: naming the option that is wrong.
        """
        if keep is not None and keep not in get_args(Keep):
            raise UsageError(f"--keep {keep}: write last, best (and the last), all or none")
        try:
            return cls(keep=keep, save_minutes=save_every)  # type: ignore[arg-type]
        except ValidationError:
            raise UsageError(f"--save-every {save_every}: write minutes above 0, for example --save-every 5") from None

    def after(self, earlier: Upkeep) -> Upkeep:
        """This, and what an earlier command said where this one says nothing."""
        return earlier.model_copy(update=self.model_dump(exclude_none=True))

    @property
    def kept(self) -> Keep:
        """Which scored checkpoints stay."""
        return self.keep or KEEP

    @property
    def minutes(self) -> float:
        """Minutes between two states, if saving is quick."""
        return self.save_minutes or SAVE_MINUTES

    @property
    def save_seconds(self) -> float:
        """The same in seconds."""
        return 60 * self.minutes

    @property
    def option(self) -> str:
        """`--keep` as one would write it."""
        return f"--keep {self.kept}"

    def most_kept(self, checkpoints: int) -> int:
        """At most how many of so many scored checkpoints stay: the last, and the best on validation and on test images."""
        return {"last": min(1, checkpoints), "best": min(3, checkpoints), "all": checkpoints, "none": 0}[self.kept]


NOTHING_SAID = Upkeep()


def read_upkeep(folder: RunFolder) -> Upkeep:
    """What earlier commands said of a run; where that is not what was written, everything stays until one says it again."""
    try:
        return Upkeep.model_validate(read_note(folder.upkeep, "upkeep", folder.key, _WAY_OUT) or {})
    except ValidationError:
        log.warning("%s: is not what was written; %s", one_line(str(folder.upkeep)), _WAY_OUT)
    except Damaged as error:
        log.warning("%s", error)
    return Upkeep(keep="all")


def is_news_of_upkeep(folder: RunFolder, said: Upkeep) -> bool:
    """Whether a command says what earlier ones did not say of a run."""
    before = read_upkeep(folder)
    return said.after(before) != before


def write_upkeep(folder: RunFolder, said: Upkeep) -> None:
    """Add what a command says to what earlier ones said."""
    before = read_upkeep(folder)
    if (now := said.after(before)) != before:
        write_note(folder.upkeep, "upkeep", folder.key, now.model_dump(mode="json", exclude_none=True))
