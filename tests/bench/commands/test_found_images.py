import os

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
    found = find_images(write(tmp_path, "c.png", "a.png", "x.png", "y.png"), INPUTS, 16, "*")
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


def test_further_numbers_are_of_the_same_kind(tmp_path):
    found = find_images(write(tmp_path, "000.png", "001.png", "017.png"), ("000.jpg", "001.jpg"), 16)
    assert found.deviations == ["1 images are named like no test image and not scored: 017.png"]


def test_the_originals_names(tmp_path):
    kinds = ("real_A", "fake_B", "rec_A")
    folder = write(tmp_path, *(f"{stem}_{kind}.png" for stem in "abc" for kind in kinds))
    with pytest.raises(
        UsageError, match=r"several kinds of images \(a_fake_B.png, .*for example --pattern '\*_fake_B\*'"
    ):
        find_images(folder, INPUTS, 16)
    found = find_images(folder, INPUTS, 16, "*_fake_B.png")
    assert found.images.names == ("a_fake_B.png", "b_fake_B.png", "c_fake_B.png")
    assert found.matched == [0, 1, 2]
    assert found.deviations == ["only the 3 images named *_fake_B.png are scored, of 9"]
    other_way = find_images(folder, INPUTS, 16, "*_rec_A*")
    assert (other_way.images.names[0], other_way.matched) == ("a_rec_A.png", [0, 1, 2])


def test_a_folder_of_the_originals_names_alone_is_matched(tmp_path):
    found = find_images(write(tmp_path, "a_fake_B.png", "b_fake_B.png", "c_fake_B.png"), INPUTS, 16)
    assert (found.matched, found.deviations) == ([0, 1, 2], [])


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "b.png", "a_fake.png", "b_fake.png"),  # originals beside translations
        ("a.png", "b.png", "c.png", "grid.png"),
        ("out_1.png", "out_2.png", "real_1.png", "real_2.png"),
        ("one.png", "another.png"),
    ],
    ids=["originals", "grid", "of one's own", "no pattern at all"],
)
def test_several_kinds_are_refused_unless_told(tmp_path, names):
    folder = write(tmp_path, *names)
    with pytest.raises(UsageError, match=r"holds several kinds of images .* --pattern"):
        find_images(folder, INPUTS, 16)
    assert len(find_images(folder, INPUTS, 16, "*").images) >= 2


@pytest.mark.parametrize("kind", ["real_A", "real_B", "fake_A", "rec_A", "real"])
def test_a_folder_of_what_is_no_translation_is_refused_unless_told(tmp_path, kind):
    folder = write(tmp_path, f"a_{kind}.png", f"b_{kind}.png")
    with pytest.raises(UsageError, match=r"are named as originals or reconstructions .* --pattern '\*'"):
        find_images(folder, INPUTS, 16)
    assert find_images(folder, INPUTS, 16, "*").matched == [0, 1]


def test_sub_folders_are_not_half_of_it(tmp_path):
    folder = write(tmp_path, "a.png", "b.png")
    write(tmp_path / "more", "c.png")
    with pytest.raises(UsageError, match=r"holds images and folders of images \(more\)"):
        find_images(folder, INPUTS, 16)
    assert find_images(folder, INPUTS, 16, "*").matched == [0, 1]


def test_a_pattern_that_fits_nothing_says_what_there_is(tmp_path):
    with pytest.raises(UsageError, match=r"no image is named \*_fake\*; there are a.png, b.png"):
        find_images(write(tmp_path, "a.png", "b.png"), INPUTS, 16, "*_fake*")


def test_letters_composed_by_linux_and_decomposed_by_a_mac_are_one_name(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    folder = write(tmp_path / "mac", f"{decomposed}.png", "b.png")
    assert find_images(folder, (f"{composed}.jpg", "b.jpg"), 16).matched == [0, 1]
    write(folder, f"{composed}.png")
    with pytest.raises(UsageError) as caught:
        find_images(folder, (f"{composed}.jpg", "b.jpg"), 16)
    assert r"caf\xe9.png" in str(caught.value)
    assert r"cafe\u0301.png" in str(caught.value)


def test_what_is_skipped_is_said(tmp_path):
    folder = write(tmp_path, "a.png", "b.png", "c.webp", "._a.png")
    (folder / "notes.txt").write_text("x")
    found = find_images(folder, ("a.jpg", "b.jpg"), 16)
    assert found.deviations == []
    assert found.notices == [
        "not scored, since no images to the originals' loader: 1 .txt, 1 .webp",
        "not scored, since their names are hidden: ._a.png",
    ]


def test_a_pipe_named_like_an_image_is_refused_and_not_waited_for(tmp_path):
    folder = write(tmp_path, "a.png", "b.png")
    os.mkfifo(folder / "c.png")
    with pytest.raises(BenchError, match=r"c\.png: cannot be read as an image \(it is a pipe"):
        find_images(folder, INPUTS, 16)


def test_deep_pixels_are_scaled_and_said(tmp_path):
    for name in "ab":
        Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).save(tmp_path / f"{name}.png")
    found = find_images(tmp_path, ("a.jpg", "b.jpg"), 16)
    assert "2 images hold 16 bits of grey, scaled to 8, v / 257 rounded" in found.deviations
    assert np.array_equal(found.images.pixels(0)[..., 0].ravel(), np.arange(256))


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


def test_of_a_single_picture_one_image_is_all(tmp_path):
    found = find_images(write(tmp_path, "a.png"), ["a.png"], None)
    assert (found.matched, found.deviations) == ([0], [])
