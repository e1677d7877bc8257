"""From a run's specification to its method: with freshly drawn weights, or with the last kept ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.base.regular import is_regular
from bench.schema.run_spec import RunSpec, read_spec


def build_method(spec: RunSpec) -> Any:
    """Build a run's method with freshly drawn weights.

    Raises:
        BenchError: if a user's file is not the one the run was planned with, the plugin does not load or the
            configuration does not fit it.
    """
    from pydantic import ValidationError

    from bench.base.randomness import Draws
    from bench.base.validation import validation_line
    from bench.plugin.closure import content_sha256, only_covered
    from bench.plugin.discovery import load_plugin
    from bench.plugin.method import Method
    from bench.plugin.named import name_file, require_named

    for reference, sha256 in spec.plugins.items():
        path = Path(reference.rpartition(":")[0])
        if not is_regular(path) or content_sha256(path) != sha256:
            raise BenchError(
                f"{path}: changed since this run was planned, or a module or data file of it did; run the command again"
            )
    method_class = load_plugin("method", spec.method, Method)
    for field, kind in method_class.Config.plugin_fields.items():  # whose code a configuration runs when it is checked
        require_named(kind, str(spec.config.get(field)))
    try:
        config = method_class.Config.model_validate(spec.config)
    except ValidationError as error:
        raise BenchError(validation_line(f"configuration of {spec.label}", error)) from error
    for required in method_class.required_runs(config).values():  # code that may run says so
        name_file(required.method)
    with only_covered(*(Path(reference.rpartition(":")[0]) for reference in spec.plugins)):
        return method_class(config, Draws(spec.seed))


def restore_method(home: Home, key: str, whole: bool = False) -> Any:
    """Build a finished run's method and load its last weights.

    Args:
        home: the results root.
        key: the run's train key.
        whole: every network, for a run that takes this one over; else those that make images have their weights.

    Raises:
        BenchError: the weights are missing, gone, damaged, of another network, or not whole.
    """
    from bench.ledger.checkpoint_files import gone
    from bench.run.checkpoint import Checkpoints

    folder = home.run(key)
    spec = read_spec(folder.spec)
    method = build_method(spec)
    if reason := gone(folder, spec.total_epochs):
        raise BenchError(reason)
    Checkpoints(folder.checkpoints, report=print, run=key).load_weights(method, spec.total_epochs, whole)
    return method.eval()
