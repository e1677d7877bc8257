"""The made-up paper: a package that brings its protocols, tables, and the networks that take made-up weights.

Protocols and tables are those of contrastbench, read when this is written, with what differs put in: the names, the data,
and FID, which only the official network may be called. The scale `paper` is untouched; the scale `smoke` is the rehearsal:
the published training with few images an epoch and few epochs, and nothing else changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tests.rehearsal.pictures import made_up
from tests.rehearsal.weights import LAYOUTS

PROTOCOLS = ("horse2zebra", "cityscapes", "cityscapes-segmentation")
METRICS = {"FID": "made-up-FID"}
METHODS = {"lsesim": "made-up-lsesim", "drn": "made-up-drn"}
WHOLE, ONE_COLUMN, SEGMENTER = "made-up-src-hdce/main", "made-up-src-hdce/horse2zebra", "made-up-cityscapes/drn"
REHEARSAL = "smoke"  # scales have three names; this one's `why` says what it is here
_DIVISOR = 375  # of epochs: one or two are left of each phase, and so two checkpoints at least
_SEGMENTATION = {"epoch_divisor": 125, "images_per_epoch": 64}  # one phase of 250 epochs, and batches of 32

CODE = '''"""Made up: networks that take the random weights that were made for the rehearsal, and no others."""

from typing import Any, ClassVar

from bench.base.weight_files import WeightFile
from bench.features.fid_inception import FIDInception, build_inception
from bench.metrics.of_features import FrechetMetric
from methods.drn import DRNSegmenter
from methods.lsesim import LSeSim

INCEPTION, DRN_D_22, VGG16 = (
    WeightFile(name=name, sha256=sha256, purpose="the rehearsal", origin="python -m tests.rehearsal")
    for name, sha256 in {files!r}
)


class MadeUpInception(FIDInception):
    id = "made-up-inception@1"
    source = "random weights; no number of it means anything"

    def check(self) -> None:
        INCEPTION.find(self.weights)

    def network(self) -> Any:
        from torch import nn

        network = build_inception()
        INCEPTION.load(self.weights, network.load_state_dict)
        network.fc = nn.Identity()
        return network


class MadeUpFID(FrechetMetric):
    name = "made-up-FID"
    higher_is_better = False
    description = "Frechet distance of the features of a network of random weights; means nothing"
    revision = 1
    extractor = MadeUpInception


class MadeUpLSeSim(LSeSim):
    """LSeSim on a VGG16 of random weights."""

    name = "made-up-lsesim"
    task = "unpaired_translation"

    @classmethod
    def weight_files(cls, config: Any) -> list[WeightFile]:
        return [VGG16]


class MadeUpDRN(DRNSegmenter):
    """The DRN, begun from random weights."""

    name = "made-up-drn"
    task = "segmentation"

    @classmethod
    def weight_files(cls, config: Any) -> list[WeightFile]:
        return [DRN_D_22] if config.pretrained else []

    def load_pretrained(self, weights: Any) -> None:
        DRN_D_22.load(weights, self.netS.load_imagenet)
'''
ENTRY_POINTS = """[contrastbench.methods]
made-up-lsesim = made_up_paper.networks:MadeUpLSeSim
made-up-drn = made_up_paper.networks:MadeUpDRN
[contrastbench.metrics]
made-up-FID = made_up_paper.networks:MadeUpFID
[contrastbench.protocols]
made-up-paper = made_up_paper.protocols
[contrastbench.tables]
made-up-paper = made_up_paper.tables
"""


@dataclass(frozen=True)
class Length:
    """How much of the published training a rehearsal does.

    Attributes:
        images: of an epoch.
        test_images: that are scored; None: all.
        overrides: what is smaller than published where the rehearsal itself is tried out.
        counts: of the pictures then, by folder.
    """

    images: int = 8
    test_images: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def original(protocol: str) -> dict[str, Any]:
    """The content of one of contrastbench's own protocol files."""
    content: dict[str, Any] = yaml.safe_load(files("protocols").joinpath(f"{protocol}.yaml").read_text())
    return content


def protocol(name: str, length: Length) -> dict[str, Any]:
    """The content of the made-up protocol that stands in for `name`."""
    content = original(name)
    data = content["data"] | {"name": made_up(content["data"]["name"])}
    data["counts"] = {folder: length.counts.get(folder, count) for folder, count in data["counts"].items()}
    if "test_labels" in data:
        data["test_labels"] = made_up(data["test_labels"])
    content |= {
        "name": made_up(name),
        "version": 1,
        "title": f"MADE UP, no result: {content['title']}",
        "data": data,
        "metrics": [{**use, "metric": METRICS.get(use["metric"], use["metric"])} for use in content["metrics"]],
        "select_by": METRICS.get(content["select_by"], content["select_by"]),
        "stand_in_metrics": {},
        "notes": ["Every picture and every pretrained weight is made up; no number means anything."],
        "changes": {1: "made up"},
    }
    if "segmenter" in content:
        network = content["segmenter"]
        of = made_up(network["protocol"].partition("@")[0])
        content["segmenter"] = {"method": METHODS[network["method"]], "protocol": f"{of}@1"}
    rehearsal: dict[str, Any] = {
        "why": "the rehearsal: the published training with few images an epoch and few epochs",
        "epoch_divisor": _DIVISOR,
        "images_per_epoch": length.images,
        "scored_checkpoints": 2,
        "overrides": length.overrides,
    }
    if content["task"] == "segmentation":
        rehearsal |= _SEGMENTATION
    if length.test_images is not None:
        rehearsal["test_images"] = length.test_images
    content["scales"] = {REHEARSAL: rehearsal, "paper": content["scales"]["paper"]}
    return content


def tables() -> dict[str, dict[str, Any]]:
    """The made-up tables by name; no cell has a published number beside it."""
    content: dict[str, Any] = yaml.safe_load(files("protocols").joinpath("tables/src-hdce-main.yaml").read_text())
    columns = [
        column
        | {
            "group": f"made-up {column['group']}",
            "protocol": f"{made_up(column['protocol'].partition('@')[0])}@1",
            "metric": METRICS.get(column["metric"], column["metric"]),
            "printed": {},
        }
        for column in content["columns"]
    ]
    rows = [{"label": row["label"], "method": METHODS.get(row["method"], row["method"])} for row in content["rows"]]
    drn = columns[1] | {"protocol": "made-up-cityscapes-segmentation@1"}
    return {
        WHOLE: _table(WHOLE, columns, rows),
        ONE_COLUMN: _table(ONE_COLUMN, columns[:1], rows),
        SEGMENTER: _table(SEGMENTER, [drn], [{"label": "DRN", "method": METHODS["drn"]}]),
    }


def _table(name: str, columns: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    labels = [f"{column['group']} {column['heading']}" for column in columns]
    return {
        "name": name,
        "version": 1,
        "title": "MADE UP, no result: a rehearsal on pictures of chance",
        "paper": name.partition("/")[0],
        "citation": "nobody",
        "where": "nowhere",
        "printed_in": "src_hdce_main_comparison.csv",
        "columns": columns,
        "rows": [{**row, "variant": "released", "printed": {}, "not_printed": labels} for row in rows],
        "changes": {1: "made up"},
    }


def write_package(site: Path, hashes: dict[str, str], length: Length) -> None:
    """Write the package, as pip would install it.

    Args:
        site: a folder that stands on PYTHONPATH.
        hashes: name of a layout (tests/rehearsal/weights.py) -> sha256 of its file, of those that were made.
        length: of the rehearsal.
    """
    package, info = site / "made_up_paper", site / "made_up_paper-1.0.dist-info"
    for folder in (package, package / "protocols", package / "tables", info):
        folder.mkdir(parents=True, exist_ok=True)
        if folder is not info:
            (folder / "__init__.py").touch()
    weights = {file: hashes.get(name, "0" * 64) for name, (file, _) in LAYOUTS.items()}
    (package / "networks.py").write_text(CODE.replace("{files!r}", f"{weights!r}.items()"))
    for name in PROTOCOLS:
        _dump(package / "protocols" / f"{made_up(name)}.yaml", protocol(name, length))
    for name, content in tables().items():
        _dump(package / "tables" / f"{name.replace('/', '-')}.yaml", content)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-paper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
