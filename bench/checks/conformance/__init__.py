"""What the harness relies on in a plugin, as checks that anyone can run on theirs: `python -m bench.checks.conformance REF`.

Each check takes a plugin (a name or `FILE.py:Class`), builds it small, makes a few CPU steps and raises BenchError with
one line if the plugin breaks a promise. Methods are checked on their own, losses inside their host. A plugin that
needs other settings to be small says so in a class attribute `conformance: ClassVar[dict[str, Any]]`: fields of its
Config for a method, its own options for a loss.
"""

from __future__ import annotations

from bench.base.errors import BenchError, UsageError
from bench.checks.conformance.losses import loss_checks, trained_by
from bench.checks.conformance.methods import method_checks
from bench.checks.conformance.subject import Check
from bench.plugin.discovery import find_plugin, plugins
from bench.plugin.loss import PairLoss
from bench.plugin.method import Method
from bench.plugin.named import name_file

__all__ = ["Check", "checks_for", "loss_checks", "method_checks", "problem", "trained_by"]


def checks_for(reference: str) -> dict[str, Check]:
    """The suite that a plugin's kind needs; both, if a method and a loss have that name.

    Args:
        reference: a method's or a loss's name, or FILE.py:Class.

    Returns:
        What each check makes sure of -> the check.

    Raises:
        UsageError: if the reference names neither a method nor a loss.
        BenchError: if the plugin does not import.
    """
    suites = {"method": method_checks(), "loss": loss_checks()}
    kinds = kinds_of(reference)
    if len(kinds) == 1:
        return suites[kinds[0]]
    return {f"{kind}: {name}": check for kind in kinds for name, check in suites[kind].items()}


def kinds_of(reference: str) -> list[str]:
    """Whether a reference names a `method`, a `loss`, or one of each.

    Args:
        reference: a method's or a loss's name, or FILE.py:Class.

    Raises:
        UsageError: if it names neither.
        BenchError: if the plugin does not import.
    """
    if not reference.rpartition(":")[0].endswith(".py"):
        kinds = [kind for kind in ("method", "loss") if reference in plugins(kind)]
        if not kinds:
            find_plugin("method", reference)
        return kinds
    name_file(reference)
    loaded = find_plugin("plugin", reference).load()
    if isinstance(loaded, type) and issubclass(loaded, Method):
        return ["method"]
    if isinstance(loaded, type) and issubclass(loaded, PairLoss):
        return ["loss"]
    raise UsageError(f"{reference}: is neither a Method nor a PairLoss; the checks are for those")


def problem(check: Check, reference: str) -> str:
    """Run one check.

    Returns:
        An empty string if the plugin passes, otherwise one line that says what is wrong.
    """
    try:
        check(reference)
    except BenchError as error:
        return str(error)
    except Exception as error:  # whatever a plugin raises is an answer here
        return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
    return ""
