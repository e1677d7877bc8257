"""StyleGAN2's generator (skip architecture), with SAN in the place of one convolution if asked for.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020; NVlabs/stylegan2
training/networks_stylegan2.py. Parameters have the names of the PyTorch successor, so that its weights fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log2, sqrt

import torch
from torch import Tensor, nn

from methods.networks.equalised import EqualisedLinear, fan_in, lrelu
from methods.networks.fir_resampling import upsample2
from methods.networks.modulated_convolution import modulated_conv2d
from methods.networks.san import SAN
from methods.networks.stylegan2_mapping import MappingNetwork

# a source of noise: a generator to draw fresh maps from, or None for the stored ones
Noise = torch.Generator | None
# the maps themselves, one for each layer that is yet to come; None: the stored ones
Maps = Iterator[Tensor] | None


def stylegan2_channels(resolution: int, base: int = 16384, maximum: int = 512) -> int:
    """Feature maps at a resolution; config E has base 16384, config F 32768."""
    return min(base // resolution, maximum)


class NoisyLayer(nn.Module):
    """What follows every convolution: strength times one map of noise, a bias, leaky ReLU."""

    noise_const: Tensor

    def __init__(self, channels: int, resolution: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.zeros(resolution, resolution))

    def finish(self, x: Tensor, noise: Maps) -> Tensor:
        """Add noise and bias to (B, C, H, W) and activate."""
        maps = self.noise_const if noise is None else next(noise)
        return lrelu(x + maps * self.noise_strength + self.bias[:, None, None])


class SynthesisLayer(NoisyLayer):
    """A modulated 3x3 convolution, optionally doubling the resolution."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int, up: bool = False) -> None:
        super().__init__(outputs, resolution)
        self.up = up
        self.affine = EqualisedLinear(w_dim, inputs, bias_init=1.0)
        # not scaled: demodulation takes any constant out again
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))

    def forward(self, x: Tensor, w: Tensor, noise: Maps) -> Tensor:
        """Map (B, in, h, h) and w (B, w_dim) to (B, out, resolution, resolution)."""
        return self.finish(modulated_conv2d(x, self.weight, self.affine(w), up=self.up), noise)


class AttentionLayer(NoisyLayer):
    """SAN plus its input, in the place of a convolution [D12].

    Args:
        attention: over maps of `channels` channels.
        channels, resolution: of the maps.
        modulated_by: w_dim, if w scales the channels that the attention sees, as it does a convolution's input; None: w
            does not reach this layer.
        activated: whether noise, bias and leaky ReLU of the convolution stay.
    """

    def __init__(
        self,
        attention: SAN,
        channels: int,
        resolution: int,
        modulated_by: int | None = None,
        activated: bool = True,
    ) -> None:
        super().__init__(channels, resolution)
        self.attention = attention
        self.activated = activated
        if not activated:
            self.register_parameter("bias", None)
            self.register_parameter("noise_strength", None)
            self.register_buffer("noise_const", None)
        self.affine = None if modulated_by is None else EqualisedLinear(modulated_by, channels, bias_init=1.0)

    def forward(self, x: Tensor, w: Tensor, noise: Maps) -> Tensor:
        """Map (B, C, H, W) and w (B, w_dim) to (B, C, H, W)."""
        seen = x if self.affine is None else x * self.affine(w)[:, :, None, None]
        y = self.attention(seen, seen, seen) + x
        return self.finish(y, noise) if self.activated else y


class ToRGB(nn.Module):
    """A modulated 1x1 convolution to colours, neither demodulated nor activated."""

    def __init__(self, channels: int, w_dim: int, colours: int) -> None:
        super().__init__()
        self.affine = EqualisedLinear(w_dim, channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.empty(colours, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(colours))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, colours, H, W)."""
        styles = self.affine(w) / sqrt(fan_in(self.weight))
        return modulated_conv2d(x, self.weight, styles, demodulate=False) + self.bias[:, None, None]


class SynthesisBlock(nn.Module):
    """One resolution: conv0 (doubles it; at 4x4 a learnt constant takes its place), conv1, its share of the colours."""

    def __init__(
        self,
        inputs: int,
        channels: int,
        w_dim: int,
        resolution: int,
        colours: int,
        make_attention: Callable[[int, int], AttentionLayer] | None,
    ) -> None:
        super().__init__()
        at_start = resolution == 4
        self.const = nn.Parameter(torch.empty(inputs, 4, 4)) if at_start else None
        self.conv0 = None if at_start else SynthesisLayer(inputs, channels, w_dim, resolution, up=True)
        # the second convolution is the one replaced: the first has to upsample [D7]
        self.conv1: NoisyLayer = (
            make_attention(channels, resolution)
            if make_attention
            else SynthesisLayer(inputs if at_start else channels, channels, w_dim, resolution)
        )
        self.torgb = ToRGB(channels, w_dim, colours)

    def forward(self, before: tuple[Tensor, Tensor] | None, ws: list[Tensor], noise: Maps) -> tuple[Tensor, Tensor]:
        """Go up one resolution.

        Args:
            before: features and image of the block before; None at 4x4.
            ws: of conv0 (not at 4x4), conv1 and toRGB, each (B, w_dim).
            noise: see `Maps`.

        Returns:
            Features and image.
        """
        if before is None:
            assert self.const is not None  # only the block at 4x4 has none before it
            x = self.const.expand(len(ws[0]), -1, -1, -1)
        else:
            assert self.conv0 is not None
            x = self.conv0(before[0], ws[0], noise)
        x = self.conv1(x, ws[-2], noise)
        colours = self.torgb(x, ws[-1])
        return x, colours if before is None else upsample2(before[1]) + colours


class SynthesisNetwork(nn.Module):
    """From one w per layer to the image: a learnt constant at 4x4, then blocks `b4`, `b8`, ..."""

    def __init__(
        self,
        w_dim: int,
        resolution: int,
        colours: int,
        channel_base: int,
        channel_max: int,
        attention_resolution: int | None,
        make_attention: Callable[[int, int], AttentionLayer] | None,
    ) -> None:
        super().__init__()
        self.num_ws = 2 * int(log2(resolution)) - 2
        before = stylegan2_channels(4, channel_base, channel_max)
        for r in (2**k for k in range(2, int(log2(resolution)) + 1)):
            channels = stylegan2_channels(r, channel_base, channel_max)
            attention = make_attention if r == attention_resolution else None
            self.add_module(f"b{r}", SynthesisBlock(before, channels, w_dim, r, colours, attention))
            before = channels

    def draw_noise(self, batch: int, generator: torch.Generator, dtype: torch.dtype) -> list[Tensor]:
        """A map (batch, 1, h, h) for each layer that has noise, in the order of the layers.

        They are drawn on the CPU, so that every device sees the same noise.
        """
        layers = (module for module in self.modules() if isinstance(module, NoisyLayer))
        sides = [len(layer.noise_const) for layer in layers if layer.noise_const is not None]
        return [torch.randn((batch, 1, side, side), generator=generator, dtype=dtype) for side in sides]

    def forward(self, ws: Tensor, noise: Sequence[Tensor] | None) -> Tensor:
        """Map (B, num_ws, w_dim) to (B, colours, resolution, resolution), unbounded.

        Args:
            ws: one w per layer.
            noise: maps as `draw_noise` makes them; None: the stored ones.
        """
        maps = None if noise is None else iter(noise)
        per_layer = list(ws.unbind(dim=1))
        done: tuple[Tensor, Tensor] | None = None
        for index, block in enumerate(self.children()):
            # toRGB of a block and conv0 of the next one share a w
            done = block(done, per_layer[max(2 * index - 1, 0) : 2 * index + 2], maps)
        assert done is not None  # there is always a block at 4x4
        return done[1]


class StyleGAN2Generator(nn.Module):
    """Mapping and synthesis.

    Args:
        resolution: side of the image, a power of two from 8 on.
        z_dim, w_dim, mapping_layers: of the mapping network.
        colours: channels of the image.
        channel_base, channel_max: feature maps, see `stylegan2_channels`.
        attention_resolution: whose second convolution is replaced by attention; None: none.
        make_attention: builds it for a number of channels and a resolution.
    """

    def __init__(
        self,
        resolution: int,
        z_dim: int = 512,
        w_dim: int = 512,
        mapping_layers: int = 8,
        colours: int = 3,
        channel_base: int = 16384,
        channel_max: int = 512,
        attention_resolution: int | None = None,
        make_attention: Callable[[int, int], AttentionLayer] | None = None,
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.mapping = MappingNetwork(z_dim, w_dim, mapping_layers)
        self.synthesis = SynthesisNetwork(
            w_dim, resolution, colours, channel_base, channel_max, attention_resolution, make_attention
        )

    @property
    def num_ws(self) -> int:
        """Layers that take a w; 2 log2(resolution) - 2."""
        return self.synthesis.num_ws

    def broadcast(self, w: Tensor) -> Tensor:
        """The same w (B, w_dim) for every layer: (B, num_ws, w_dim)."""
        return w.unsqueeze(1).repeat(1, self.num_ws, 1)

    def forward(self, z: Tensor, noise: Noise = None, psi: float = 1.0) -> Tensor:
        """Images of latent vectors.

        Args:
            z: (B, z_dim).
            noise: see `Noise`.
            psi: truncation; 1 is none, as in every published score.

        Returns:
            (B, colours, resolution, resolution), nominally in [-1, 1] but not bounded.
        """
        return self.images(self.mapping.truncate(self.broadcast(self.mapping(z)), psi), noise)

    def images(self, ws: Tensor, noise: Noise) -> Tensor:
        """Images (B, colours, resolution, resolution) of a w for every layer, (B, num_ws, w_dim); noise: see `Noise`."""
        maps = None
        if noise is not None:
            drawn = self.synthesis.draw_noise(len(ws), noise, ws.dtype)
            maps = [noise_map.to(ws.device, non_blocking=True) for noise_map in drawn]
        return self.synthesis(ws, maps)
