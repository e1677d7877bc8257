import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError, UsageError
from bench.commands.found_images import find_images

INPUTS = ("a.jpg", "b.jpg", "c.jpg")


def write(folder, *names, size=(16, 16), mode="RGB"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        seed = sum(name.encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / name)
    return folder


def test_what_the_protocol_would_have_written_deviates_in_nothing(tmp_path):
    found = find_images(write(tmp_path, "b.png", "a.png", "c.png"), INPUTS, 16)
    assert found.deviations == []
    assert found.images.names == ("a.png", "b.png", "c.png")
    assert found.matched == [0, 1, 2]


def test_missing_and_further_images_are_named(tmp_path):
    found = find_images(write(tmp_path, "c.png", "a.png", "x.png", "y.png"), INPUTS, 16)
    assert found.matched == [0, 2]
    assert found.images.names == ("a.png", "c.png")
    assert found.deviations == [
        "1 of 3 test images have no translation: b",
        "2 images are named like no test image and not scored: x.png, y.png",
    ]


def test_names_that_fit_nothing_leave_only_what_needs_no_truth(tmp_path):
    found = find_images(write(tmp_path, "1.png", "2.png"), INPUTS, 16)
    assert found.matched is None
    assert found.deviations == [
        "no image is named like a test image (a.png, ...), so none can be compared with its own truth",
        "2 images for 3 test images",
    ]


def test_the_originals_names(tmp_path):
    folder = write(tmp_path, *(f"{stem}_{kind}.png" for stem in "abc" for kind in ("real_A", "fake_B", "rec_A")))
    found = find_images(folder, INPUTS, 16)
    assert found.images.names == ("a_fake_B.png", "b_fake_B.png", "c_fake_B.png")
    assert found.deviations == ["only the 3 images named *_fake_B are scored, of 9"]


def test_formats_modes_and_sizes_are_named(tmp_path):
    write(tmp_path, "a.jpg")
    write(tmp_path, "b.png", size=(20, 16))
    write(tmp_path, "c.png", mode="L")
    assert find_images(tmp_path, INPUTS, 16).deviations == [
        "1 of 3 images are JPEG, not PNG: lossy, which moves scores",
        "1 images are L, not RGB, and were converted",
        "1 of 3 images are 20x16 pixels, the protocol's are 16x16",
    ]
    assert find_images(tmp_path, INPUTS, None).deviations[-1] == "the images are of several sizes"


def test_an_unreadable_image_is_named(tmp_path):
    write(tmp_path, "a.png", "b.png", "c.png")
    content = (tmp_path / "b.png").read_bytes()
    for damaged in (b"no image", content[:200]):
        (tmp_path / "b.png").write_bytes(damaged)
        with pytest.raises(BenchError, match=r"b\.png: cannot be read as an image") as caught:
            find_images(tmp_path, INPUTS, 16)
        assert "\n" not in str(caught.value)


def test_folders_that_hold_nothing_to_score(tmp_path):
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        find_images(tmp_path / "nowhere", INPUTS, 16)
    with pytest.raises(UsageError, match=r"holds no image \(\.bmp"):
        find_images(tmp_path, INPUTS, 16)
    write(tmp_path / "real_A", "a.png")
    write(tmp_path / "fake_B", "a.png")
    with pytest.raises(UsageError, match=r"holds no image; did you mean .*fake_B"):
        find_images(tmp_path, INPUTS, 16)
    with pytest.raises(UsageError, match="1 image to score; scores need at least 2"):
        find_images(tmp_path / "fake_B", INPUTS, 16)
    write(tmp_path / "fake_B", "a.jpg")
    with pytest.raises(UsageError, match="several images named 'a'"):
        find_images(tmp_path / "fake_B", INPUTS, 16)


def test_images_made_from_noise_have_no_names_to_match(tmp_path):
    found = find_images(write(tmp_path, "1.png", "2.png"), (), 16)
    assert (found.matched, found.deviations) == (None, [])
