"""LSGAN against the official code of CUT."""

import torch

from bench.plugin.reference import Numbers, ReferenceCheck, largest_error
from methods.losses.lsgan import lsgan_discriminator, lsgan_real


class LSGANReference(ReferenceCheck):
    """Both players' losses and their gradients by the fake's output."""

    name = "lsgan"
    what = "LSGAN and its gradients"

    def error(self, numbers: Numbers, device: str = "cpu") -> float:
        """The largest of four errors."""
        fake = torch.tensor(numbers["lsgan/fake"], device=device, requires_grad=True)
        loss_D = lsgan_discriminator(torch.tensor(numbers["lsgan/real"], device=device), fake)
        loss_G = lsgan_real(fake)
        computed = {
            "lsgan/loss_D": loss_D[None],
            "lsgan/loss_G": loss_G[None],
            "lsgan/gradient_D": torch.autograd.grad(loss_D, fake)[0],
            "lsgan/gradient_G": torch.autograd.grad(loss_G, fake)[0],
        }
        return largest_error(numbers, computed)
