"""What differs between a resolved run and what was published: each difference one line a reader can judge."""

from __future__ import annotations

from bench.method import MethodConfig
from bench.protocol import Protocol, Scale


def config_deviations(published: MethodConfig, resolved: MethodConfig) -> list[str]:
    """Every field in which a run differs from its recipe.

    Args:
        published: the recipe's configuration, as the official command sets it.
        resolved: what the run trains with.

    Returns:
        Lines like `ngf 64 -> 8`.
    """
    return [
        f"{name} {_shown(value)} -> {_shown(getattr(resolved, name))}"
        for name, value in published
        if value != getattr(resolved, name)
    ]


def _shown(value: object) -> str:
    return "all" if value is None else f"{value}"


def protocol_deviations(asked: Protocol, ran: Protocol, scale: Scale) -> list[str]:
    """Differences in data and evaluation between the protocol a table asks for and the one that ran."""
    lines = []
    if asked.id != ran.id:
        lines.append(f"stand-in data {ran.id} for {asked.id}")
    if scale.test_images is not None:
        lines.append(f"scored on {scale.test_images} test images instead of all")
    return lines
