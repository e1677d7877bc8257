"""All metrics of one evaluation: values, sharing of features, and what is said when something is missing."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from bench.base.errors import NotAvailable, UsageError
from bench.features.efficientnet_lite0 import EfficientNetLite0
from bench.metrics.metric import Metric, ScoredImages, score, score_groups
from bench.metrics.psnr import peak_signal_to_noise
from bench.plugin.discovery import plugins

BUILT_IN = {
    "FID": False, "FD-EffLite0": False, "KD-EffLite0": False, "L1": False, "SSIM": True,
    "FID-clean-fid": False, "FID-TF1": False, "KID": False, "IS": True, "PSNR": True,
    "Precision-EffLite0": True, "Recall-EffLite0": True, "Density-EffLite0": True, "Coverage-EffLite0": True,
    "mAP": True, "pixAcc": True, "classAcc": True, "land-mIoU": True, "land-pAcc": True, "land-cAcc": True,
}  # fmt: skip

SHARES = {"zebra-share": None, "land-share": None}  # should be those of the training images


class ArrayImages:
    def __init__(self, arrays):
        self.arrays = arrays
        self.names = [f"{i}.png" for i in range(len(arrays))]

    def __len__(self):
        return len(self.arrays)

    def pixels(self, index):
        return self.arrays[index]


def images(n, seed, side=16):
    return ArrayImages(np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), np.uint8))


@pytest.fixture
def evaluation(tmp_path, monkeypatch):
    for variable in ("CONTRASTBENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "empty"))
    return ScoredImages(images(5, 0), images(6, 1), images(5, 2), tmp_path / "cache", tmp_path / "weights")


@pytest.fixture
def quick_features(monkeypatch):
    """Channel means and deviations in place of the network; counts the images it was given."""
    seen = []

    def features(self, pixels):
        rows = []
        for image in pixels:
            seen.append(image)
            row = np.zeros(self.dimension, np.float32)
            row[:6] = [*image.mean((0, 1)), *image.std((0, 1))]
            rows.append(row)
        return np.stack(rows)

    monkeypatch.setattr(EfficientNetLite0, "features", features)
    return seen


def test_the_built_in_metrics_say_their_direction():
    assert {name: p.literals["higher_is_better"] for name, p in plugins("metric").items()} == BUILT_IN | SHARES
    for plugin in plugins("metric").values():
        assert plugin.literals["description"]
        assert plugin.literals["revision"] >= 1


def test_scores_of_one_evaluation(evaluation, quick_features):
    scores = {s.metric: s for s in score([(name, {}) for name in BUILT_IN], evaluation)}
    assert list(scores) == list(BUILT_IN)
    assert len(quick_features) == 11  # each image once, although six metrics use the features
    for name in ("FD-EffLite0", "KD-EffLite0"):
        assert scores[name].state == "done"
        assert scores[name].extractor == "efficientnet-lite0@1"
        assert (scores[name].n_fake, scores[name].n_real) == (5, 6)
        assert scores[name].interval.low <= scores[name].value <= scores[name].interval.high
    per_image = [
        np.mean(np.abs(a.astype(int) - b)) / 255
        for a, b in zip(evaluation.fake.arrays, evaluation.truth.arrays, strict=True)
    ]
    assert scores["L1"].value == pytest.approx(np.mean(per_image))
    assert scores["L1"].interval.kind == "evaluation"
    assert scores["SSIM"].value < 0.5
    assert 5 < scores["PSNR"].value < 10  # noise beside noise: a mean squared error of 1/6 is 7.8 dB
    for name in ("Precision-EffLite0", "Recall-EffLite0", "Density-EffLite0", "Coverage-EffLite0"):
        assert (scores[name].state, scores[name].interval) == ("done", None)


def test_psnr_of_one_grey_level_and_of_equal_images():
    dark = np.zeros((2, 3, 3))
    assert peak_signal_to_noise(dark, dark + 1 / 255) == pytest.approx(20 * np.log10(255))
    assert peak_signal_to_noise(dark, dark) == pytest.approx(20 * np.log10(255) + 20)


@pytest.mark.parametrize("name", ["FID", "FID-clean-fid", "FID-TF1", "KID", "IS"])
def test_fid_and_its_kin_without_their_weights_are_not_available_and_never_another_number(evaluation, name):
    (fid,) = score([(name, {})], evaluation)
    assert (fid.state, fid.value) == ("not available", None)
    assert "pt_inception-2015-12-05-6726825d.pth" in fid.reason
    assert "the folder weights of --home" in fid.reason
    assert str(evaluation.weights) not in fid.reason  # it stands in records that others read


def test_no_aligned_truth(evaluation):
    unpaired = ScoredImages(evaluation.fake, evaluation.real, None, evaluation.cache)
    for result in score([("L1", {}), ("SSIM", {})], unpaired):
        assert (result.state, result.value) == ("not available", None)
        assert "aligned truth" in result.reason


def test_truth_that_does_not_fit_fails_with_the_image_named(evaluation):
    other = ScoredImages(evaluation.fake, evaluation.real, images(4, 2), evaluation.cache)
    assert "5 translated images against 4" in score([("L1", {})], other)[0].reason
    other = ScoredImages(evaluation.fake, evaluation.real, images(5, 2, side=20), evaluation.cache)
    (result,) = score([("SSIM", {})], other)
    assert (result.state, result.value) == ("failed", None)
    assert "'0.png'" in result.reason


def test_too_few_images_fail_alone(evaluation, quick_features):
    few = ScoredImages(images(1, 0), evaluation.real, images(1, 2), evaluation.cache)
    states = {s.metric: s.state for s in score([("FD-EffLite0", {}), ("L1", {})], few)}
    assert states == {"FD-EffLite0": "failed", "L1": "done"}


def test_wrong_names_and_settings_are_usage_errors(evaluation):
    with pytest.raises(UsageError, match="FD-EffLite0"):
        score([("FD-EfLite0", {})], evaluation)
    with pytest.raises(UsageError, match="'window'"):
        score([("SSIM", {"window": 7})], evaluation)


def test_listing_metrics_imports_neither_torch_nor_numpy():
    code = (
        "import sys; from bench.plugin.discovery import plugins; plugins('metric'); "
        "print({'torch', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_groups_are_scored_one_by_one_and_the_value_is_their_mean(evaluation):
    other = ScoredImages(images(4, 7), images(6, 8), images(4, 9), evaluation.cache)
    (alone,) = score([("L1", {})], evaluation)
    assert score_groups([("L1", {})], {"": evaluation}) == [alone]
    (found,) = score_groups([("L1", {})], {"one": evaluation, "two": other})
    (second,) = score([("L1", {})], other)
    assert found.groups == {"one": alone.value, "two": second.value}
    assert found.value == pytest.approx((alone.value + second.value) / 2)
    assert (found.interval, found.n_fake, found.n_real) == (None, 9, 12)


def test_a_group_without_a_score_is_named(evaluation):
    unpaired = ScoredImages(evaluation.fake, evaluation.real, None, evaluation.cache)
    (found,) = score_groups([("L1", {})], {"one": evaluation, "two": unpaired})
    assert (found.state, found.value) == ("not available", None)
    assert found.reason.startswith("two: this data set has no aligned truth")
    assert list(found.groups) == ["one"]


def test_a_generator_is_there_or_there_is_a_reason(evaluation):
    with pytest.raises(NotAvailable, match="score a run of the method"):
        evaluation.asked_generator()


class Half(Metric):
    name = "half"
    higher_is_better = True
    description = "a half of what real images get"
    revision = 1

    def prepare(self, images, settings):
        return 2.0

    def measure(self, inputs, settings):
        return inputs / 4, None

    def ceiling(self, inputs, settings):
        assert isinstance(settings, self.Settings)
        return inputs / 2


def test_what_real_images_get_stands_beside_the_value(evaluation):
    found = Half().compute(evaluation, Half.resolve({}))
    assert (found.value, found.ceiling, found.state, found.reason) == (0.5, 1.0, "done", "")


def test_a_wrong_setting_is_named_with_those_that_there_are():
    class Settings(Half.Settings):
        window: int = 7
        sigma: float = 1.5

    wide = type("Wide", (Half,), {"Settings": Settings})
    assert wide.resolve({"window": 9}).window == 9
    with pytest.raises(UsageError, match=r"metric half, setting 'width': .*; settings: window, sigma$"):
        wide.resolve({"width": 9})
    with pytest.raises(UsageError, match=r"metric half, setting 'width': .*; settings: none$"):
        Half.resolve({"width": 9})


def test_a_distance_of_equal_sets_has_an_interval_that_ends_at_zero(evaluation, quick_features):
    same = ScoredImages(evaluation.fake, evaluation.fake, None, evaluation.cache)
    (found,) = score([("FD-EffLite0", {})], same)
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.interval.low == 0.0


def test_features_of_training_images_are_there_where_the_images_are(evaluation, quick_features):
    assert evaluation.features_of_training(EfficientNetLite0) is None
    training = images(4, 3)
    found = replace(evaluation, training=training).features_of_training(EfficientNetLite0)
    np.testing.assert_allclose(found[:, :3], training.arrays.mean((1, 2)), rtol=1e-6)
