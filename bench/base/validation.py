"""Values that are checked when they are made, and what is wrong with one that a user wrote, in one line."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.errors import short_line


class Strict(BaseModel):
    """A record of which every field is known: an unknown key is an error, and nothing is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validation_line(where: str, error: ValidationError) -> str:
    """One line of a pydantic error: all keys that are missing, or else the first place, its key and what is wrong there."""
    errors = error.errors(include_url=False)
    places = [".".join(str(part) for part in one["loc"]) for one in errors]
    missing = [place for place, one in zip(places, errors, strict=True) if one["type"] == "missing"]
    if len(missing) > 1:
        key, message, said = "", f"these keys are missing: {', '.join(missing)}", len(missing)
    else:
        key, message, said = places[0], errors[0]["msg"].removeprefix("Value error, "), 1
    if errors[0]["type"] == "extra_forbidden" and said == 1:
        message = "unknown key; remove it or correct its spelling"
    more = f" (and {len(errors) - said} more)" if len(errors) > said else ""
    return short_line(f"{where}: {key + ': ' if key else ''}{message}{more}")
