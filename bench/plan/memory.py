"""What methods' own code answered about a plan, kept for the next command: importing a method imports torch, for seconds.

Only answers of this code about built-in plugins are kept, in a folder of the user's (never in a home, which may come from
somebody else), by a hash of the question and of the code. The folder is safe to delete.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bench.base.errors import BenchError
from bench.base.leftovers import remove_unfinished
from bench.base.regular import read_regular
from bench.base.storage import write_text
from bench.schema.run_spec import code_hash, digest

MAX_BYTES = 16 << 20
Answer = TypeVar("Answer", bound=BaseModel)


def remembered(question: dict[str, Any], model: type[Answer], ask: Callable[[], tuple[Answer, bool]]) -> Answer:
    """The answer to a question, from an earlier command if possible.

    Args:
        question: everything that the answer depends on, besides contrastbench's own code.
        model: of the answer.
        ask: gives the answer, and whether it may be kept: whether built-in code alone decides it.
    """
    path = _folder() / code_hash()[:16] / f"{digest([model.__name__, question])}.json"
    try:
        return model.model_validate_json(read_regular(path, MAX_BYTES), strict=True)
    except (OSError, ValidationError):
        answer, is_ours = ask()
    if is_ours:
        remove_unfinished(path)
        with suppress(BenchError):  # what cannot be kept is asked again
            write_text(path, answer.model_dump_json())
    return answer


def _folder() -> Path:
    """Where the operating system's users keep caches, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "contrastbench" / "plans"
