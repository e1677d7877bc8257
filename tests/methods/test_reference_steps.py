"""Training steps written once more, from the descriptions alone and in one function each, recorded and replayed.

No step here uses `methods`: networks are functions of flat lists of weights, Adam and instance norm are written
out. The arithmetic is that of the papers' released code (batch 1): FastCUT, NEGCUT, FastNEGCUT, SRC + hDCE.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.replay import replay
from methods.losses.negcut import NEGCUTLoss

NGF = NDF = 4
WIDTH, PATCHES, NOISE, TAU, LR = 32, 64, 64, 0.07, 2e-4
LAYERS = (0, 4, 8, 12, 16)
CHANNELS = (3, 2 * NGF, 4 * NGF, 4 * NGF, 4 * NGF)
CONFIG = {"ngf": NGF, "ndf": NDF, "netF_nc": WIDTH, "num_patches": PATCHES}
Weights = list[Tensor]


# ---- networks


def instance_norm(x: Tensor) -> Tensor:
    variance = x.var((2, 3), unbiased=False, keepdim=True)
    return (x - x.mean((2, 3), keepdim=True)) / (variance + 1e-5).sqrt()


def blur_down(x: Tensor) -> Tensor:
    row = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype)
    kernel = (torch.outer(row, row) / 16).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def generator(weights: Weights, image: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output image and the features of LAYERS, for one image."""
    p = iter(weights)

    def conv(x: Tensor, padding: int = 0) -> Tensor:
        return F.conv2d(x, next(p), next(p), padding=padding)

    padded = F.pad(image, (3, 3, 3, 3), mode="reflect")
    four = conv(F.relu(instance_norm(conv(padded))), 1)
    eight = conv(blur_down(F.relu(instance_norm(four))), 1)
    x = blur_down(F.relu(instance_norm(eight)))
    blocks = []
    for _ in range(9):
        y = F.relu(instance_norm(conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        x = x + instance_norm(conv(F.pad(y, (1, 1, 1, 1), mode="reflect")))
        blocks.append(x)
    for _ in range(2):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.relu(instance_norm(conv(x, 1)))
    fake = torch.tanh(conv(F.pad(x, (3, 3, 3, 3), mode="reflect")))
    return fake, [padded, four, eight, blocks[0], blocks[4]]


def discriminator(weights: Weights, image: Tensor) -> Tensor:
    x = image
    for layer in range(5):
        x = F.conv2d(x, weights[2 * layer], weights[2 * layer + 1], padding=1)
        if layer < 4:
            x = F.leaky_relu(instance_norm(x) if layer > 0 else x, 0.2)
        if layer < 3:
            x = blur_down(x)
    return x


def unit(rows: Tensor) -> Tensor:
    return rows / (rows.pow(2).sum(1, keepdim=True).sqrt() + 1e-7)


def mlp(weights: Weights, layer: int, rows: Tensor) -> Tensor:
    w1, b1, w2, b2 = weights[4 * layer : 4 * layer + 4]
    return unit(F.relu(rows @ w1.T + b1) @ w2.T + b2)


def rows_of(feature: Tensor) -> Tensor:
    """(positions, channels) of a (1, C, H, W) map, row by row."""
    return feature[0].flatten(1).T


def project(head: Weights, features: list[Tensor], ids: list[Tensor]) -> list[Tensor]:
    return [mlp(head, i, rows_of(f)[at]) for i, (f, at) in enumerate(zip(features, ids, strict=True))]


def shapes_of_convolutions(widths: list[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    return [shape for out, given, side in widths for shape in ((out, given, side, side), (out,))]


def shapes_of_mlps(extra: int = 0, inputs: tuple[int, ...] = CHANNELS) -> list[tuple[int, ...]]:
    return [s for c in inputs for s in ((WIDTH, c + extra), (WIDTH,), (WIDTH, WIDTH), (WIDTH,))]


n = NGF
SHAPES = {
    "G": shapes_of_convolutions(
        [(n, 3, 7), (2 * n, n, 3), (4 * n, 2 * n, 3)]
        + [(4 * n, 4 * n, 3)] * 18
        + [(2 * n, 4 * n, 3), (n, 2 * n, 3), (3, n, 7)]
    ),
    "D": shapes_of_convolutions([(n, 3, 4), (2 * n, n, 4), (4 * n, 2 * n, 4), (8 * n, 4 * n, 4), (1, 8 * n, 4)]),
    "F": shapes_of_mlps(),
    "N": shapes_of_mlps(NOISE, (WIDTH,) * 5),
    "F_": shapes_of_mlps(),
}


# ---- the record


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


# ---- the replays


RECORDS = {
    "fastcut": record_fastcut,
    "negcut": lambda: record_negcut(fast=False),
    "fastnegcut": lambda: record_negcut(fast=True),
    "src_hdce": record_src,
}
EPOCH = {"src_hdce": 5}


@pytest.fixture(scope="module")
def recorded():
    made: dict[str, dict[str, Tensor]] = {}

    def get(method: str) -> dict[str, Tensor]:
        if method not in made:
            made[method] = RECORDS[method]()
        return made[method]

    return get


def before_a_norm(key: str) -> bool:
    """Whether a weight is a bias which a normalisation removes: its gradient is zero but for rounding."""
    network, number, kind = key.split("/")[1].split(".")
    ends = {"G": (47,), "D": (1, 9)}.get(network, ())
    return kind == "bias" and bool(ends) and int(number) not in ends


def errors_by_kind(errors: dict[str, float]) -> dict[str, float]:
    """The largest error of losses and images, of gradients and of weights; of biases before a norm apart."""
    found: dict[str, float] = {}
    for key, error in errors.items():
        kind = key.partition("step")[0].rstrip("_") or "output"
        if kind != "output" and before_a_norm(key):
            kind = f"vanishing {kind}"
        found[kind] = max(found.get(kind, 0.0), error)
    return found


@pytest.mark.parametrize(("method", "losses"), [("fastcut", 6), ("negcut", 10), ("fastnegcut", 9), ("src_hdce", 8)])
def test_two_steps(recorded, method: str, losses: int) -> None:
    record = recorded(method)
    result = replay(method, CONFIG, record, epoch=EPOCH.get(method, 1))
    assert sum(key.startswith("step0/loss_") for key in record) == losses
    relative = errors_by_kind(result.compare(record, floor=1e-300))
    assert relative["output"] < 1e-11
    assert relative["grad"] < 1e-9
    assert relative["after"] < 1e-9
    absolute = errors_by_kind(result.compare(record))
    assert absolute["vanishing grad"] < 1e-8
    assert absolute["vanishing after"] < 1e-8  # Adam makes lr * 1e-16 / 1e-8 of a gradient's last digit


@pytest.mark.parametrize(
    ("method", "key", "wrong"),
    [
        ("negcut", "grad_step0/N.000.weight", {"loss_options": {"lambda_div": 0.0}}),
        ("negcut", "after_step0/F_.000.weight", {"loss_options": {"ema_decay": 0.999}}),
        ("negcut", "step0/loss_G", {"lambda_NCE": 2.0}),
        ("fastnegcut", "grad_step0/N.000.weight", {"loss_options": {"lambda_N": 1.0}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"variant": "paper"}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"Hneg": False}}),
        ("src_hdce", "grad_step0/G.000.weight", {"loss_options": {"curriculum": False}}),
        ("src_hdce", "step0/loss_SRC", {"loss_options": {"lambda_SRC": 0.1}}),
    ],
)
def test_records_tell_settings_apart(recorded, method: str, key: str, wrong: dict) -> None:
    record = recorded(method)
    errors = replay(method, CONFIG | wrong, record, epoch=EPOCH.get(method, 1), steps=1).compare(record)
    assert errors[key] > 1e-6


def test_gradients_through_the_negatives_are_seen(recorded, monkeypatch) -> None:
    """The released code does not detach them; detaching changes G's gradient little, and no loss."""
    monkeypatch.setattr(NEGCUTLoss, "needs_key_graph", False)
    record = recorded("negcut")
    errors = replay("negcut", CONFIG, record, steps=1).compare(record)
    assert errors["step0/loss_G"] < 1e-11
    assert 1e-5 < errors["grad_step0/G.000.weight"] < 1
    assert errors["grad_step0/F.000.weight"] < 1e-9
