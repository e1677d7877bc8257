"""The networks of the patch-wise methods once more, as functions of flat lists of weights; no part of `methods` is used."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NGF = NDF = 4
WIDTH, PATCHES, NOISE, TAU, LR = 32, 64, 64, 0.07, 2e-4
LAYERS = (0, 4, 8, 12, 16)
CHANNELS = (3, 2 * NGF, 4 * NGF, 4 * NGF, 4 * NGF)
CONFIG = {"ngf": NGF, "ndf": NDF, "netF_nc": WIDTH, "num_patches": PATCHES}
Weights = list[Tensor]


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
