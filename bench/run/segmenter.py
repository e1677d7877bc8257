"""The segmentation network that scores images: the network of a finished run."""

from __future__ import annotations

from functools import lru_cache

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.plugin.method import Method


@lru_cache(maxsize=1)
def trained_segmenter(home: Home, key: str, device: str = "cpu") -> Method:
    """The network of a finished run, on a device; kept, since every checkpoint of a run asks the same one.

    Raises:
        BenchError: if the run is not done.
    """
    from bench.ledger.folders import read_result, run_state
    from bench.run.restore import restore_method

    if read_result(home.run(key)) is None:
        state, reason = run_state(home.run(key))
        raise BenchError(
            f"the segmentation network, run {key}, is not trained ({state}{': ' + reason if reason else ''}); "
            "run the same command again"
        )
    method: Method = restore_method(home, key)
    return method.to(device)
