"""Draw the pictures of `mini` runs on the pages of the methods, and the one of the README that puts them together.

    contrastbench reproduce src-hdce/main --scale mini --method cut --method lsesim
    python docs/draw_mini.py runs

in the repository's root, `runs` being the results root. A finished run on land-cover labels, seed 0, becomes
docs/images/mini-METHOD.png: eight test inputs, what the method made of them at its last checkpoint, and the truth, which it
never saw. Those of all unpaired methods, of runs in one root or in several, are put together in mini-land2sat.png there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from bench.base.home import Home
from bench.data.contact_sheet import CELL, GAP, MARGIN, contact_sheet
from bench.data.opening import open_dataset
from bench.ledger.folders import read_result
from bench.schema.run_spec import RunSpec, read_spec
from bench.show.samples import COLUMNS, collect_samples

IMAGES = Path(__file__).parent / "images"
DATA = "earth-land2sat"
# of the README's picture, in the order of the papers' tables
TOGETHER = (
    "cyclegan", "munit", "drit", "distancegan", "gcgan", "cut", "fastcut", "negcut", "lsesim", "src_hdce",
)  # fmt: skip
Row = tuple[str, list[np.ndarray]]


def finished(home: Home) -> dict[str, RunSpec]:
    """Mini runs of seed 0 on the labels that are done, by the method's name."""
    found = {}
    for folder in home.runs():
        spec = read_spec(folder.spec)
        mini = any(asked.endswith(" mini") for asked in spec.asked_by)
        if mini and spec.data.name == DATA and spec.seed == 0 and read_result(folder) is not None:
            found[spec.label] = spec
    return found


def drawn(home: Home, name: str, spec: RunSpec) -> Image.Image:
    """Inputs, what one run made of them, and the truth."""
    samples = collect_samples(home, open_dataset(spec.data, home.datasets, home.cache), {name: spec})
    return contact_sheet([(row.label, row.images) for row in samples.rows])


def rows_of(picture: Image.Image) -> list[list[np.ndarray]]:
    """The images of a picture that `drawn` made, without their labels."""
    pixels, step = np.asarray(picture.convert("RGB")), CELL + GAP
    left = pixels.shape[1] - MARGIN - COLUMNS * step + GAP
    return [
        [pixels[top : top + CELL, left + column * step :][:, :CELL] for column in range(COLUMNS)]
        for top in range(MARGIN, pixels.shape[0] - CELL, step)
    ]


def together(pictures: dict[str, Image.Image]) -> Image.Image:
    """One picture of several, which must show the same places.

    Args:
        pictures: by the method's name, in the order shown.

    Raises:
        ValueError: two of them show other places.
    """
    shown = {name: rows_of(picture) for name, picture in pictures.items()}
    (first, (given, _, truth)), *others = shown.items()
    for name, (its_given, _, its_truth) in others:
        if not np.array_equal([given, truth], [its_given, its_truth]):
            raise ValueError(
                f"mini-{name}.png and mini-{first}.png show other places; draw both of runs of one version"
            )
    rows: list[Row] = [("input A", given)]
    rows += [(name, made) for name, (_, made, _) in shown.items()]
    return contact_sheet([*rows, ("truth B", truth)])


def there(images: Path = IMAGES) -> dict[str, Image.Image]:
    """The pictures of single methods that belong into the README's."""
    paths = {name: images / f"mini-{name}.png" for name in TOGETHER}
    return {name: Image.open(path) for name, path in paths.items() if path.exists()}


def main(root: str) -> None:
    """Draw everything that the finished runs below a results root allow."""
    home = Home.existing(Path(root), Path(root) / "datasets")
    for name, spec in finished(home).items():
        drawn(home, name, spec).save(IMAGES / f"mini-{name}.png", optimize=True)
        print(f"docs/images/mini-{name}.png: {spec.train_key}")
    together(there()).save(IMAGES / "mini-land2sat.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
