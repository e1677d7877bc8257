"""What made a run's training: a part for each stretch of it that one code made on one device."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.base.device import made_on
from bench.schema.run_spec import code_hash
from bench.schema.versions import versions


class Typed(BaseModel):
    """A record that is read back: every field is known and has its own type; a text is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Part(Typed):
    """A stretch of training that one code made on one device without a change.

    Attributes:
        from_step, to_step: steps that were done before and after it.
        code: hash of the source (`bench.schema.run_spec.code_hash`).
        versions: of Python and of the packages that compute.
        device: what computed it: `cpu`, or `cuda` with the name and the driver of the card.
        threads: of the CPU's part.
        started: when, in seconds since 1970.
    """

    from_step: int = Field(ge=0)
    to_step: int = Field(ge=0)
    code: str
    versions: dict[str, str]
    device: str
    threads: int | None
    started: float = Field(allow_inf_nan=False)

    @classmethod
    def beginning(cls, step: int, device: str, now: float) -> Part:
        """The part of this process, from a step on.

        Args:
            step: steps that are done.
            device: torch's name of it.
            now: in seconds since 1970.
        """
        made = made_on(device)
        card = ", ".join(filter(None, (made["card"], made["driver"] and f"driver {made['driver']}")))
        return cls(
            from_step=step,
            to_step=step,
            code=code_hash(),
            versions=versions(),
            device=f"{made['device']} ({card})" if card else made["device"],
            threads=made["threads"],
            started=now,
        )

    def until(self, step: int) -> Part:
        """The same part, as far as that step."""
        return self.model_copy(update={"to_step": step})

    def continues(self, other: Part) -> bool:
        """Whether this one follows another, made by the same code on the same device."""
        place = {"from_step", "to_step", "started"}
        return self.from_step == other.to_step and self.model_dump(exclude=place) == other.model_dump(exclude=place)


def with_part(parts: list[Part], part: Part) -> list[Part]:
    """Training so far and a stretch more; one part with the last if nothing of it differs."""
    if part.from_step == part.to_step:
        return parts
    if parts and part.continues(parts[-1]):
        return [*parts[:-1], parts[-1].until(part.to_step)]
    return [*parts, part]
