import torch

from methods.losses.lsgan import lsgan_discriminator, lsgan_fake, lsgan_real


def test_reference_values_and_gradients(golden) -> None:
    arrays = golden("gan_lsgan.npz")
    real = arrays["pred_real"].requires_grad_()
    fake = arrays["pred_fake"].requires_grad_()

    def close(found: torch.Tensor, name: str) -> None:
        torch.testing.assert_close(found.reshape(arrays[name].shape), arrays[name], rtol=1e-12, atol=1e-14)

    close(lsgan_real(real), "loss_real")
    close(lsgan_fake(fake), "loss_fake")
    loss_D = lsgan_discriminator(real, fake)
    close(loss_D, "loss_D")
    for gradient, name in zip(torch.autograd.grad(loss_D, (real, fake)), ("real", "fake"), strict=True):
        close(gradient, f"grad_D_pred_{name}")
    loss_G = lsgan_real(fake)  # without the half that D's loss has
    close(loss_G, "loss_G")
    close(torch.autograd.grad(loss_G, fake)[0], "grad_G_pred_fake")
