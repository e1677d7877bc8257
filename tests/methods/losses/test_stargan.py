"""StarGAN v2's loss terms against the recorded ones (float64)."""

from __future__ import annotations

import pytest
import torch

from methods.losses.stargan_adversarial import discriminator_terms, generator_term
from methods.losses.style_cycle import style_cycle
from methods.losses.style_diversification import diversity_weight, style_diversification
from methods.losses.style_reconstruction import style_reconstruction


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.detach().reshape(expected.shape), expected, rtol=0, atol=1e-14)


def test_recorded_adversarial_terms(cfl_golden) -> None:
    arrays = cfl_golden("starganv2_losses")
    logits = arrays["logits"]
    real = torch.zeros(len(logits), 1, 1, 1, dtype=torch.float64, requires_grad=True)
    terms = discriminator_terms(logits + 0 * real.flatten(), logits, real)
    close(terms["real"], arrays["bce_target1"])
    close(terms["fake"], arrays["bce_target0"])
    close(generator_term(arrays["d_fake_logits"]), arrays["loss_adv"])


def test_recorded_gradient_penalty_and_its_gradient(cfl_golden) -> None:
    arrays = cfl_golden("starganv2_losses")
    images = arrays["r1_x"].requires_grad_()
    weight = arrays["r1_W"].requires_grad_()
    logits = torch.tanh(images.flatten(1) @ weight.T + arrays["r1_b"]) @ arrays["r1_a"]
    close(logits, arrays["r1_d"])
    penalty = discriminator_terms(logits, logits, images)["reg"]
    close(penalty, arrays["r1_value"])
    (gradient,) = torch.autograd.grad(penalty, weight)
    close(gradient, arrays["r1_dvalue_dW"])


def test_recorded_terms_of_the_generator(cfl_golden) -> None:
    arrays = cfl_golden("starganv2_losses")
    sty = style_reconstruction(arrays["s_pred"], arrays["s_trg"])
    ds = style_diversification(arrays["x_fake"], arrays["x_fake2"])
    cyc = style_cycle(arrays["x_rec"], arrays["x_real"])
    for name, found in {"loss_sty": sty, "loss_ds": ds, "loss_cyc": cyc}.items():
        close(found, arrays[name])
    adv = generator_term(arrays["d_fake_logits"])
    for weight in (1, 2):
        close(adv + sty - weight * ds + cyc, arrays[f"g_total_lambda_ds{weight}"])


def test_the_second_image_is_constant_and_both_styles_are_not() -> None:
    made, other = torch.rand(2, 3, 2, 2, requires_grad=True), torch.rand(2, 3, 2, 2, requires_grad=True)
    style_diversification(made, other).backward()
    assert made.grad is not None
    assert other.grad is None
    found, given = torch.rand(2, 4, requires_grad=True), torch.rand(2, 4, requires_grad=True)
    style_reconstruction(found, given).backward()
    assert found.grad is not None
    assert given.grad is not None


def test_recorded_schedule(cfl_golden) -> None:
    after = cfl_golden("starganv2_losses")["ds_schedule_init2_iter4_after_steps"]
    assert [diversity_weight(step + 1, 2.0, 4) for step in range(len(after))] == after.tolist()


@pytest.mark.parametrize(
    ("initial", "iterations"), [(2.0, 100), (1.0, 7), (0.3, 10), (2.0, 100_000), (0.0, 5), (1.0, 3)]
)
def test_the_schedule_is_the_programs_subtraction_in_every_bit(initial: float, iterations: int) -> None:
    weight, expected = initial, []
    for _ in range(iterations + 5):
        expected.append(weight)
        if weight > 0:
            weight -= initial / iterations
    places = range(len(expected)) if iterations < 1000 else (0, 1, 50_000, 99_999, 100_000, 100_004)
    assert [diversity_weight(step, initial, iterations) for step in places] == [expected[step] for step in places]
