"""Values that are checked when they are made, and what is wrong with one that a user wrote, in one line."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.errors import short_line


class Strict(BaseModel):
    """A record of which every field is known: an unknown key is an error, and nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validation_line(where: str, error: ValidationError) -> str:
    """One line of a pydantic error: the place, the key and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; remove it or correct its spelling"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return short_line(f"{where}: {key + ': ' if key else ''}{message}{more}")
