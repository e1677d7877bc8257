"""Parameters of a protocol file: one file for protocols that differ in a few values, such as the number of images.

    name: celeba-128
    title: CelebA, trained with ${subset.words} images
    parameters:
      subset:
        1k: {images: 1000, words: "1,000"}
        5k: {images: 5000, words: "5,000"}
    data: {family: image_folder, name: celeba-128, subset: "${subset.images}"}

holds the protocols `celeba-128-1k` and `celeba-128-5k`: what is chosen is the last part of the name, and all else is as if
each had a file of its own. Nothing is computed: whatever depends on a choice is written down beside it. Needs no more than
a YAML reader, for `list`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from bench.base.errors import UsageError, unknown_name

# choice -> what stands for `${PARAMETER}`, or for `${PARAMETER.NAME}` where a choice decides several values
Values = dict[str, Any]

MOST = 64  # protocols of one file
_LONGEST = 1000  # signs of a value that is written into texts
_MOST_PLACES = 500
_MOST_VALUES = 20_000  # of a protocol, once everything is filled in

_WORD = re.compile(r"[a-z0-9]+")
_PLACE = re.compile(r"\$\{([^{}]*)\}")


def parameters(content: dict[str, Any], file: str) -> dict[str, Values]:
    """What a protocol file leaves open, in its order; empty for one that is a single protocol.

    Args:
        content: the file's content.
        file: its name, for messages.

    Raises:
        UsageError: if a name is not of small letters and digits, or if the choices do not decide the same values.
    """
    if "parameters" not in content:
        return {}
    choices_by_name = content["parameters"]
    _require_mapping(choices_by_name, f"{file}: parameters")
    for name, choices in choices_by_name.items():
        _require_mapping(choices, f"{file}: parameters.{name}")
        kinds = {choice: _value_names(value) for choice, value in choices.items()}
        first, names = next(iter(kinds.items()))
        for choice, others in kinds.items():
            if others != names:
                raise UsageError(f"{file}: parameters.{name}: {choice} must decide the same values as {first}")
    return dict(choices_by_name)


def _require_mapping(value: object, where: str) -> None:
    if not isinstance(value, dict) or not value:
        raise UsageError(f"{where}: must be a mapping of names to values")
    for key in value:
        if not isinstance(key, str) or not _WORD.fullmatch(key):
            raise UsageError(f"{where}: {key!r} must be a text of small letters and digits; quote a number")


def _value_names(value: object) -> frozenset[str] | None:
    """The names of the values that a choice decides; None: it is one value."""
    return frozenset(map(str, value)) if isinstance(value, dict) else None


def protocols_in(content: dict[str, Any], file: str) -> dict[str, dict[str, Any]]:
    """Every protocol of a file by its name, each as if it had a file of its own.

    Raises:
        UsageError: for parameters that are no tables of values, that no text uses, or that a text names wrongly.
    """
    left_open = parameters(content, file)
    if not left_open:
        return {str(content.get("name")): content}
    if (count := prod(map(len, left_open.values()))) > MOST:
        raise UsageError(f"{file}: parameters: their choices make {count:,} protocols, more than {MOST}")
    template = {key: value for key, value in content.items() if key != "parameters"}
    places = list(_places(template))
    if len(places) > _MOST_PLACES:
        raise UsageError(f"{file}: holds {len(places):,} ${{...}}, more than {_MOST_PLACES}")
    used = {place.partition(".")[0] for place in places}
    if unused := sorted(left_open.keys() - used):
        raise UsageError(f"{file}: parameters: nothing uses ${{{unused[0]}}}; use it or leave it out")
    protocols = {}
    for combination in product(*left_open.values()):
        chosen = {name: left_open[name][choice] for name, choice in zip(left_open, combination, strict=True)}
        name = "-".join([str(content.get("name")), *combination])
        protocols[name] = {**_filled(template, chosen, file), "name": name}
        if _has_more_values(protocols[name], _MOST_VALUES):
            raise UsageError(f"{file}: parameters: {name} would hold more than {_MOST_VALUES:,} values")
    return protocols


def name_of_choice(content: dict[str, Any], text: str, file: str) -> str:
    """The name of the protocol that `PARAMETER=CHOICE,...` picks from a file.

    Args:
        content: the file's content.
        text: what the user chose; empty: nothing.
        file: the file as the user named it, for messages.

    Raises:
        UsageError: for a parameter that is missing or unknown, or a choice that there is not.
    """
    left_open = parameters(content, file)
    pairs = dict(pair.partition("=")[::2] for pair in text.split(",") if pair)
    for name, choice in pairs.items():
        if name not in left_open:
            raise unknown_name(f"parameter of {file}", name, left_open)
        if choice not in left_open[name]:
            raise unknown_name(f"{name} of {file}", choice, left_open[name])
    for name in left_open.keys() - pairs.keys():
        example = ",".join(f"{other}={next(iter(choices))}" for other, choices in left_open.items())
        raise UsageError(
            f"{file}: choose its {name}, for example '{file}[{example}]'; known: {', '.join(left_open[name])}"
        )
    return "-".join([str(content.get("name")), *(pairs[name] for name in left_open)])


def open_title(content: dict[str, Any], file: str) -> str:
    """A file's title for people; of a file with parameters with their names in capitals, and how to name its protocols."""
    title, left_open = str(content.get("title", "")), parameters(content, file)
    if not left_open:
        return title
    for name in left_open:
        title = re.sub(rf"\$\{{{name}(\.[^{{}}]*)?\}}", name.upper(), title)
    choices = [f"{name.upper()} {', '.join(values)}" for name, values in left_open.items()]
    return f"{title}; {'-'.join([str(content.get('name')), *map(str.upper, left_open)])} with {'; '.join(choices)}"


def _has_more_values(content: Any, limit: int) -> bool:
    """Whether a content holds more values than that; one that stands in several places counts in each."""
    todo = [content]
    count = 0
    while todo and count <= limit:
        value = todo.pop()
        count += 1
        if isinstance(value, dict | list):
            todo += value.values() if isinstance(value, dict) else value
    return count > limit


def _places(value: Any) -> Iterator[str]:
    """Everything that stands between `${` and `}` in a content."""
    if isinstance(value, str):
        yield from _PLACE.findall(value)
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _places(part)


def _filled(value: Any, chosen: dict[str, Any], file: str) -> Any:
    """A content with every place filled in: a text that is one place becomes the value, in others the value is written."""
    if isinstance(value, dict):
        return {key: _filled(part, chosen, file) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, chosen, file) for part in value]
    if not isinstance(value, str):
        return value
    if whole := _PLACE.fullmatch(value):
        return _value(whole[1], chosen, file)
    return _PLACE.sub(lambda place: _written(place[1], chosen, file), value)


def _value(place: str, chosen: dict[str, Any], file: str) -> Any:
    name, dot, part = place.partition(".")
    known = [f"{n}.{p}" for n, value in chosen.items() if isinstance(value, dict) for p in value]
    known += [n for n, value in chosen.items() if not isinstance(value, dict)]
    if place not in known:
        raise unknown_name(f"parameter of {file}", place, known)
    return chosen[name][part] if dot else chosen[name]


def _written(place: str, chosen: dict[str, Any], file: str) -> str:
    value = _value(place, chosen, file)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise UsageError(f"{file}: ${{{place}}} stands inside a text and must be a text or a whole number")
    if len(str(value)) > _LONGEST:
        raise UsageError(f"{file}: ${{{place}}} stands inside a text and has more than {_LONGEST} signs")
    return str(value)
