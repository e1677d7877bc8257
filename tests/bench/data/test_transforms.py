import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.base.errors import BenchError
from bench.data.transforms import quantise, resize, round_sides, save_png, test_transform, to_tensor

GOLDEN = Path(__file__).parents[2] / "golden" / "unpaired"


def sha256(array: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()


@pytest.fixture(scope="module")
def preprocess() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "preprocess.npz") as record:
        return dict(record)


def test_resize_equals_the_record_bit_for_bit(preprocess: dict[str, np.ndarray]) -> None:
    image = Image.fromarray(preprocess["image"])
    np.testing.assert_array_equal(resize(image, 286), preprocess["resized286"])
    assert sha256(resize(image, 256)) == preprocess["resized256_sha256"].tobytes()


def test_training_tensor_equals_the_record_bit_for_bit(preprocess: dict[str, np.ndarray]) -> None:
    crop = resize(Image.fromarray(preprocess["image"]), 286)[19 : 19 + 256, 7 : 7 + 256]
    tensor = to_tensor(round_sides(crop)[:, ::-1])
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert sha256(tensor.numpy()) == preprocess["train_tensor_crop_x7_y19_flip_sha256"].tobytes()


def test_test_tensor_equals_the_record_bit_for_bit(preprocess: dict[str, np.ndarray]) -> None:
    tensor = test_transform(Image.fromarray(preprocess["image"]), 256)
    assert sha256(tensor.numpy()) == preprocess["test_tensor_sha256"].tobytes()


def test_quantise_equals_the_record() -> None:
    with np.load(GOLDEN / "tensor2im.npz") as record:
        np.testing.assert_array_equal(quantise(torch.from_numpy(record["x"]))[0], record["y"])


def test_quantise_truncates_and_clamps() -> None:
    values = torch.tensor([-9.0, -1.0, 0.999 / 127.5 - 1, 0.0, 1.0, float("inf")])
    images = values.view(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert quantise(images)[0, 0, :, 0].tolist() == [0, 0, 0, 127, 255, 255]


def test_quantise_refuses_nan() -> None:
    with pytest.raises(BenchError, match="not numbers"):
        quantise(torch.full((1, 3, 2, 2), float("nan")))


def test_to_tensor_follows_the_order_of_operations_for_every_byte() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    f = np.float32
    expected = [(f(v) / f(255) - f(0.5)) / f(0.5) for v in range(256)]
    np.testing.assert_array_equal(to_tensor(grey).numpy()[1, 0], np.array(expected, dtype=np.float32))


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(64, 64, (64, 64)), (65, 67, (64, 68)), (66, 70, (64, 72)), (62, 63, (64, 64))],
)
def test_sides_round_to_multiples_of_four_with_halves_to_even(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rounded = round_sides(pixels)
    assert rounded.shape == (*expected, 3)
    if expected == (height, width):
        assert rounded is pixels


def test_png_round_trip_is_atomic(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    save_png(pixels[:, ::-1], tmp_path / "deep" / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "a.png")), pixels[:, ::-1])
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.png"]


def test_png_that_cannot_be_written_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"file/a\.png: cannot be written"):
        save_png(np.zeros((2, 2, 3), np.uint8), tmp_path / "file" / "a.png")
