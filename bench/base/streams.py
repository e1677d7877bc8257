"""Text on its way out: any sign on any stream, and nothing in a name or message that a terminal would obey.

A stream that is not UTF-8 (a scheduler's log, `LC_ALL=C`) shows a plain stand-in for each sign that it cannot encode; names
that are no text at all, and control characters in what others wrote, are shown escaped.
"""

from __future__ import annotations

import codecs
import io
import re
import shlex
import sys
import unicodedata

STAND_INS = "bench-stand-ins"  # the name of the error handler
_SIGNS = {
    "≠": "!=", "≈": "~", "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "−": "-", "–": "-", "—": "--", "·": "*", "•": "*",
    "→": "->", "←": "<-", "↑": "^", "↓": "v", "▲": "^", "▼": "v", "†": "+", "‡": "++", "“": "'", "”": "'", "„": "'",
    "‘": "'", "’": "'",
}  # fmt: skip
_BOXES = {"─": "-", "━": "-", "═": "-", "╌": "-", "│": "|", "┃": "|", "║": "|"}
# what a terminal obeys, or reorders text by; the last are bytes that are no text (surrogateescape)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def stand_in(sign: str) -> str:
    """Plain ASCII for one sign: what looks or reads like it; a letter, which may be part of a name, is escaped."""
    if sign in _SIGNS:
        return _SIGNS[sign]
    if "─" <= sign <= "╿":
        return _BOXES.get(sign, "+")
    if "▀" <= sign <= "▟" or "⠀" <= sign <= "⣿":  # blocks and the dots of spinners
        return "#"
    if unicodedata.decomposition(sign).startswith("<"):  # a raised letter, three dots in one
        plain = unicodedata.normalize("NFKD", sign)
        if plain.isascii():
            return plain
    return _escaped(sign)


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file's name that is no text
        number -= 0xDC00
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(stand_in, error.object[error.start : error.end])), error.end


codecs.register_error(STAND_INS, _replace)


def mend_streams(encoding: str | None = None) -> None:
    """Let standard output and error take any text.

    Args:
        encoding: what they are written in from here on, for logs and pipes of our own; None: what their reader expects.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors=STAND_INS)


def printable(text: str) -> str:
    r"""Text in which everything that a terminal would obey, line ends and tabs apart, or cannot show is escaped.

    Examples:
        >>> print(printable("run\x1b[31m-\udcff"))
        run\x1b[31m-\xff
    """
    return _UNPRINTABLE.sub(lambda match: _escaped(match[0]), text)


def one_line(text: str) -> str:
    """`printable` text without line ends, such as a path or an error."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def shell_word(text: str) -> str:
    """A word of a command that people copy: quoted where the shell needs it, `$'...'` where it cannot be shown."""
    if one_line(text) == text:
        return shlex.quote(text)
    plain = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{one_line(plain)}'"
