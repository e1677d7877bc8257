from __future__ import annotations

import pytest
import torch

from bench.base.errors import BenchError
from methods.networks.equalised import draw_weights
from methods.networks.reference_attention import ReferenceAttention
from methods.networks.san import SAN
from methods.networks.stylegan2_discriminator import StyleGAN2Discriminator

EXACT = {"rtol": 1e-8, "atol": 1e-10}


def attention(channels: int) -> ReferenceAttention:
    return ReferenceAttention(SAN(channels, kernel_size=3, share=4), channels)


def test_reference_logits_and_gradients(stylegan2_golden, reference_discriminator) -> None:
    g = stylegan2_golden("d32_io.npz")
    netD = reference_discriminator()
    seen = {}
    for r in (32, 16, 8):
        netD.get_submodule(f"b{r}").register_forward_hook(
            lambda module, inputs, output, r=r: seen.update({f"out_b{r}": output})
        )
    netD.b4.conv.register_forward_hook(lambda module, inputs, output: seen.update(mbstd_out=inputs[0]))
    images = g["images"].requires_grad_()
    logits = netD(images)
    torch.testing.assert_close(logits, g["logits"].squeeze(1), **EXACT)
    for name, value in seen.items():
        stored = g[name]  # of the eight images' large maps the first and the last are stored
        torch.testing.assert_close(value[[0, -1]] if len(stored) == 2 else value, stored, **EXACT)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    torch.testing.assert_close(gradient, g["grad_sum_logits_wrt_images"], **EXACT)


def test_single_precision(stylegan2_golden, reference_discriminator) -> None:
    g = stylegan2_golden("d32_io.npz")
    found = reference_discriminator().float()(g["images"].float())
    assert (found - g["logits"].squeeze(1)).abs().max() < 2e-4 * g["logits"].abs().max()


@pytest.mark.parametrize(
    ("resolution", "base", "maximum", "count"),
    [
        (32, 16384, 512, 21_507_073),
        (64, 16384, 512, 23_407_361),
        (128, 16384, 512, 23_882_369),
        (256, 16384, 512, 24_001_089),
        (128, 32768, 512, 28_389_121),
        (256, 32768, 512, 28_864_129),
        (128, 4096, 128, 1_494_689),
        (64, 2048, 64, 366_945),
        (32, 1024, 32, 84_673),
        (32, 512, 16, 21_345),
    ],
)
def test_parameter_counts(resolution: int, base: int, maximum: int, count: int) -> None:
    with torch.device("meta"):
        netD = StyleGAN2Discriminator(resolution, channel_base=base, channel_max=maximum)
    assert sum(p.numel() for p in netD.parameters()) == count


def pair_discriminator(resolution: int = 8) -> StyleGAN2Discriminator:
    netD = StyleGAN2Discriminator(
        32, channel_base=256, channel_max=16, attention_resolution=resolution, make_attention=attention
    )
    draw_weights(netD, torch.Generator().manual_seed(0))
    return netD.double()


@pytest.mark.parametrize("resolution", [8, 32])
def test_a_pair_of_images_gives_a_logit(resolution: int) -> None:
    netD = pair_discriminator(resolution)
    images, references = torch.randn(2, 4, 3, 32, 32, dtype=torch.float64)
    logits = netD(images, netD.reference_features(references))
    assert logits.shape == (4,)
    assert not torch.allclose(logits, netD(images, netD.reference_features(references.flip(0))))


def test_reference_features_come_from_the_same_layers() -> None:
    netD = pair_discriminator()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    seen = []
    netD.b8.conv0.register_forward_hook(lambda module, inputs, output: seen.append(inputs))
    netD(images, netD.reference_features(images))
    torch.testing.assert_close(*seen[0])


def test_references_belong_to_reference_attention() -> None:
    netD = pair_discriminator()
    images = torch.zeros(4, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(BenchError, match="reference images belong to"):
        netD(images)
    plain = StyleGAN2Discriminator(32, channel_base=256, channel_max=16)
    with pytest.raises(BenchError, match="set reference_attention to a resolution"):
        plain.reference_features(images.float())
