"""The losses of every method, and their gradients, against the stored reference numbers: the larger error of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.checks.doctor.errors import Numbers, as_numpy, relative_error

if TYPE_CHECKING:
    from torch import Tensor


def patchnce_error(numbers: Numbers, device: str = "cpu") -> float:
    """Of PatchNCE and the gradient of its mean."""
    from methods.losses.patchnce import patchnce

    query, key = (_rows(numbers, f"rows/{name}", device) for name in ("q", "k"))
    losses = patchnce(query, key, 0.07)
    losses.mean().backward()
    return _largest(numbers, {"patchnce/losses": losses[0], "patchnce/gradient": _gradient(query)[0]})


def negatives_error(numbers: Numbers) -> float:
    """Of NEGCUT's contrastive loss, whose gradient also runs through the negatives."""
    from methods.losses.given_negatives import nce_with_negatives

    query, key, negatives = (_rows(numbers, name) for name in ("rows/q", "rows/k", "negcut/negatives"))
    losses = nce_with_negatives(query, key, negatives, 0.07)
    losses.mean().backward()
    return _largest(
        numbers,
        {
            "negcut/losses": losses[0],
            "negcut/gradient_q": _gradient(query)[0],
            "negcut/gradient_negatives": _gradient(negatives)[0],
        },
    )


def src_hdce_error(numbers: Numbers) -> float:
    """Of SRC's divergence and of hDCE with the weights of the first of 400 epochs."""
    from methods.losses.hdce import hardness_divisor, hardness_weights, hdce_released
    from methods.losses.semantic_relation import semantic_relation

    key = _rows(numbers, "rows/k")
    contrasted, related = _rows(numbers, "rows/q"), _rows(numbers, "rows/q")
    losses = hdce_released(contrasted, key, hardness_weights(key, hardness_divisor(1, 400, 50, 10, None)), 0.07)
    losses.mean().backward()
    relation = semantic_relation(related, key)
    relation.sum().backward()
    return _largest(
        numbers,
        {
            "src_hdce/losses": losses[0],
            "src_hdce/gradient": _gradient(contrasted)[0],
            "src_hdce/relation": relation,
            "src_hdce/relation_gradient": _gradient(related)[0],
        },
    )


def contrastive_feature_error(numbers: Numbers) -> float:
    """Of one direction of the contrastive feature loss, with the released negatives and the paper's gradient of keys."""
    import torch

    from methods.losses.contrastive_feature import patch_nce
    from methods.networks.projection_head import normalise

    query, key = (torch.tensor(numbers[f"cfl/{name}"], requires_grad=True) for name in ("q", "k"))
    losses = patch_nce(normalise(query), normalise(key), 0.07, fake_negatives=True, key_gradient=True)
    losses.mean().backward()
    return _largest(
        numbers,
        {
            "cfl/losses": losses.flatten(),
            "cfl/gradient_q": _gradient(query),
            "cfl/gradient_k": _gradient(key),
        },
    )


def dual_contrastive_error(numbers: Numbers) -> float:
    """Of the dual contrastive loss of large logits; the game's two sides share the gradient but for its sign."""
    import torch

    from methods.losses.dual_contrastive import dual_contrastive

    real, fake = (torch.tensor(numbers[f"dual/{name}"], requires_grad=True) for name in ("real", "fake"))
    loss = dual_contrastive(real, fake)
    loss.backward()
    return _largest(
        numbers,
        {
            "dual/loss": loss,
            "dual/gradient_real": _gradient(real),
            "dual/gradient_fake": _gradient(fake),
        },
    )


def lsgan_error(numbers: Numbers) -> float:
    """Of both players' LSGAN losses."""
    import torch

    from methods.losses.lsgan import lsgan_discriminator, lsgan_real

    fake = torch.tensor(numbers["lsgan/fake"], requires_grad=True)
    loss_D = lsgan_discriminator(torch.tensor(numbers["lsgan/real"]), fake)
    loss_G = lsgan_real(fake)
    return _largest(
        numbers,
        {
            "lsgan/loss_D": loss_D[None],
            "lsgan/loss_G": loss_G[None],
            "lsgan/gradient_D": torch.autograd.grad(loss_D, fake)[0],
            "lsgan/gradient_G": torch.autograd.grad(loss_G, fake)[0],
        },
    )


def _rows(numbers: Numbers, name: str, device: str = "cpu") -> Tensor:
    """Rows of one image, with gradient."""
    import torch

    return torch.tensor(numbers[name][None], device=device, requires_grad=True)


def _gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def _largest(numbers: Numbers, found: dict[str, Tensor]) -> float:
    return max(relative_error(as_numpy(tensor), numbers[name]) for name, tensor in found.items())
