"""Training steps written once more, from the descriptions alone and in one function each, and recorded.

No step here uses `methods`: networks are functions of flat lists of weights, Adam and instance norm are written
out. The arithmetic is that of the papers' released code (batch 1): FastCUT, NEGCUT, FastNEGCUT, SRC + hDCE.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from reference_networks import (
    LAYERS,
    LR,
    NOISE,
    PATCHES,
    SHAPES,
    TAU,
    Weights,
    discriminator,
    generator,
    mlp,
    project,
    rows_of,
    unit,
)
from torch import Tensor
from torch.nn import functional as F


@dataclass
class Recorder:
    """Weights, Adam's moments, draws, and everything written down under the names of a record."""

    nets: dict[str, Weights]
    random: torch.Generator
    record: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, list[tuple[Tensor, Tensor]]] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def start(cls, names: tuple[str, ...], seed: int) -> Recorder:
        random = torch.Generator().manual_seed(seed)
        nets = {}
        for name in names:
            drawn = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in SHAPES[name]]
            nets[name] = [0.1 * w if w.ndim == 1 else w * (2 / w[0].numel()) ** 0.5 for w in drawn]
        recorder = cls(nets, random)
        recorder.write_weights("init")
        return recorder

    def write_weights(self, prefix: str) -> None:
        for net, weights in self.nets.items():
            for i, w in enumerate(weights):
                self.record[f"{prefix}/{net}.{i:03d}.{'weight' if w.ndim > 1 else 'bias'}"] = w.detach().clone()

    def write(self, **values: Tensor) -> None:
        self.record |= {f"step{self.step}/{key}": value.detach().clone() for key, value in values.items()}

    def losses(self, **values: Tensor) -> None:
        self.write(**{f"loss_{key}": value.reshape(1) for key, value in values.items()})

    def images(self) -> tuple[Tensor, Tensor]:
        A, B = (torch.rand(1, 3, 64, 64, generator=self.random, dtype=torch.float64) * 2 - 1 for _ in range(2))
        self.write(input_A=A, input_B=B)
        return A, B

    def _next(self, kind: str) -> str:
        taken = sum(key.startswith(f"step{self.step}/{kind}_") for key in self.record)
        return f"{kind}_{taken:02d}"

    def ids(self, features: list[Tensor]) -> list[Tensor]:
        found = [torch.randperm(f[0, 0].numel(), generator=self.random)[:PATCHES] for f in features]
        for at in found:
            self.write(**{self._next("patch_ids"): at})
        return found

    def noise(self) -> list[Tensor]:
        found = [torch.randn(1, PATCHES, NOISE, generator=self.random, dtype=torch.float64) for _ in LAYERS]
        for z in found:
            self.write(**{self._next("noise"): z})
        return [z[0] for z in found]

    def weights(self, net: str, trained: bool = True) -> Weights:
        """Fresh leaves of a network's weights."""
        self.nets[net] = [w.detach().clone().requires_grad_(trained) for w in self.nets[net]]
        return self.nets[net]

    def adam(self, loss: Tensor, *names: str) -> None:
        trained = [w for name in names for w in self.nets[name]]
        gradients = iter(torch.autograd.grad(loss, trained))
        for name in names:
            old = self.moments.get(name, [(torch.zeros_like(w), torch.zeros_like(w)) for w in self.nets[name]])
            self.moments[name] = []
            for i, (w, (m, v)) in enumerate(zip(self.nets[name], old, strict=True)):
                g = next(gradients)
                kind = "weight" if w.ndim > 1 else "bias"
                self.record[f"grad_step{self.step}/{name}.{i:03d}.{kind}"] = g.clone()
                m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
                self.moments[name].append((m, v))
                t = self.step + 1
                update = (m / (1 - 0.5**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
                self.nets[name][i] = w.detach() - LR * update

    def end_step(self) -> None:
        self.write_weights(f"after_step{self.step}")
        self.step += 1


def update_discriminator(r: Recorder, fake_B: Tensor, real_B: Tensor) -> None:
    D = r.weights("D")
    D_fake = discriminator(D, fake_B.detach()).pow(2).mean()
    D_real = (discriminator(D, real_B) - 1).pow(2).mean()
    r.losses(D_fake=D_fake, D_real=D_real, D=0.5 * (D_fake + D_real))
    r.adam(0.5 * (D_fake + D_real), "D")


def judged_real(r: Recorder, fake_B: Tensor) -> Tensor:
    return (discriminator(r.weights("D", trained=False), fake_B) - 1).pow(2).mean()


# ---- FastCUT


def patchnce(q: Tensor, k: Tensor) -> Tensor:
    similarity = q @ k.detach().T
    negatives = similarity.masked_fill(torch.eye(len(q), dtype=torch.bool), -10.0)
    logits = torch.cat([similarity.diagonal()[:, None], negatives], 1) / TAU
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def record_fastcut() -> dict[str, Tensor]:
    r = Recorder.start(("G", "D", "F"), seed=1)
    for flipped in (True, False):
        A, B = r.images()
        r.write(flipped=torch.tensor([int(flipped)]))
        G, head = r.weights("G"), r.weights("F")
        fake_B, _ = generator(G, A.flip(3) if flipped else A)
        r.write(fake_B=fake_B)
        update_discriminator(r, fake_B, B)
        of_A, of_fake = generator(G, A)[1], generator(G, fake_B)[1]
        ids = r.ids(of_A)
        keys = project(head, of_A, ids)
        queries = project(head, [f.flip(3) for f in of_fake] if flipped else of_fake, ids)
        NCE = sum(10.0 * patchnce(q, k) for q, k in zip(queries, keys, strict=True)) / 5
        G_GAN = judged_real(r, fake_B)
        r.losses(G_GAN=G_GAN, NCE=NCE, G=G_GAN + NCE)
        r.adam(G_GAN + NCE, "G", "F")
        r.end_step()
    return r.record


# ---- NEGCUT


def negcut_nce(
    r: Recorder, N: Weights, source: Tensor, target: Tensor, weight: float, flip: bool
) -> tuple[Tensor, list[Tensor]]:
    """The loss of one pair, and the negatives of every layer."""
    G, head, average = (r.nets[name] for name in ("G", "F", "F_"))
    of_source, of_target = generator(G, source)[1], generator(G, target)[1]
    if flip:
        of_target = [f.flip(3) for f in of_target]
    ids = r.ids(of_source)
    total, made = 0.0, []
    layers = zip(project(head, of_target, ids), project(head, of_source, ids), r.noise(), strict=True)
    for i, (q, k, z) in enumerate(layers):
        mean = mlp(average, i, rows_of(of_source[i])).mean(0)
        made.append(mlp(N, i, torch.cat([mean.expand(PATCHES, -1), z], 1)))
        logits = torch.cat([(q * k.detach()).sum(1, keepdim=True), q @ made[-1].T], 1) / TAU
        total = total + weight * F.cross_entropy(logits, torch.zeros(PATCHES, dtype=torch.long))
    return total / 5, made


def record_negcut(fast: bool) -> dict[str, Tensor]:
    """D, N, G with F, then the average F_."""
    r = Recorder.start(("G", "D", "F", "N", "F_"), seed=2)
    weight = 10.0 if fast else 1.0
    for flipped in (True, False):
        A, B = r.images()
        G = r.weights("G")
        r.weights("F"), r.weights("F_", trained=False)
        flip = fast and flipped
        if fast:
            r.write(flipped=torch.tensor([int(flip)]))
        fake_B, _ = generator(G, A.flip(3) if flip else A)
        r.write(fake_B=fake_B)
        pairs = [(A, fake_B)]
        if not fast:
            idt_B, _ = generator(G, B)
            r.write(idt_B=idt_B)
            pairs.append((B, idt_B))
        update_discriminator(r, fake_B, B)

        N = r.weights("N")
        found = [negcut_nce(r, N, *pair, weight, flip) for pair in pairs]
        half = PATCHES // 2
        spread = -sum((m[:half] - m[half:]).abs().mean() for m in found[-1][1]) / 5
        adversarial = -sum(value for value, _ in found) / len(found)
        r.losses(N_NCE=adversarial, N_div=spread, N=adversarial + spread)
        r.adam(adversarial + spread, "N")

        N = r.weights("N", trained=False)
        terms = [negcut_nce(r, N, *pair, weight, flip)[0] for pair in pairs]
        G_GAN = judged_real(r, fake_B)
        total = G_GAN + sum(terms) / len(terms)
        r.losses(G_GAN=G_GAN, NCE=terms[0], G=total)
        if not fast:
            r.losses(NCE_Y=terms[1])
        r.adam(total, "G", "F")
        r.nets["F_"] = [0.9 * a + 0.1 * b for a, b in zip(r.nets["F_"], r.nets["F"], strict=True)]
        r.end_step()
    return r.record


# ---- SRC + hDCE


def record_src(epoch: int = 5, total: int = 400, lambda_hDCE: float = 0.1, lambda_SRC: float = 0.05):
    r = Recorder.start(("G", "D", "F"), seed=3)
    divisor = 50.0 + (10.0 - 50.0) * epoch / total
    own = torch.eye(PATCHES, dtype=torch.bool)

    def hdce(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """What is optimised, and what is reported."""
        similar = (unit(k) @ unit(k).T).masked_fill(own, -10.0)
        weight = torch.softmax(similar / divisor, 1)
        weight = (weight / weight.amax(1, keepdim=True)).detach()
        positive = (q * k).sum(1, keepdim=True)
        negatives = (weight * (q @ k.T)).masked_fill(own, -10.0)
        objective = torch.log(torch.exp((negatives - positive) / TAU).sum(1)).mean()
        logits = torch.cat([positive, negatives], 1) / TAU
        return objective, F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)).detach()

    def src(q: Tensor, k: Tensor) -> Tensor:
        P = torch.softmax(unit(q) @ unit(q).T, 1)
        Q = torch.softmax(unit(k) @ unit(k).T, 1)
        M = 0.5 * (P + Q)
        return (0.5 * P * (P / M).log() + 0.5 * Q * (Q / M).log()).sum()

    for _ in range(2):
        A, B = r.images()
        G, head = r.weights("G"), r.weights("F")
        (fake_B, of_A), (idt_B, of_B) = generator(G, A), generator(G, B)
        r.write(fake_B=fake_B, idt_B=idt_B)
        update_discriminator(r, fake_B, B)
        of_fake, of_idt = generator(G, fake_B)[1], generator(G, idt_B)[1]
        ids = r.ids(of_fake)
        fakes, idts = project(head, of_fake, ids), project(head, of_idt, ids)
        reals = [k.detach() for k in project(head, of_A, ids)]
        others = [k.detach() for k in project(head, of_B, ids)]
        first = [hdce(q, k) for q, k in zip(fakes, reals, strict=True)]
        second = [hdce(q, k) for q, k in zip(idts, others, strict=True)]
        optimised, reported = (
            [lambda_hDCE * sum(layer[which] for layer in pair) / 5 for pair in (first, second)] for which in (0, 1)
        )
        SRC = lambda_SRC * sum(src(q, k) for q, k in zip(fakes, reals, strict=True)) / 5
        G_GAN = judged_real(r, fake_B)
        r.losses(G_GAN=G_GAN, SRC=SRC, hDCE=reported[0], hDCE_Y=reported[1], G=G_GAN + sum(reported) / 2 + SRC)
        r.adam(G_GAN + sum(optimised) / 2 + SRC, "G", "F")
        r.end_step()
    return r.record
