"""StarGAN v2's cropping against images that its own loaders made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.enlarged_crops import AREA, RATIO, Box, draw_box, enlarged
from bench.data.transforms import to_tensor

RECORD = Path(__file__).parents[2] / "golden" / "multidomain" / "stargan_v2_data_eval.npz"


def made(record, ids: list[int], draws: np.ndarray) -> torch.Tensor:
    images = []
    for i, (u, top, left, height, width, flipped) in zip(ids, draws.tolist(), strict=True):
        box = Box(int(top), int(left), int(height), int(width)) if u < 0.5 else None
        image = to_tensor(enlarged(Image.fromarray(record[f"image_{i:02d}"]), box, 24))
        images.append(image.flip(-1) if flipped else image)
    return torch.stack(images)


def test_recorded_batches() -> None:
    with np.load(RECORD) as record:
        ids = record["source_order"][:4].tolist()
        found = made(record, ids, record["source_draws"][:4])
        torch.testing.assert_close(found.double(), torch.from_numpy(record["source_x"]).double(), rtol=0, atol=6e-8)
        ids = record["reference_order"][:4].tolist()
        partners = record["reference_partner_of_image"][ids].tolist()
        for name, numbers, rows in (("reference_x", ids, slice(0, 8, 2)), ("reference_x2", partners, slice(1, 8, 2))):
            found = made(record, numbers, record["reference_draws"][rows])
            torch.testing.assert_close(found.double(), torch.from_numpy(record[name]).double(), rtol=0, atol=6e-8)


def test_parts_have_the_areas_and_shapes_that_were_asked_for() -> None:
    rng = np.random.default_rng(0)
    boxes = [draw_box(rng, 100, 80) for _ in range(400)]
    assert all(b.top >= 0 and b.left >= 0 and b.top + b.height <= 80 and b.left + b.width <= 100 for b in boxes)
    areas = np.array([b.height * b.width / 8000 for b in boxes])
    ratios = np.array([b.width / b.height for b in boxes])
    assert AREA[0] - 0.02 < areas.min() < 0.85
    assert areas.max() < AREA[1]
    assert RATIO[0] - 0.02 < ratios.min()
    assert ratios.max() < RATIO[1] + 0.02
    assert len({(b.top, b.left) for b in boxes}) > 40


@pytest.mark.parametrize(
    ("size", "expected"), [((200, 20), Box(0, 89, 20, 22)), ((20, 200), Box(89, 0, 22, 20)), ((10, 10), None)]
)
def test_what_does_not_fit_falls_back_to_the_middle(size: tuple[int, int], expected: Box | None) -> None:
    found = draw_box(np.random.default_rng(0), *size)
    assert found == expected if expected else found.height <= 10
