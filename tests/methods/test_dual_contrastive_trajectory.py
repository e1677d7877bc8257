"""Five training steps with the dual contrastive losses, by a loop written once more, recorded as files and replayed.

The loop is the one that the recorded logistic trajectory describes; of the project it uses the two networks, whose
features, images and gradients are checked elsewhere. Losses are cross entropies, Adam and the averages are written out.
"""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from bench.checks.replay.replay import replay

GOLDEN = Path(__file__).parents[1] / "golden" / "stylegan2"
CONFIG = {
    "crop_size": 32, "load_size": 32, "batch_size": 4, "channel_base": 512, "channel_max": 16, "z_dim": 16, "w_dim": 16,
    "self_attention": None, "style_mixing": 0.0, "noise": "const", "r1_gamma": 10.0,
}  # fmt: skip


def one_against_all(own: Tensor, others: Tensor) -> Tensor:
    """Mean cross entropy of finding each of `own` among itself and all `others`."""
    logits = torch.cat([own[:, None], others.expand(len(own), -1)], 1)
    return F.cross_entropy(logits, torch.zeros(len(own), dtype=torch.long))


def contrast(real: Tensor, fake: Tensor) -> Tensor:
    """C(r, f): a real one among the fakes, a fake one among the reals with all signs turned."""
    return one_against_all(real, fake) + one_against_all(-fake, -real)


class Player:
    """A network and its Adam, which main and regularisation steps share."""

    def __init__(self, network: nn.Module, k: int) -> None:
        self.network = network
        self.parameters = list(network.parameters())
        self.lr, self.beta2 = 0.002 * k / (k + 1), 0.99 ** (k / (k + 1))
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.count = 0

    @torch.no_grad()
    def step(self, loss: Tensor) -> None:
        self.count += 1
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        for i, (parameter, g) in enumerate(zip(self.parameters, found, strict=True)):
            g = torch.zeros_like(parameter) if g is None else g
            self.squares[i] = self.beta2 * self.squares[i] + (1 - self.beta2) * g * g
            parameter -= self.lr * g / ((self.squares[i] / (1 - self.beta2**self.count)).sqrt() + 1e-8)


def images_of(netG: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """A pass in training mode: the average of w moves."""
    w = netG.mapping(z)
    netG.mapping.w_avg.copy_(0.995 * netG.mapping.w_avg + 0.005 * w.detach().mean(0))
    ws = w[:, None].repeat(1, 8, 1)
    return netG.synthesis(ws, None), ws


def train(netG: nn.Module, netD: nn.Module, given: dict[str, Tensor], game: str) -> dict[str, np.ndarray]:
    """The five steps; what was seen in each. `netG.average` is the average afterwards."""
    G, D, average = Player(netG, 4), Player(netD, 16), deepcopy(netG)
    pl_mean = torch.zeros((), dtype=torch.float64)
    seen: dict[str, list[Tensor]] = {}
    for t in range(5):
        reals = given["reals"][t]
        fake, _ = images_of(netG, given["z_G"][t])
        f, r = netD(fake), netD(reals).detach()
        loss_G = -contrast(r, f) if game == "minimax" else contrast(f, r)
        G.step(loss_G)
        if t % 4 == 0:
            fake, ws = images_of(netG, given["z_pl"][t][:2])
            y = given["pl_noise_unit_normal"][t] / 32
            (g,) = torch.autograd.grad((fake * y).sum(), ws, create_graph=True)
            lengths = g.square().sum(2).mean(1).sqrt()
            mean = pl_mean + 0.01 * (lengths.mean() - pl_mean)
            pl_mean = mean.detach()
            G.step(2 * (lengths - mean).square().mean() * 4)
        fake = images_of(netG, given["z_D"][t])[0].detach()
        f, r = netD(fake), netD(reals)
        loss_D = contrast(r, f)
        D.step(loss_D)
        if t % 16 == 0:
            inputs = reals.clone().requires_grad_()
            (g,) = torch.autograd.grad(netD(inputs).sum(), inputs, create_graph=True)
            D.step(16 * g.square().sum((1, 2, 3)).mean() * 5)
        beta = 0.5 ** (4 / 10000)
        with torch.no_grad():
            for old, new in zip(average.parameters(), netG.parameters(), strict=True):
                old.copy_(beta * old + (1 - beta) * new)
            for old, new in zip(average.buffers(), netG.buffers(), strict=True):
                old.copy_(new)
        step = {"loss_G": loss_G, "loss_D": loss_D, "pl_mean": pl_mean, "fake_logits_D": f, "real_logits_D": r}
        for key, value in (step | {"w_avg": netG.mapping.w_avg}).items():
            seen.setdefault(key, []).append(value.detach().clone())
    netG.average = average
    return {key: torch.stack(values).numpy() for key, values in seen.items()}


@pytest.mark.parametrize("game", ["minimax", "swap"])
def test_five_steps(reference_generator, reference_discriminator, tmp_path: Path, game: str) -> None:
    for name in ("traj_init.safetensors", "traj_inputs.npz"):
        shutil.copy(GOLDEN / name, tmp_path)
    initial = load_file(tmp_path / "traj_init.safetensors")
    netG, netD = reference_generator(), reference_discriminator()
    netG.load_state_dict({key[2:]: value for key, value in initial.items() if key.startswith("G.")})
    netD.load_state_dict({key[2:]: value for key, value in initial.items() if key.startswith("D.")})
    with np.load(tmp_path / "traj_inputs.npz") as arrays:
        given = {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    path = tmp_path / f"traj_dual_contrastive_{game}.npz"
    np.savez(path, **train(netG, netD, given, game))
    average = netG.average
    del netG.average
    networks = {"G": netG, "D": netD, "EMA": average}
    final = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()}
    save_file({key: value.clone() for key, value in final.items()}, tmp_path / f"{path.stem}_final.safetensors")

    result = replay("dual_contrastive", CONFIG | {"generator_loss": game}, str(path))
    errors = result.compare(str(path))
    assert len(errors) == 5 * 6 + len(final) - 1
    assert result.unknown(str(path)) == []
    # D's last bias has no gradient but rounding noise, which Adam enlarges; it moves every logit alike, and no loss
    last_bias = f"after_step4/D.{len(list(netD.parameters())) - 1:03d}.bias"
    moved = {key for key in errors if key.endswith(("loss_D_fake", "loss_D_real"))} | {last_bias}
    assert max(error for key, error in errors.items() if key not in moved) < 1e-7, result.summary(path)
    assert max(errors[key] for key in moved) < 1e-4, {key: errors[key] for key in moved}
    other = {"minimax": "swap", "swap": "minimax"}[game]
    wrong = replay("dual_contrastive", CONFIG | {"generator_loss": other}, path, steps=1).compare(path)
    assert wrong["step0/loss_D"] > 1e-6  # after G's first update
