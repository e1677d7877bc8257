"""The contrastive feature loss's whole step, an independent implementation of SPADE and the loss with torch's own parts."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.base.randomness import Draws
from methods.contrastive_feature import ContrastiveFeature
from methods.contrastive_feature_config import ContrastiveFeatureConfig

TINY: dict[str, Any] = {
    **ContrastiveFeature.conformance,
    "batch_size": 2,
    "ngf": 2,
    "ndf": 2,
    "netF_nc": 16,
    "num_patches": 12,
    "no_instance": False,
    "nce_layers": (0, 1, 2, 3),
    "nce_resize": 48,
    # with 32 pixels batch norm sees one pixel of each image at the start, whose gradient is all rounding
    "load_size": 64,
    "crop_size": 64,
}


class ReferenceBlock(nn.Module):
    """A SPADE block with the parameter names of the original, on torch's spectral norm."""

    def __init__(self, fin: int, fout: int, labels: int) -> None:
        super().__init__()
        middle = min(fin, fout)
        shapes = {"0": (fin, middle), "1": (middle, fout)} | ({"s": (fin, fout)} if fin != fout else {})
        for name, (before, after) in shapes.items():
            size = 1 if name == "s" else 3
            convolution = nn.Conv2d(before, after, size, padding=size // 2, bias=name != "s")
            self.add_module(f"conv_{name}", nn.utils.spectral_norm(convolution))
            self.add_module(f"norm_{name}", ReferenceNorm(before, labels))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        part = dict(self.named_children())
        shortcut = part["conv_s"](part["norm_s"](x, seg)) if "conv_s" in part else x
        for name in "01":
            x = part[f"conv_{name}"](F.leaky_relu(part[f"norm_{name}"](x, seg), 0.2))
        return x + shortcut


class ReferenceNorm(nn.Module):
    def __init__(self, channels: int, labels: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(labels, 8, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(8, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(8, channels, 3, padding=1)

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        rows, columns = (torch.arange(n) * s // n for n, s in zip(x.shape[2:], seg.shape[2:], strict=True))
        hidden = self.mlp_shared(seg[:, :, rows][..., columns])
        return self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class ReferenceGenerator(nn.Module):
    def __init__(self, labels: int, ngf: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(labels, 16 * ngf, 3, padding=1)
        names = ["head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3"]
        for name, fin, fout in zip(names, (16, 16, 16, 16, 8, 4, 2), (16, 16, 16, 8, 4, 2, 1), strict=True):
            self.add_module(name, ReferenceBlock(fin * ngf, fout * ngf, labels))
        self.conv_img = nn.Conv2d(ngf, 3, 3, padding=1)

    def forward(self, seg: Tensor) -> Tensor:
        x = self.fc(seg[:, :, ::32, ::32])
        for name, block in self.named_children():
            if name in ("fc", "conv_img"):
                continue
            if name not in ("head_0", "G_middle_1"):
                x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            x = block(x, seg)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))


def reference_discriminator(channels: int, ndf: int) -> nn.Module:
    """One PatchGAN as a plain sequence of five layers."""
    layers = [nn.Sequential(nn.Conv2d(channels, ndf, 4, 2, 2), nn.LeakyReLU(0.2))]
    for index, stride in enumerate((2, 2, 1)):
        width = ndf * 2**index
        convolution = nn.utils.spectral_norm(nn.Conv2d(width, width * 2, 4, stride, 2, bias=False))
        layers.append(nn.Sequential(nn.Sequential(convolution, nn.InstanceNorm2d(width * 2)), nn.LeakyReLU(0.2)))
    return nn.ModuleDict(
        {f"model{i}": layer for i, layer in enumerate([*layers, nn.Sequential(nn.Conv2d(8 * ndf, 1, 4, 1, 2))])}
    )


class Reference:
    """The recorded step, as the specification tells it, for TINY."""

    def __init__(self, config: ContrastiveFeatureConfig, method: ContrastiveFeature) -> None:
        self.config = config
        self.G = ReferenceGenerator(6, config.ngf).double()
        self.G.load_state_dict(method.netG.state_dict())
        self.D = nn.ModuleList(reference_discriminator(9, config.ndf) for _ in range(2)).double()
        for scale, network in enumerate(self.D):
            network.load_state_dict(method.netD.get_submodule(f"discriminator_{scale}").state_dict())
        widths = [3, 4, 8, 16]
        self.E = nn.ModuleList(
            nn.utils.spectral_norm(nn.Conv2d(a, b, 3, 2, 1, bias=False)) for a, b in pairwise(widths)
        ).double()
        for index, layer in enumerate(self.E):
            layer.load_state_dict(method.space.encoder.get_submodule(f"layer{index}.0").state_dict())
        self.F = copy.deepcopy(method.netF)
        adam = {"lr": config.lr, "betas": (0.5, 0.999)}
        self.optimizers = [
            torch.optim.Adam(self.G.parameters(), **adam),
            torch.optim.Adam([*self.F.parameters(), *self.E.parameters()], **adam),
            torch.optim.Adam(self.D.parameters(), **adam),
        ]

    def judge(self, seg: Tensor, images: Tensor) -> list[list[Tensor]]:
        pairs = torch.cat([seg, images], dim=1)
        halved = F.avg_pool2d(F.pad(pairs, (1, 1, 1, 1)), 3, 2) * 9
        ones = F.avg_pool2d(F.pad(torch.ones_like(pairs), (1, 1, 1, 1)), 3, 2) * 9
        found = []
        for network, x in zip(self.D, (pairs, halved / ones), strict=True):
            features = []
            for layer in network.values():
                x = layer(x)
                features.append(x)
            found.append(features)
        return found

    def embed(self, images: Tensor, ids: list[Tensor]) -> list[Tensor]:
        x = F.interpolate(images, size=(48, 48), mode="bilinear")
        maps = [x]
        for layer in self.E:
            x = layer(x)
            x = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
            x = F.leaky_relu(x, 0.2)
            maps.append(x)
        found = []
        for index, (features, at) in enumerate(zip(maps, ids, strict=True)):
            rows = self.F.get_submodule(f"mlp_{index}")(features.flatten(2).transpose(1, 2)[:, at])
            found.append(rows / (rows.square().sum(-1, keepdim=True).sqrt() + 1e-7))
        return found

    def direction(self, query: Tensor, key: Tensor) -> Tensor:
        """Mean cross entropy, image by image and patch by patch, without the diagonal's vanishing logit."""
        key = key if self.config.uses_key_gradient else key.detach()
        total = []
        for q, k in zip(query, key, strict=True):
            for i in range(len(q)):
                others = [j for j in range(len(q)) if j != i]
                negatives = [k[others] @ q[i]] + ([q[others] @ q[i]] if self.config.uses_fake_negatives else [])
                logits = torch.cat([(q[i] @ k[i])[None], *negatives]) / 0.07
                total.append(F.cross_entropy(logits[None], torch.tensor([0])))
        return torch.stack(total).mean()

    def step(self, condition: Tensor, real: Tensor, ids: list[Tensor]) -> dict[str, Tensor]:
        config = self.config
        classes, instances = condition[:, 0].long(), F.pad(condition[:, 1:], (1, 1, 1, 1), mode="replicate")
        centre = instances[:, :, 1:-1, 1:-1]
        around = [instances[:, :, 1:-1, 2:], instances[:, :, 1:-1, :-2]]
        around += [instances[:, :, 2:, 1:-1], instances[:, :, :-2, 1:-1]]
        edges = torch.stack([other != centre for other in around]).any(0)
        seg = torch.cat([F.one_hot(classes, 5).permute(0, 3, 1, 2), edges], dim=1).double()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        fake = self.G(seg)
        both = self.judge(seg.repeat(2, 1, 1, 1), torch.cat([fake, real]))
        of_fake, of_real = ([[f.chunk(2)[part] for f in scale] for scale in both] for part in (0, 1))
        loss = {"G_GAN": -sum(scale[-1].mean() for scale in of_fake) / 2, "G_L1": (fake - real).abs().mean()}
        matched = [
            (one - two.detach()).abs().mean()
            for a, b in zip(of_fake, of_real, strict=True)
            for one, two in zip(a[:-1], b[:-1], strict=True)
        ]
        loss["G_Feat"] = sum(matched) / 2
        keys, queries = self.embed(real, ids), self.embed(fake, ids)
        nce = []
        for q, k in zip(queries, keys, strict=True):
            both_ways = config.nce == "bidirectional"
            nce.append(self.direction(q, k) + (self.direction(k, q) if both_ways else 0))
        count = len(config.layer_labels)
        loss["NCE"] = 10 * sum(nce) / count / count
        loss["G"] = sum(loss.values())
        loss["G"].backward()
        self.optimizers[0].step()
        self.optimizers[1].step()
        self.optimizers[2].zero_grad()
        with torch.no_grad():
            again = self.G(seg)
        both = self.judge(seg.repeat(2, 1, 1, 1), torch.cat([again, real]))
        loss["D_fake"] = sum(F.relu(1 + scale[-1].chunk(2)[0]).mean() for scale in both) / 2
        loss["D_real"] = sum(F.relu(1 - scale[-1].chunk(2)[1]).mean() for scale in both) / 2
        loss["D"] = loss["D_fake"] + loss["D_real"]
        loss["D"].backward()
        self.optimizers[2].step()
        return {f"loss_{name}": value.detach().reshape(1) for name, value in loss.items()} | {"fake_B": fake.detach()}

    def parameters(self) -> dict[str, nn.Parameter]:
        """By the replay's names: network and place in the original's order of definition."""
        found = {}
        for network, module in {"G": self.G, "D": self.D, "F": self.F, "E": self.E}.items():
            for name, parameter in module.named_parameters():
                found[f"{network}.{name}"] = parameter
        return found


def reference_name(name: str) -> str:
    """The reference's name of a method's parameter."""
    if name.startswith("E."):
        return name.replace("E.encoder.layer", "E.").replace(".0.weight_orig", ".weight_orig")
    return name.replace("D.discriminator_", "D.")


def record(config: ContrastiveFeatureConfig, steps: int = 2) -> dict[str, Tensor]:
    """Two steps of the independent implementation in the format of `bench.checks.replay.replay`."""
    method = ContrastiveFeature(config, Draws(seed=0)).double()  # the weights and vectors that `replay` starts from
    places = {}
    for network, module in method.networks().items():
        for index, (name, parameter) in enumerate(module.named_parameters()):
            places[f"{network}.{index:03d}.{name.rpartition('.')[2]}"] = (f"{network}.{name}", parameter)
    found = {f"init/{place}": parameter.detach().clone() for place, (_, parameter) in places.items()}
    reference = Reference(config, method)
    rng = np.random.default_rng(0)
    for step in range(steps):
        side = config.crop_size
        condition = torch.from_numpy(rng.integers(0, 5, (2, 2, side, side))).double()
        real = torch.from_numpy(rng.uniform(-1, 1, (2, 3, side, side)))
        ids = [torch.from_numpy(rng.permutation(n * n)[: config.num_patches]) for n in (48, 24, 12, 6)]
        found |= {f"step{step}/input_A": condition, f"step{step}/input_B": real}
        found |= {f"step{step}/patch_ids_{i:02d}": at for i, at in enumerate(ids)}
        found |= {f"step{step}/{name}": value for name, value in reference.step(condition, real, ids).items()}
        own = reference.parameters()
        used = set()
        for place, (name, parameter) in places.items():
            # the encoder's last convolutions and tail are not in the reference: no feature comes from them
            twin = own.get(reference_name(name))
            if twin is None:
                assert name.startswith(("E.encoder.layer3", "E.encoder.layer4", "E.encoder.layer5", "E.encoder.fc"))
            used.add(id(twin))
            gradient = torch.zeros_like(parameter) if twin is None or twin.grad is None else twin.grad
            found[f"grad_step{step}/{place}"] = gradient.clone()
            found[f"after_step{step}/{place}"] = (parameter if twin is None else twin).detach().clone()
        assert used >= {id(parameter) for parameter in own.values()}
        for name, buffer in reference.G.named_buffers():  # moved by both passes of the generator
            found[f"after_step{step}/G.buffer.{name}"] = buffer.clone()
    return found
