"""What differs between a resolved run and what was published: each difference one line a reader can judge."""

from __future__ import annotations

from bench.plugin.config import MethodConfig
from bench.schema.data import EarthData
from bench.schema.protocol import Protocol, Scale


def config_deviations(published: MethodConfig, resolved: MethodConfig) -> list[str]:
    """Every field in which a run differs from its recipe.

    Args:
        published: the recipe's configuration, as the official command sets it.
        resolved: what the run trains with.

    Returns:
        Lines like `ngf 64 -> 8`; of options with the same keys, only those that differ.
    """
    lines = []
    for name, value in published:
        other = getattr(resolved, name)
        pairs = {name: (value, other)}
        if isinstance(value, dict) and isinstance(other, dict) and value.keys() == other.keys():
            pairs = {f"{name}.{key}": (value[key], other[key]) for key in value}
        lines += [f"{place} {_shown(was)} -> {_shown(now)}" for place, (was, now) in pairs.items() if was != now]
    return lines


def _shown(value: object) -> str:
    return "all" if value is None else f"{value}"


def protocol_deviations(asked: Protocol, ran: Protocol, scale: Scale) -> list[str]:
    """Differences in data and evaluation between the protocol a table asks for and the one that ran."""
    lines = []
    if asked.id != ran.id:
        lines.append(f"stand-in data {ran.id} for {asked.id}")
        if isinstance(ran.data, EarthData) and ran.data.train_one_in > 1:
            lines.append(f"trained with 1 in {ran.data.train_one_in} of {ran.id}'s training images")
    if scale.test_images is not None:
        lines.append(f"scored on {scale.test_images} test images instead of all")
    return lines


def missing_recipe(asked: Protocol) -> str:
    """What a method that nobody published for this protocol trains with."""
    return f"no published recipe for {asked.recipe}: the method's own defaults"
