"""The segmentation method: its step against explicit formulas, what is scored, its schedule, its weights."""

import numpy as np
import pytest
import torch

from bench.base.errors import NotAvailable
from bench.base.randomness import Draws
from bench.plugin.method import StepContext
from methods.cityscapes_classes import CLASSES
from methods.drn import MEAN, STD, DRNConfig, DRNSegmenter

SMALL = {
    "load_size": 16, "crop_size": 16, "aspect_ratio": 1.0, "label_nc": 4, "scored_classes": "all", "width": 0.125,
    "pretrained": False, "batch_size": 2, "n_epochs": 10,
}  # fmt: skip
CONTEXT = StepContext(0, 1, 10, 10, Draws(0))


def build(**settings) -> DRNSegmenter:
    return DRNSegmenter(DRNConfig(**(SMALL | settings)), Draws(0))


def batch(classes: int, dtype=torch.float64) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(1)
    return {
        "A": torch.from_numpy(rng.integers(0, classes, (2, 1, 16, 16))).to(dtype),
        "B": torch.from_numpy(rng.uniform(-1, 1, (2, 3, 16, 16))).to(dtype),
    }


def test_defaults_are_cuts():
    config = DRNConfig()
    assert (config.architecture, config.width, config.batch_size, config.lr) == ("drn-d-22", 1.0, 32, 0.01)
    assert (config.n_epochs, config.size(config.crop_size), config.label_nc) == (250, (256, 128), 35)


def test_two_steps_against_explicit_sgd():
    """Cross entropy summed pixel by pixel, and momentum as v = 0.9 v + g + 1e-4 w, w = w - lr v (fyu/drn, segment.py)."""
    method, data = build().double(), batch(5)  # class 4 is the number that pairs give to unlabelled pixels
    reference = build().double().netS
    velocity = {name: torch.zeros_like(p) for name, p in reference.named_parameters()}
    assert method.mean.flatten().tolist() == pytest.approx(MEAN)  # kept as float32
    assert method.std.flatten().tolist() == pytest.approx(STD)
    for _ in range(2):
        losses = method.training_step(data, CONTEXT)
        scores = reference(((data["B"] + 1) / 2 - method.mean) / method.std)
        total, right, count = torch.zeros((), dtype=torch.float64), 0, 0
        for n in range(2):
            for y in range(16):
                for x in range(16):
                    if (true := int(data["A"][n, 0, y, x])) < 4:
                        total = total - scores[n, true, y, x]
                        right += int(scores[n, :, y, x].argmax()) == true
                        count += 1
        loss = total / count
        gradients = torch.autograd.grad(loss, list(reference.parameters()))
        for (name, parameter), gradient in zip(reference.named_parameters(), gradients, strict=True):
            velocity[name] = 0.9 * velocity[name] + gradient + 1e-4 * parameter.detach()
            with torch.no_grad():
                parameter -= 0.01 * velocity[name]
        assert losses["S"].item() == pytest.approx(loss.item(), rel=1e-10)
        assert losses["accuracy"].item() == pytest.approx(right / count)
    for name, tensor in reference.state_dict().items():
        torch.testing.assert_close(method.netS.state_dict()[name], tensor, rtol=1e-8, atol=1e-10, msg=name)


def test_unlabelled_pixels_change_nothing():
    data = batch(4)
    data["A"][:, :, :5] = 4
    other = {"A": data["A"], "B": data["B"].clone()}
    first, second = build().double(), build().double()
    one = first.training_step(data, CONTEXT)["S"]
    labels = other["A"].clone()
    with torch.no_grad():
        scores = second.netS(((other["B"] + 1) / 2 - second.mean) / second.std)
    rows = scores.permute(0, 2, 3, 1)[:, 5:].reshape(-1, 4)
    expected = -rows.gather(1, labels[:, 0, 5:].reshape(-1, 1).long()).mean()
    assert one.item() == pytest.approx(expected.item())


def test_cityscapes_is_scored_by_19_of_its_35_numbers():
    method = build(label_nc=35, scored_classes="cityscapes")
    numbers = [number for _, number, _ in CLASSES]
    assert method.labels_of_classes.tolist() == numbers
    labels = torch.arange(256)
    classes = method.classes(labels)
    assert classes[numbers].tolist() == list(range(19))
    assert set(classes[[n for n in range(256) if n not in numbers]].tolist()) == {255}
    assert method.netS.seg.out_channels == 19


def test_rate_falls_tenfold_after_each_two_fifths():
    method, rates = build(), []
    for _ in range(10):
        rates.append(method.optimizers()["S"].param_groups[0]["lr"])
        method.optimizers()["S"].step()
        method.end_epoch()
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 4 + [0.0001] * 2)


def test_segmenting_uses_running_statistics_and_moves_nothing():
    method = build()
    method.train()
    method.training_step(batch(4, torch.float32), CONTEXT)
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    images = batch(4, torch.float32)["B"]
    both, alone = method.segment(images), method.segment(images[:1])
    assert both.shape == (2, 16, 16)
    assert both.dtype == torch.int64
    assert torch.equal(both[:1], alone)  # with batch statistics the second image would count
    assert method.netS.training
    for name, tensor in method.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_imagenet_weights_are_asked_for_by_name(tmp_path, monkeypatch):
    for variable in ("CONTRASTBENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "empty"))
    with pytest.raises(NotAvailable, match=r"DRN-D-22 pretrained on ImageNet needs drn_d_22-4bd2f8ea\.pth"):
        DRNSegmenter.weight_files(DRNConfig())[0].find(tmp_path)
    (tmp_path / "drn_d_22-4bd2f8ea.pth").write_bytes(b"another file")
    with pytest.raises(NotAvailable, match="needs the official drn_d_22-4bd2f8ea"):
        DRNSegmenter.weight_files(DRNConfig())[0].find(tmp_path)
    assert not DRNSegmenter.weight_files(DRNConfig(pretrained=False))


def test_official_weights_are_loaded(tmp_path, monkeypatch):
    method = build(pretrained=True)
    other = DRNSegmenter(DRNConfig(**SMALL), Draws(7)).netS
    file = tmp_path / "official.pth"
    torch.save({f"layer{name}": tensor for name, tensor in other.base.state_dict().items()}, file)
    monkeypatch.setattr("methods.drn.WeightFile.find", lambda self, folder: file)
    method.load_pretrained(tmp_path)
    assert torch.equal(method.netS.base[0][0].weight, other.base[0][0].weight)
    assert not torch.equal(method.netS.seg.weight, other.seg.weight)
