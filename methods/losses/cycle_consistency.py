"""Cycle consistency: what one translator made, another shall turn back.

Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Translate = Callable[[Tensor, str], Tensor]


@dataclass(frozen=True)
class Translations:
    """What two translators, G from A to B and G_B back, make of a batch.

    Attributes:
        fake_B, fake_A: G(A), G_B(B).
        rec_A, rec_B: G_B(fake_B), G(fake_A).
        idt_B, idt_A: G(B), G_B(A), where they are wanted.
    """

    fake_B: Tensor
    fake_A: Tensor
    rec_A: Tensor
    rec_B: Tensor
    idt_B: Tensor | None = None
    idt_A: Tensor | None = None

    @classmethod
    def of(cls, real_A: Tensor, real_B: Tensor, identity: bool, G: Translate, G_B: Translate) -> Translations:
        """Translate there and back.

        Args:
            real_A: (batch, 3, H, W).
            real_B: likewise.
            identity: whether each translator also sees pictures of its own target, in the same pass.
            G: from pictures and the name of the pass's noise to pictures.
            G_B: likewise.
        """
        given_G, given_G_B = ([real_A, real_B], [real_B, real_A]) if identity else ([real_A], [real_B])
        fake_B, *idt_B = G(torch.cat(given_G), "noise").split(len(real_A))
        fake_A, *idt_A = G_B(torch.cat(given_G_B), "noise_B").split(len(real_B))
        return cls(fake_B, fake_A, G_B(fake_B, "noise_rec_A"), G(fake_A, "noise_rec_B"), *idt_B, *idt_A)

    def detached(self) -> dict[str, Tensor]:
        """The pictures by name."""
        return {name: image.detach() for name, image in vars(self).items() if image is not None}


def cycle_terms(
    real_A: Tensor, real_B: Tensor, made: Translations, lambda_cycle: float, lambda_identity: float
) -> dict[str, Tensor]:
    """lambda_cycle |rec - real| and lambda_identity |idt - real|, means over elements; of the way back with `_B`.

    Args:
        real_A: (batch, 3, H, W).
        real_B: likewise.
        made: of these.
        lambda_cycle: weight of the cycles.
        lambda_identity: weight of the identities.

    Examples:
        >>> one = torch.ones(1, 3, 2, 2)
        >>> made = Translations(one, one, rec_A=3 * one, rec_B=one)
        >>> terms = cycle_terms(one, one, made, 10.0, 1.0)
        >>> {name: float(term) for name, term in terms.items()}
        {'cycle': 20.0, 'cycle_B': 0.0}
    """
    terms = {
        "cycle": lambda_cycle * (made.rec_A - real_A).abs().mean(),
        "cycle_B": lambda_cycle * (made.rec_B - real_B).abs().mean(),
    }
    if made.idt_B is not None and made.idt_A is not None:
        terms["idt"] = lambda_identity * (made.idt_B - real_B).abs().mean()
        terms["idt_B"] = lambda_identity * (made.idt_A - real_A).abs().mean()
    return terms
