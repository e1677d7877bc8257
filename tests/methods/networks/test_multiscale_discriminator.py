import torch
from torch.nn import functional as F

from methods.networks.multiscale_discriminator import MultiscaleDiscriminator


def test_published_parameter_count():
    with torch.device("meta"):
        netD = MultiscaleDiscriminator(36 + 3)
    assert sum(p.numel() for p in netD.parameters()) == 5_601_410


def test_every_feature_of_every_scale():
    netD = MultiscaleDiscriminator(5, ndf=2)
    with torch.no_grad():
        features = netD(torch.rand(2, 5, 32, 64))
    shapes = [[tuple(feature.shape[1:]) for feature in scale] for scale in features]
    assert shapes == [
        [(2, 17, 33), (4, 9, 17), (8, 5, 9), (16, 6, 10), (1, 7, 11)],
        [(2, 9, 17), (4, 5, 9), (8, 3, 5), (16, 4, 6), (1, 5, 7)],
    ]


def test_the_second_scale_sees_an_average_that_leaves_the_padding_out():
    netD = MultiscaleDiscriminator(5, ndf=2).eval()
    pairs = torch.rand(1, 5, 32, 32)
    padded, ones = F.pad(pairs, (1, 1, 1, 1)), F.pad(torch.ones(1, 1, 32, 32), (1, 1, 1, 1))
    kernel = torch.ones(5, 1, 3, 3)
    halved = F.conv2d(padded, kernel, stride=2, groups=5) / F.conv2d(ones, kernel[:1], stride=2)
    with torch.no_grad():
        torch.testing.assert_close(netD(pairs)[1][-1], netD.get_submodule("discriminator_1")(halved)[-1])


def test_official_checkpoint_keys():
    keys = MultiscaleDiscriminator(5, ndf=2).state_dict().keys()
    assert {
        "discriminator_0.model0.0.bias",
        "discriminator_0.model1.0.0.weight_orig",
        "discriminator_1.model3.0.0.weight_u",
        "discriminator_1.model4.0.weight",
    } <= keys
    assert "discriminator_0.model1.0.0.bias" not in keys
