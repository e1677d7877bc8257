"""Reference gradients of the regularisers, through networks: gradients of gradients."""

from __future__ import annotations

import torch

from methods.regularisers import PL_DECAY, path_lengths, r1_penalty

EXACT = {"rtol": 1e-8, "atol": 1e-11}


def assert_gradient(parameter: torch.Tensor, expected: torch.Tensor | None, name: str) -> None:
    """The record leaves out the parameters that a penalty does not reach."""
    if expected is None:
        assert parameter.grad is None, name
    else:
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-8, atol=1e-10, msg=name)


def test_r1(stylegan2_golden, reference_discriminator) -> None:
    g = stylegan2_golden("d32_io.npz")
    netD, images = reference_discriminator(), g["images"].requires_grad_()
    penalty = r1_penalty(netD(images), [images])
    torch.testing.assert_close(penalty, g["r1_per_sample"], **EXACT)
    loss = penalty.mean() * g["gamma"] / 2
    torch.testing.assert_close(loss, g["loss_r1_mean"], **EXACT)
    (16 * loss).backward()
    for name, parameter in netD.named_parameters():
        assert_gradient(parameter, g.get(f"grad_r1x16__{name}"), name)


def test_r1_adds_the_penalties_of_several_inputs() -> None:
    one, two = torch.randn(2, 3, 1, 2, 2, requires_grad=True).unbind()
    penalty = r1_penalty((2 * one + 3 * two).sum(dim=(1, 2, 3)), [one, two])
    assert penalty.tolist() == [4 * (4 + 9)] * 3


def test_path_lengths(stylegan2_golden, reference_generator) -> None:
    g = stylegan2_golden("pathlength_g32.npz")
    netG = reference_generator()
    ws = netG.broadcast(netG.mapping(g["z"]))
    images = netG.synthesis(ws, None)
    lengths = path_lengths(images, ws, g["pl_noise_unit_normal"])
    torch.testing.assert_close(lengths, g["pl_lengths"], **EXACT)
    (through_layers,) = torch.autograd.grad((images * g["pl_noise_unit_normal"] / 32).sum(), ws, retain_graph=True)
    torch.testing.assert_close(through_layers, g["pl_grads"], **EXACT)
    before = g["pl_mean_before"]
    mean = before + PL_DECAY * (lengths.mean() - before)
    torch.testing.assert_close(mean, g["pl_mean_after"], **EXACT)
    torch.testing.assert_close((lengths - mean).square(), g["pl_penalty"], **EXACT)
    # the gradient flows through the running mean too; the record also has what it would be otherwise
    for a, record in ((mean, "grad_pl"), (mean.detach(), "grad_pl_stopgrad_mean")):
        loss = 2 * (lengths - a).square().mean()
        torch.testing.assert_close(loss, g["loss_pl_weight2_mean"], **EXACT)
        netG.zero_grad()
        loss.backward(retain_graph=True)
        for name, parameter in netG.named_parameters():
            assert_gradient(parameter, g.get(f"{record}__{name}"), name)
    name = "synthesis.b4.const"
    assert not torch.allclose(g[f"grad_pl__{name}"], g[f"grad_pl_stopgrad_mean__{name}"], rtol=1e-3)
