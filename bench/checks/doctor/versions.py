"""Versions of what is installed, and the traps that are known about them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from bench import __version__
from bench.checks.doctor.finding import Finding

SECTION = "versions"
SHOWN = ("torch", "torchvision", "mlflow", "pillow", "numpy", "scipy")
SCIPY_TRAP = Version("1.18")  # sqrtm lost the argument that pytorch-fid 0.3.0 calls it with


def version_findings() -> Iterator[Finding]:
    """Installed versions against what contrastbench asks for, and the known traps."""
    installed = {name: installed_version(name) for name in SHOWN}
    versions = ", ".join(f"{name} {number or 'missing'}" for name, number in installed.items())
    yield Finding(
        SECTION, "installed", "ok", f"contrastbench {__version__}, Python {platform.python_version()}, {versions}"
    )
    requirements = [Requirement(line) for line in requires("contrastbench") or ()]
    yield from requirement_findings([r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})])
    yield torchvision_finding()
    scipy = installed["scipy"]
    if scipy and Version(scipy) >= SCIPY_TRAP:
        yield Finding(
            SECTION,
            "scipy",
            "note",
            f"pytorch-fid's own distance function does not run with scipy {scipy}; contrastbench's FID does not need it",
        )


def installed_version(name: str) -> str | None:
    """The version of a distribution, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def requirement_findings(requirements: list[Requirement]) -> Iterator[Finding]:
    """One line if all is well, else one for each package that is missing or too old."""
    faults = []
    for requirement in requirements:
        installed = installed_version(requirement.name)
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            is_here = f"is {installed}" if installed else "is missing"
            faults.append(
                Finding(SECTION, requirement.name, "FAIL", f'{is_here}; run: python -m pip install "{requirement}"')
            )
    yield from faults or [
        Finding(SECTION, "requirements", "ok", f"all {len(requirements)} packages are here and new enough")
    ]


def torchvision_finding() -> Finding:
    """Whether torchvision's compiled operators load beside this torch; built against another one they do not.

    That is where its import fails. Importing all of it would show the same and take seven seconds.
    """
    try:
        _load_operators()
    except Exception as error:  # a mismatch shows as RuntimeError, OSError, AttributeError or ImportError
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Finding(
            SECTION,
            "torchvision",
            "warn",
            f"does not import beside this torch ({line}), so there is no FID; install both together, from one index: "
            "python -m pip install --force-reinstall torch torchvision",
        )
    return Finding(SECTION, "torchvision", "ok", "its operators load beside this torch")


def _load_operators() -> None:
    import torch

    spec = find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("it is not installed")
    folder = Path(next(iter(spec.submodule_search_locations)))
    for library in sorted(path for path in folder.glob("_C*") if path.suffix in (".so", ".pyd", ".dylib")):
        torch.ops.load_library(library)
    if not hasattr(torch.ops.torchvision, "nms"):
        raise RuntimeError("operator torchvision::nms does not exist")
