"""Metrics of a confusion matrix against loops, and the classes and colours that Cityscapes is scored by."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.base.errors import BenchError
from bench.data.labels import ArrayLabels
from bench.metrics.class_accuracy import ClassAccuracy, class_accuracy
from bench.metrics.confusions import Segmentation, confusion
from bench.metrics.mean_iou import MeanIoU, mean_iou
from bench.metrics.metric import MetricSettings, ScoredImages, score
from bench.metrics.pixel_accuracy import PixelAccuracy, pixel_accuracy
from methods.cityscapes_classes import CLASSES, LABEL_IDS, PALETTE, training_ids
from methods.drn import DRNConfig

LAND = ["land-mIoU", "land-pAcc", "land-cAcc"]
GOLDEN = Path(__file__).parents[2] / "golden" / "cfl_spade"


def by_loops(confusion: np.ndarray) -> tuple[float, float, float]:
    """Mean IoU, pixel and class accuracy, in percent, one class after the other."""
    ious, accuracies, count = [], [], len(confusion)
    for c in range(count):
        true, predicted = sum(confusion[c]), sum(confusion[d][c] for d in range(count))
        if true + predicted - confusion[c][c]:
            ious.append(confusion[c][c] / (true + predicted - confusion[c][c]))
        if true:
            accuracies.append(confusion[c][c] / true)
    right = sum(confusion[c][c] for c in range(count))
    return 100 * np.mean(ious), 100 * right / confusion.sum(), 100 * np.mean(accuracies)


@pytest.mark.parametrize("absent", [[], [2], [0, 4]])
def test_against_loops(absent):
    confusion = np.random.default_rng(0).integers(0, 50, (6, 6))
    confusion[absent] = 0  # never there, but predicted
    confusion[:, absent[:1]] = 0  # the first of them never predicted either
    expected = by_loops(confusion)
    found = mean_iou(confusion), pixel_accuracy(confusion), class_accuracy(confusion)
    assert found == pytest.approx(expected)


def test_by_hand():
    confusion = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    assert mean_iou(confusion) == pytest.approx(100 * (3 / 6 + 4 / 7) / 2)  # the third class is nowhere: left out
    assert pixel_accuracy(confusion) == 70.0
    assert class_accuracy(confusion) == pytest.approx(100 * (3 / 4 + 4 / 6) / 2)


def test_a_class_that_is_only_predicted_costs_mean_iou_and_no_class_accuracy():
    confusion = np.array([[8, 2], [0, 0]])
    assert mean_iou(confusion) == pytest.approx(40.0)
    assert class_accuracy(confusion) == pytest.approx(80.0)


@pytest.mark.parametrize("metric", [MeanIoU, PixelAccuracy, ClassAccuracy])
def test_one_matrix_over_the_whole_set_and_its_jackknife(metric):
    matrices = np.random.default_rng(1).integers(0, 9, (7, 4, 4))
    value, interval = metric().measure((matrices, matrices), MetricSettings())
    assert value == metric.of_confusion(matrices.sum(axis=0))
    assert value != pytest.approx(np.mean([metric.of_confusion(one) for one in matrices]), rel=1e-6)
    without = [metric.of_confusion(np.delete(matrices, i, axis=0).sum(axis=0)) for i in range(7)]
    half = 2.446911851 * np.sqrt(6 / 7 * np.square(np.array(without) - np.mean(without)).sum())  # t of 6 degrees
    assert (interval.low, interval.high) == pytest.approx((value - half, value + half))
    assert metric().ceiling((matrices, matrices[:3]), MetricSettings()) == metric.of_confusion(matrices[:3].sum(axis=0))


def test_one_image_has_no_interval():
    matrices = np.full((1, 2, 2), 5)
    assert MeanIoU().measure((matrices, matrices), MetricSettings()) == (pytest.approx(100 / 3), None)


@pytest.mark.parametrize("metric", [MeanIoU, PixelAccuracy, ClassAccuracy])
def test_intervals_cover_what_other_test_images_would_give(metric):
    """200 test sets of 40 images: about 95 of 100 intervals hold the value of a very large set."""
    rng = np.random.default_rng(2)
    accuracy = np.array([[80, 15, 5], [20, 70, 10], [30, 10, 60]]) / 100

    def images(count: int) -> np.ndarray:
        shares = rng.dirichlet([2, 1, 0.5], count)
        pixels = np.stack([rng.multinomial(400, share) for share in shares])
        return np.stack([[rng.multinomial(n, accuracy[c]) for c, n in enumerate(row)] for row in pixels])

    truth = metric.of_confusion(images(20_000).sum(axis=0))
    covered = 0
    for _ in range(200):
        matrices = images(40)
        _, interval = metric().measure((matrices, matrices), MetricSettings())
        covered += interval.low <= truth <= interval.high
    assert 180 <= covered <= 199


def test_reference_palette_and_training_ids():
    with np.load(GOLDEN / "cityscapes_palette.npz") as arrays:
        assert np.array_equal(PALETTE, arrays["palette"][:19])
    table = training_ids()
    assert table[LABEL_IDS].tolist() == list(range(19))
    assert (table == 255).sum() == 256 - 19
    assert [name for name, _, _ in CLASSES][:3] == ["road", "sidewalk", "building"]
    assert table[[0, 6, 34, 255]].tolist() == [255] * 4


def test_confusion_counts_pixel_by_pixel():
    rng = np.random.default_rng(0)
    true, predicted = rng.choice([0, 1, 2, 255], (5, 7)), rng.integers(0, 3, (5, 7))
    expected = np.zeros((3, 3), int)
    for t, p in zip(true.ravel(), predicted.ravel(), strict=True):
        if t != 255:
            expected[t, p] += 1
    assert np.array_equal(confusion(true, predicted, 3), expected)
    assert confusion(np.full((2, 2), 255), np.zeros((2, 2), int), 2).sum() == 0


class Grey:
    """A network that takes the brightness for the class."""

    config = DRNConfig(load_size=8, crop_size=8, aspect_ratio=1.0, label_nc=3, contain_dontcare_label=False)
    labels_of_classes = torch.arange(3)
    parameters = staticmethod(lambda: iter([torch.zeros(1)]))
    classes = staticmethod(lambda labels: labels)
    segment = staticmethod(lambda images: ((images[:, 0] + 1) * 1.275).round().long().clamp(0, 2))


class Arrays:
    def __init__(self, arrays):
        self.arrays, self.names = arrays, [str(i) for i in range(len(arrays))]

    def __len__(self):
        return len(self.arrays)

    def pixels(self, i):
        return self.arrays[i]


def test_a_perfect_translation_gets_100_and_each_set_is_segmented_once(tmp_path):
    classes = np.random.default_rng(0).integers(0, 3, (4, 8, 8)).astype(np.uint8)
    images = Arrays((classes[..., None] * 100).repeat(3, axis=-1).astype(np.uint8))
    asked = []
    segmentation = Segmentation("grey", lambda: asked.append(1) or Grey(), images, lambda: ArrayLabels(classes))
    evaluation = ScoredImages(images, images, None, tmp_path, segmentation=segmentation)
    found = score([(name, {}) for name in LAND], evaluation)
    assert [(one.value, one.ceiling) for one in found] == [(100.0, 100.0)] * 3
    assert len(asked) == 1


def test_sets_that_do_not_fit_fail_with_both_numbers(tmp_path):
    classes = np.zeros((4, 8, 8), np.uint8)
    few = Arrays(np.zeros((3, 8, 8, 3), np.uint8))
    segmentation = Segmentation("grey", Grey, few, lambda: ArrayLabels(classes))
    (found,) = score([("land-pAcc", {})], ScoredImages(few, few, None, tmp_path, segmentation=segmentation))
    assert (found.state, found.value) == ("failed", None)
    assert "3 images against 4 label maps" in found.reason


def test_a_protocol_without_a_network_says_so(tmp_path):
    few = Arrays(np.zeros((3, 8, 8, 3), np.uint8))
    (found,) = score([("mAP", {})], ScoredImages(few, few, None, tmp_path))
    assert (found.state, found.extractor) == ("not available", None)
    assert "has no segmentation network" in found.reason


def test_numbers_that_the_network_does_not_know_are_refused(tmp_path):
    few = Arrays(np.zeros((2, 8, 8, 3), np.uint8))
    for number, said in ((3, "label map of '0': has class 3, but label_nc is 3"), (255, "has unlabelled pixels")):
        labels = ArrayLabels(np.full((2, 8, 8), number, np.uint8))
        segmentation = Segmentation("grey", Grey, few, lambda labels=labels: labels)
        (found,) = score([("land-pAcc", {})], ScoredImages(few, few, None, tmp_path, segmentation=segmentation))
        assert (found.state, found.value) == ("failed", None)
        assert said in found.reason


@pytest.mark.parametrize("metric", [MeanIoU, PixelAccuracy, ClassAccuracy])
def test_a_set_without_scored_pixels_has_no_number(metric):
    empty = np.zeros((3, 2, 2), int)
    with pytest.raises(BenchError, match="no pixel of the test images has a scored class"):
        metric().measure((empty, empty), MetricSettings())
    empty[1] = [[3, 1], [0, 2]]
    value, interval = metric().measure((empty, empty), MetricSettings())
    assert np.isfinite(value)
    assert interval is None  # all scored pixels are in one image
