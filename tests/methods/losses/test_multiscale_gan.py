from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from methods.contrastive_feature_config import ContrastiveFeatureConfig
from methods.losses.feature_matching import feature_matching
from methods.losses.multiscale_gan import GANMode, discriminator_loss, generator_loss

PRECISIONS = [(torch.float64, 1e-8), (torch.float32, 2e-4)]
MODES = {"hinge": ("d_real", "d_fake", "g_gan"), "ls": ("ls_d_real", "ls_d_fake", "ls_g"),
         "original": ("original_d_real", "original_d_fake", "original_g"), "w": ("w_d_real", "w_d_fake", "w_g")}  # fmt: skip


def test_what_a_configuration_may_choose_is_what_there_is():
    assert set(get_args(GANMode)) == set(MODES)
    for mode in MODES:
        assert ContrastiveFeatureConfig(gan_mode=mode).gan_mode == mode
    with pytest.raises(ValidationError, match="hinge"):
        ContrastiveFeatureConfig(gan_mode="lsgan")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_reference_losses(cfl_golden, mode, dtype, tolerance):
    arrays = cfl_golden("spade_gan_losses")
    fake, real = ([arrays[f"pred_{kind}_{i}_2"].to(dtype) for i in range(2)] for kind in ("fake", "real"))
    found = [discriminator_loss(real, True, mode), discriminator_loss(fake, False, mode), generator_loss(fake, mode)]
    for value, name in zip(found, MODES[mode], strict=True):
        torch.testing.assert_close(value.double(), arrays[name].squeeze(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_reference_feature_matching(cfl_golden, dtype, tolerance):
    arrays = cfl_golden("spade_gan_losses")
    fake, real = (
        [[arrays[f"pred_{kind}_{i}_{j}"].to(dtype).requires_grad_() for j in range(3)] for i in range(2)]
        for kind in ("fake", "real")
    )
    loss = arrays["lambda_feat"].to(dtype) * feature_matching(fake, real)
    torch.testing.assert_close(loss.detach().double(), arrays["g_feat"], rtol=tolerance, atol=tolerance)
    loss.backward()
    assert real[0][0].grad is None
    assert fake[0][2].grad is None  # the score is no feature
    sign = torch.sign(fake[1][0] - real[1][0]).detach()
    torch.testing.assert_close(fake[1][0].grad, sign * 10 / 2 / sign.numel(), rtol=tolerance, atol=0)


def test_reference_sums(cfl_golden, stylegan2_golden):
    arrays = cfl_golden("spade_gan_losses")
    fake, real = ([arrays[f"pred_{kind}_{i}_2"] for i in range(2)] for kind in ("fake", "real"))
    total = discriminator_loss(real, True) + discriminator_loss(fake, False)  # without one half
    torch.testing.assert_close(total, arrays["d_total"].squeeze(), rtol=1e-8, atol=0)
    g = stylegan2_golden("other_losses.npz")
    for mode, name in (("hinge", "hinge"), ("w", "wgan"), ("original", "logistic_ns")):
        D = discriminator_loss([g["real"]], True, mode) + discriminator_loss([g["fake"]], False, mode)
        torch.testing.assert_close(D, g[f"{name}_D"], rtol=1e-8, atol=0)
        torch.testing.assert_close(generator_loss([g["fake"]], mode), g[f"{name}_G"], rtol=1e-8, atol=0)


def test_hinge_gradients_stop_at_the_margin():
    scores = torch.tensor([[-2.0, -0.5, 0.5, 2.0]], dtype=torch.float64, requires_grad=True)
    discriminator_loss([scores], True).backward()
    assert scores.grad.tolist() == [[-0.25, -0.25, -0.25, 0.0]]
    scores.grad = None
    discriminator_loss([scores, scores], False).backward()
    assert scores.grad.tolist() == [[0.0, 0.25, 0.25, 0.25]]
