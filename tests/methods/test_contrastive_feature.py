"""The method's whole step against an independent implementation, and what its options do."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from reference_contrastive_feature import TINY, record
from torch import Tensor, nn

from bench.base.errors import NotAvailable
from bench.base.randomness import Draws
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.contrastive_feature import ContrastiveFeature
from methods.contrastive_feature_config import ContrastiveFeatureConfig
from methods.feature_spaces import SPACES


@pytest.mark.parametrize("variant", ["released", "paper"])
@pytest.mark.parametrize("nce", ["standard", "bidirectional"])
def test_two_whole_steps_equal_an_independent_implementation(variant, nce):
    config = ContrastiveFeatureConfig(**TINY | {"variant": variant, "nce": nce, "netF": "mlp"})
    recorded = record(config)
    replayed = replay(ContrastiveFeature, config, recorded)
    # biases in front of a batch norm have gradients that are nothing but rounding
    errors = replayed.compare(recorded, floor=1e-3)
    assert len(errors) > 300
    values = {key: error for key, error in errors.items() if not key.startswith("after_")}
    assert max(values.values()) < 1e-8, max(values.items(), key=lambda item: item[1])
    # Adam divides by the gradient, which makes much of that rounding: but little against a step of about lr
    for key, weight in replayed.weights.items():
        if key in recorded:
            torch.testing.assert_close(weight, recorded[key], rtol=1e-8, atol=1e-3 * config.lr, msg=key)


def test_single_precision_is_close():
    config = ContrastiveFeatureConfig(**TINY)
    recorded = record(config, steps=1)
    errors = replay(ContrastiveFeature, config, recorded, dtype=torch.float32).compare(recorded, floor=1e-2)
    rounding = {key for key in errors if key.startswith("grad_") and float(recorded[key].abs().max()) < 1e-11}
    assert all(key.endswith(".bias") or not recorded[key].any() for key in rounding)
    values = {key: e for key, e in errors.items() if not key.startswith("after_") and key not in rounding}
    assert max(values.values()) < 2e-4, max(values.items(), key=lambda item: item[1])


def build(**changes: Any) -> ContrastiveFeature:
    return ContrastiveFeature(ContrastiveFeatureConfig(**TINY | changes), Draws(0))


def one_step(method: ContrastiveFeature) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch = {"A": torch.randint(0, 5, (2, 2, 64, 64), generator=generator).float()}
    batch["B"] = torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1
    return method.training_step(batch, StepContext(0, 1, 1, 1, Draws(0)))


def test_only_what_the_terms_need_is_built():
    everything = build(lambda_vgg=1.0, pretrained_stand_in="efficientnet-lite0")
    assert one_step(everything).keys() == {
        "G", "G_GAN", "G_Feat", "G_L1", "G_VGG", "NCE", "D", "D_fake", "D_real",
    }  # fmt: skip
    no_gan = build(lambda_gan=0, lambda_feat=0, lambda_L1=0)
    assert one_step(no_gan).keys() == {"G", "NCE"}
    assert no_gan.networks().keys() == {"G", "F", "E"}
    baseline = build(lambda_gan=0, lambda_feat=0, lambda_NCE=0)
    assert one_step(baseline).keys() == {"G", "G_L1"}
    assert baseline.optimizers().keys() == {"G"}


@pytest.mark.parametrize("space", ["pixel", "vgg19", "resnet50"])
def test_every_space_can_be_frozen_or_trained(space):
    frozen = build(
        feature_space=space,
        frozen_F=True,
        nce_layers="as variant",
        nce_resize="as space" if space != "resnet50" else 64,
    )
    assert not any(parameter.requires_grad for parameter in frozen.space.parameters())
    assert "E" not in frozen.networks()
    trained = build(
        feature_space=space,
        frozen_F=False,
        nce_layers="as variant",
        nce_resize="as space" if space != "resnet50" else 64,
    )
    assert set(trained.space.parameters()) <= set(trained.optimizers()["F"].param_groups[0]["params"])
    assert all(parameter.requires_grad for parameter in trained.space.parameters())


def test_a_frozen_space_still_uses_and_counts_the_statistics_of_each_batch():
    method = build(feature_space="resnet50", frozen_F=True, nce_layers="as variant", nce_resize=64)
    norm = next(module for module in method.space.modules() if isinstance(module, nn.BatchNorm2d))
    before, seen = norm.running_mean.clone(), []
    # the mean at once: the ReLU that follows works in place
    norm.register_forward_hook(
        lambda module, inputs, output: seen.append(output.detach().mean((0, 2, 3)) - module.bias)
    )
    weight = method.space.encoder.state_dict()
    old = {name: value.clone() for name, value in weight.items() if name.endswith(("weight", "bias"))}
    one_step(method)
    assert len(seen) == 2  # real and fake images apart
    assert all(float(mean.abs().max()) < 1e-4 for mean in seen)
    assert norm.num_batches_tracked == 2
    assert not torch.equal(norm.running_mean, before)
    assert all(torch.equal(value, weight[name]) for name, value in old.items())


def test_the_released_labels_leave_maps_out():
    released = ContrastiveFeatureConfig()
    assert (released.layer_labels, released.space_layers) == ((1, 2, 3, 4, 5), [1, 2, 3, 4])
    paper = ContrastiveFeatureConfig(variant="paper")
    assert (paper.layer_labels, paper.space_layers) == ((0, 1, 2, 3, 4), [0, 1, 2, 3, 4])
    pixel = {"feature_space": "pixel", "pretrained_F": False}
    assert ContrastiveFeatureConfig(**pixel).patch_sizes == (4, 8, 16)
    assert ContrastiveFeatureConfig(**pixel).space_layers == [0, 1, 2]
    assert ContrastiveFeatureConfig(variant="paper", **pixel).space_layers == [0, 1, 2, 3]


def test_options_given_outweigh_the_variant():
    config = ContrastiveFeatureConfig(variant="paper", netF="mlp", fake_negatives=True, key_gradient=False)
    assert (config.linear_heads, config.uses_fake_negatives, config.uses_key_gradient) == (False, True, False)
    plain = ContrastiveFeatureConfig(variant="paper")
    assert (plain.linear_heads, plain.uses_fake_negatives, plain.uses_key_gradient) == (True, False, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_space": "conv_encoder"}, "no official weights of conv_encoder"),
        ({"lambda_gan": 0, "lambda_NCE": 0}, "nothing to learn from"),
        ({"nce_layers": (9,)}, "chooses no map"),
        ({"crop_size": 96}, "must be multiples of 64"),
    ],
)
def test_configurations_that_cannot_be_trained_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        ContrastiveFeatureConfig(**changes)


def test_the_stand_in_is_noted_only_where_it_stands_in():
    asked = {"pretrained_stand_in": "efficientnet-lite0"}
    assert ContrastiveFeatureConfig(**asked).space_used == "efficientnet-lite0"
    untrained = ContrastiveFeatureConfig(**asked, feature_space="resnet50", pretrained_F=False)
    assert (untrained.pretrained_stand_in, untrained.space_used) == ("none", "resnet50")


def test_time_scales_of_the_optimisers():
    rates = {name: optimizer.param_groups[0] for name, optimizer in build(TTUR=True, lr=2e-4).optimizers().items()}
    assert {name: group["lr"] for name, group in rates.items()} == {"G": 1e-4, "D": 4e-4, "F": 1e-4}
    assert {group["betas"] for group in rates.values()} == {(0.0, 0.9)}


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_the_released_decay_leaves_the_heads_alone(variant):
    method = build(variant=variant, n_epochs=2, n_epochs_decay=2, lr=1.0, nce_layers=(0, 1))
    seen = []
    for _ in range(4):
        seen.append({name: optimizer.param_groups[0]["lr"] for name, optimizer in method.optimizers().items()})
        for optimizer in method.optimizers().values():
            optimizer.step()
        method.end_epoch()
    assert [rates["G"] for rates in seen] == [1, 1, 1, 0.5]
    assert [rates["D"] for rates in seen] == [1, 1, 1, 0.5]
    assert [rates["F"] for rates in seen] == ([1, 1, 1, 1] if variant == "released" else [1, 1, 1, 0.5])


def test_images_are_made_with_running_statistics_and_change_nothing():
    method = build()
    condition = torch.zeros(2, 2, 64, 64)
    condition[1] = 3
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    together = method.synthesize(condition)
    torch.testing.assert_close(method.synthesize(condition[:1]), together[:1])
    assert method.netG.training
    assert all(torch.equal(before[name], tensor) for name, tensor in method.state_dict().items())


def test_missing_official_weights_are_named_before_anything_runs(tmp_path, monkeypatch):
    for variable in ("XDG_CACHE_HOME", "TORCH_HOME", "CONTRASTBENCH_WEIGHTS"):
        monkeypatch.setenv(variable, str(tmp_path / variable))

    def find(config):
        return [file.find(tmp_path) for file in ContrastiveFeature.weight_files(config)]

    for space, file in (("vgg19", "vgg19-dcbb9e9d.pth"), ("resnet50", "resnet50-0676ba61.pth")):
        with pytest.raises(NotAvailable, match=rf"{file} .*put it into the folder weights of --home"):
            find(ContrastiveFeatureConfig(feature_space=space))
    baseline = ContrastiveFeatureConfig(lambda_NCE=0, lambda_vgg=10)
    with pytest.raises(NotAvailable, match="VGG19 pretrained on ImageNet"):
        find(baseline)
    for config in (
        ContrastiveFeatureConfig(pretrained_F=False),
        ContrastiveFeatureConfig(pretrained_stand_in="efficientnet-lite0"),
        ContrastiveFeatureConfig(feature_space="conv_encoder", pretrained_F=False),
    ):
        find(config)
    assert SPACES["conv_encoder"].weights is None
