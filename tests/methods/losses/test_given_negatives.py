import torch

from methods.losses.given_negatives import nce_with_negatives


def test_reference_values_and_gradients(golden) -> None:
    record = golden("negcut_nce.npz")
    q, k, negatives = (record[name][None].requires_grad_() for name in ("q", "k", "neg"))
    losses = nce_with_negatives(q, k, negatives, 0.07)
    torch.testing.assert_close(losses[0], record["loss_vec"], rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(losses.mean().reshape(1), record["loss_mean"].reshape(1), rtol=1e-11, atol=0)
    losses.mean().backward()
    torch.testing.assert_close(q.grad[0], record["grad_q"], rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(negatives.grad[0], record["grad_neg"], rtol=1e-10, atol=1e-14)
    assert k.grad is None


def test_negatives_are_those_of_the_same_image(golden) -> None:
    record = golden("negcut_nce.npz")
    q, k, negatives = (record[name].view(2, 32, 32) for name in ("q", "k", "neg"))
    torch.testing.assert_close(
        nce_with_negatives(q, k, negatives, 0.07).flatten(), record["b2_loss_vec"], rtol=1e-11, atol=0
    )
