"""MUNIT's auto-encoder of one domain: content and style apart, put together again by adaptive instance norms.

Huang, Liu, Belongie, Kautz, "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018; NVlabs/MUNIT a82e222,
networks.py, AdaINGen: 15,026,187 parameters with 64 filters.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from methods.networks.image_layer_norm import ImageLayerNorm
from methods.networks.instance_norm import InstanceNorm
from methods.networks.resnet_generator import ResnetBlock
from methods.networks.style_encoder import StyleEncoder


class ContentEncoder(nn.Module):
    """An image's content: a map at a fraction of its size, without what instance norms take away.

    Args:
        dim: filters of the first convolution; doubled by each halving.
        n_downsample: halvings.
        n_res: residual blocks.
    """

    def __init__(self, dim: int = 64, n_downsample: int = 2, n_res: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, dim, 7), InstanceNorm(dim), nn.ReLU()]
        for _ in range(n_downsample):
            halving = nn.Conv2d(dim, 2 * dim, 4, stride=2)
            layers += [nn.ReflectionPad2d(1), halving, InstanceNorm(2 * dim), nn.ReLU()]
            dim *= 2
        layers += [ResnetBlock(dim) for _ in range(n_res)]
        self.model = nn.Sequential(*layers)
        self.channels = dim

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, 3, H, W) to (batch, channels, H / 2^n_downsample, W / 2^n_downsample)."""
        return self.model(images)


class AdaptiveBlock(nn.Module):
    """A residual block whose norms take their weights and biases from a style: AdaIN(x) = IN(x) w + b.

    Args:
        channels: of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3)
        self.norm = InstanceNorm(channels)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (batch, C, H, W) to the same shape.

        Args:
            features: what to change.
            style: (batch, 4 C): bias and weight of the first norm, bias and weight of the second.
        """
        bias1, weight1, bias2, weight2 = style[:, :, None, None].chunk(4, dim=1)
        inner = F.relu(self.norm(self.conv1(_padded(features))) * weight1 + bias1)
        return features + (self.norm(self.conv2(_padded(inner))) * weight2 + bias2)


def _padded(features: Tensor) -> Tensor:
    return F.pad(features, (1, 1, 1, 1), mode="reflect")


class Decoder(nn.Module):
    """Content and style to an image.

    Args:
        channels: of the content.
        n_upsample: doublings.
        n_res: adaptive blocks.
    """

    def __init__(self, channels: int, n_upsample: int = 2, n_res: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(AdaptiveBlock(channels) for _ in range(n_res))
        layers: list[nn.Module] = []
        for _ in range(n_upsample):
            layers.append(Doubling(channels, channels // 2))
            channels //= 2
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(channels, 3, 7), nn.Tanh())

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Map (batch, C, h, w) to images in [-1, 1].

        Args:
            content: from `ContentEncoder`.
            style: (batch, n_res * 4 C), consumed block by block.
        """
        for block, own in zip(self.blocks, style.chunk(len(self.blocks), dim=1), strict=True):
            content = block(content, own)
        return self.model(content)


class Doubling(nn.Module):
    """Nearest-neighbour doubling, conv 5x5, layer norm, ReLU; the norm is registered first, as in the original.

    Args:
        before: channels of the input.
        after: channels of the output.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm = ImageLayerNorm(after)
        self.conv = nn.Conv2d(before, after, 5)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, before, h, w) to (batch, after, 2 h, 2 w)."""
        doubled = F.pad(F.interpolate(features, scale_factor=2, mode="nearest"), (2, 2, 2, 2), mode="reflect")
        return F.relu(self.norm(self.conv(doubled)))


class MUNITGenerator(nn.Module):
    """Style encoder, content encoder, decoder, and the MLP that makes a style into weights and biases of norms.

    Args:
        dim: filters of the first convolutions.
        style_dim: numbers of a style.
        mlp_dim: width of the MLP.
        n_downsample: halvings of the content.
        n_res: residual blocks of content encoder and of decoder.
    """

    def __init__(
        self, dim: int = 64, style_dim: int = 8, mlp_dim: int = 256, n_downsample: int = 2, n_res: int = 4
    ) -> None:
        super().__init__()
        self.enc_style = StyleEncoder(dim, style_dim)
        self.enc_content = ContentEncoder(dim, n_downsample, n_res)
        channels = self.enc_content.channels
        self.dec = Decoder(channels, n_downsample, n_res)
        self.mlp = nn.Sequential(
            nn.Linear(style_dim, mlp_dim),
            nn.ReLU(),
            nn.Linear(mlp_dim, mlp_dim),
            nn.ReLU(),
            nn.Linear(mlp_dim, n_res * 4 * channels),
        )

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Content (batch, C, h, w) and style (batch, style_dim, 1, 1) of (batch, 3, H, W)."""
        return self.enc_content(images), self.enc_style(images)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Images (batch, 3, H, W) in [-1, 1] of content and style."""
        return self.dec(content, self.mlp(style.flatten(1)))
