import torch
from torch import nn

from methods.networks.meta_copy import meta_copy


def test_it_has_the_shapes_and_nothing_else() -> None:
    network, seen = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4)), []
    network.register_forward_hook(lambda *_: seen.append(1))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copy = meta_copy(network)
    assert copy(torch.empty(1, 3, 9, 7, device="meta")).shape == (1, 4, 4, 3)
    assert not seen
    assert network.training
    assert not copy.training
    assert all(tensor.device.type == "meta" for tensor in copy.state_dict().values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    network(torch.zeros(1, 3, 9, 7))
    assert seen == [1]
