"""Networks of rivals written once more, as functions of their weights in the order of registration; for comparisons.

Only torch's convolutions are used; paddings, norms and activations are written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def weights_of(network: nn.Module) -> Iterator[Tensor]:
    """Every parameter, in order."""
    return iter(list(network.parameters()))


def spectral_weights_of(network: nn.Module) -> Iterator[Tensor]:
    """As `weights_of`, for convolutions with spectral norm: the bias is registered before the weight.

    The norm is exact here, so power iterations must have come to rest.
    """
    parameters = list(network.parameters())
    for bias, weight in zip(parameters[::2], parameters[1::2], strict=True):
        yield weight / torch.linalg.svdvals(weight.flatten(1))[0]
        yield bias


def leaky(x: Tensor, slope: float) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def reflect(x: Tensor, n: int) -> Tensor:
    """Mirror the border without repeating it."""
    for dim in (2, 3):
        size = x.shape[dim]
        ids = [*range(n, 0, -1), *range(size), *range(size - 2, size - 2 - n, -1)]
        x = x.index_select(dim, torch.tensor(ids))
    return x


def conv(x: Tensor, weights: Iterator[Tensor], stride: int = 1, pad: int = 0) -> Tensor:
    weight, bias = next(weights), next(weights)
    return F.conv2d(reflect(x, pad) if pad else x, weight, bias, stride)


def instance_norm(x: Tensor) -> Tensor:
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


def layer_norm(x: Tensor, weights: Iterator[Tensor]) -> Tensor:
    centred = x - x.mean((1, 2, 3), keepdim=True)
    normed = centred / (centred.square().mean((1, 2, 3), keepdim=True) + 1e-5).sqrt()
    return normed * next(weights) + next(weights)


def linear(x: Tensor, weights: Iterator[Tensor]) -> Tensor:
    weight, bias = next(weights), next(weights)
    return (x[:, None, :] * weight).sum(2) + bias


def with_codes(x: Tensor, z: Tensor) -> Tensor:
    return torch.cat([x, z[:, :, None, None] * torch.ones_like(x[:, :1])], dim=1)


def style_encoder(x: Tensor, weights: Iterator[Tensor]) -> Tensor:
    """MUNIT's: 7x7, four strided 4x4, the mean, 1x1; (batch, numbers)."""
    x = F.relu(conv(x, weights, pad=3))
    for _ in range(4):
        x = F.relu(conv(x, weights, stride=2, pad=1))
    return conv(x.mean((2, 3), keepdim=True), weights)[:, :, 0, 0]


def mixing_decoder(content: Tensor, z: Tensor, weights: Iterator[Tensor]) -> Tensor:
    """DRIT's generator of one domain without concat; z (batch, 4 C) comes from an MLP."""
    for part in z.split(content.shape[1], dim=1):
        # registered: both normalised convolutions, then both mixers
        norms = [next(weights) for _ in range(4)]
        mixers = [next(weights) for _ in range(8)]
        x = content
        for at in (0, 1):
            x = instance_norm(conv(x, iter(norms[2 * at :]), pad=1))
            mine = iter(mixers[4 * at :])
            x = F.relu(conv(F.relu(conv(with_codes(x, part), mine)), mine))
        content = content + x
    x = content
    for _ in range(2):
        x = F.conv_transpose2d(x, next(weights), next(weights), stride=2, padding=1, output_padding=1)
        x = F.relu(layer_norm(x, weights))
    return torch.tanh(F.conv_transpose2d(x, next(weights), next(weights)))


def mlp(z: Tensor, weights: Iterator[Tensor]) -> Tensor:
    return linear(F.relu(linear(F.relu(linear(z, weights)), weights)), weights)


def single_scale(images: Tensor, weights: Iterator[Tensor], convolutions: int = 6) -> Tensor:
    """DRIT's image discriminator with dis_scale 1."""
    for _ in range(convolutions):
        images = leaky(conv(images, weights, stride=2, pad=1), 0.01)
    return conv(images, weights).flatten()


def several_scales(images: Tensor, scales: Sequence[Iterator[Tensor]], convolutions: int = 4) -> list[Tensor]:
    """DRIT's image discriminator at several scales."""
    scores = []
    for weights in scales:
        x = images
        for _ in range(convolutions):
            x = leaky(conv(x, weights, stride=2, pad=1), 0.01)
        scores.append(conv(x, weights))
        images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
    return scores


def caffe_relu5_3(images: Tensor, weights: Iterator[Tensor]) -> Tensor:
    """MUNIT's view of VGG16: BGR around the mean of ImageNet, pooled after blocks 1, 2 and 3 only."""
    red, green, blue = ((images + 1) * 127.5).unbind(1)
    x = torch.stack([blue - 103.939, green - 116.779, red - 123.680], 1)
    for block, count in enumerate((2, 2, 3, 3, 3)):
        for _ in range(count):
            x = F.relu(F.conv2d(x, next(weights), next(weights), padding=1))
        if block < 3:
            x = x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).amax((3, 5))
    return x


def vgg16_relus(images: Tensor, weights: Iterator[Tensor], layers: Sequence[int]) -> list[Tensor]:
    """Outputs of torchvision's VGG16 after the ReLUs of the given numbers, from 0."""
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=images.dtype)[:, :, None, None]
    x = ((images + 1) / 2 - mean) / deviation
    maps = []
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = F.relu(F.conv2d(x, next(weights), next(weights), padding=1))
            maps.append(x)
        x = F.max_pool2d(x, 2)
    return [maps[layer] for layer in layers]
