"""What matplotlib writes into an SVG, said shorter: names nobody refers to, groups of one, styles and coordinates.

A page has a hundred figures of a thousand elements each; this makes it a quarter of the size.
"""

from __future__ import annotations

import re

_NAME = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^")]+)')
_TAG = re.compile(r"(<[^>]*>)")
_STYLE = re.compile(r' style="([^"]*)"')
_PATH = re.compile(r' d="([^"]*)"')
_PLACE = re.compile(r' (x|y)="(-?\d+\.\d)\d*"')
_UPRIGHT = re.compile(r' transform="rotate\(-?0 [^"]*\)"')
# what styles say -> class in the page's style sheet; nothing where the sheet says it of every figure
_CLASSES = {
    "fill: none": "n",
    "text-anchor: start": "",
    "text-anchor: middle": "m",
    "text-anchor: end": "e",
    "stroke-linejoin: miter": "q",
    "stroke-linecap: square": "q",
    "font-family: system-ui, sans-serif": "",
    "font-size: 9.68px": "",
}
_VARIABLE = re.compile(r"(fill|stroke): var\(--(\w+)\)")


def shortened(text: str, prefix: str) -> str:
    """The same picture in fewer characters.

    Args:
        text: the content of an `svg` element as matplotlib writes it, its colours as variables of the page.
        prefix: of every name inside it, so that several can stand in one page.

    Returns:
        Markup that needs the page's classes of figures (`samples.css`).
    """
    names = dict.fromkeys(name for _, name in _REFERENCE.findall(text))
    short = {name: f"{prefix}-{number}" for number, name in enumerate(names)}
    text = _NAME.sub(lambda name: f' id="{short[name[1]]}"' if name[1] in short else "", text)
    text = _REFERENCE.sub(lambda name: f"{name[1]}{short[name[2]]}", text)
    text = _UPRIGHT.sub("", text)
    text = _STYLE.sub(_classes, text)
    text = re.sub(r'(<text[^>]*?) class="f-ink"', r"\1", re.sub(r'(<text class="[me]) f-ink"', r'\1"', text))
    text = re.sub(r'(<use[^>]*?) class="f-ink s-ink"', r"\1", text)
    text = _PLACE.sub(r' \1="\2"', text)
    text = _PATH.sub(lambda path: f' d="{_path(path[1])}"', text)
    text = re.sub(r">\s*\n\s*", ">", re.sub(r"<defs>\s*</defs>|<defs/>", "", text))
    return _without_bare_groups(text)


def _classes(style: re.Match[str]) -> str:
    classes, rest = [], []
    for rule in filter(None, style[1].split("; ")):
        if (variable := _VARIABLE.fullmatch(rule)) is not None:
            classes.append(f"{variable[1][0]}-{variable[2]}")
        elif rule in _CLASSES:
            classes.append(_CLASSES[rule])
        else:
            rest.append(rule)
    named = " ".join(dict.fromkeys(filter(None, classes)))
    return (f' class="{named}"' if named else "") + (f' style="{";".join(rest)}"' if rest else "")


def _path(path: str) -> str:
    """A path to a tenth of a point; straight ones by steps instead of places, so that rounding adds nothing up."""
    parts = re.findall(r"[A-Za-z]|-?\d+(?:\.\d+)?", path)
    if not set(filter(str.isalpha, parts)) <= {"M", "L", "z"}:
        return " ".join(part if part.isalpha() else _tenths(round(10 * float(part))) for part in parts)
    words, here, at = [], (0, 0), 0
    while at < len(parts):
        command = parts[at]
        if command == "z":
            words.append("z")
            at += 1
            continue
        place = round(10 * float(parts[at + 1])), round(10 * float(parts[at + 2]))
        if command == "M":
            words.append(f"M{_tenths(place[0])} {_tenths(place[1])}")
        elif place != here or len(words) < 2:  # a line of no length shows nothing, but the only one may be a dot
            step = f"{_tenths(place[0] - here[0])} {_tenths(place[1] - here[1])}"
            words.append(f" {step}" if words[-1][:1] in "l " else f"l{step}")
        here, at = place, at + 3
    return "".join(words).replace(" -", "-")


def _tenths(value: int) -> str:
    text = f"{value / 10:.1f}".removesuffix(".0")
    return re.sub(r"^(-?)0\.", r"\1.", text) if text not in ("-0", "0") else "0"


def _without_bare_groups(text: str) -> str:
    """Without the groups that say nothing of what is in them."""
    kept, bare = [], []
    for part in _TAG.split(text):
        if part == "<g>":
            bare.append(True)
        elif part.startswith("<g ") and not part.endswith("/>"):
            bare.append(False)
            kept.append(part)
        elif part == "</g>":
            if not bare.pop():
                kept.append(part)
        elif part != "<g/>":
            kept.append(part)
    return "".join(kept)
