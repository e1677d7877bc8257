import torch

from methods.networks.semantics import instance_edges, semantics


def test_reference_edges(cfl_golden):
    arrays = cfl_golden("spade_instance_edges")
    assert torch.equal(instance_edges(arrays["instance"]).double(), arrays["edges"])


def test_classes_become_channels_with_edges_last():
    condition = torch.tensor([[[[0, 2], [1, 1]], [[5, 5], [5, 7]]]]).float()
    expected = torch.tensor([[[[1, 0], [0, 0]], [[0, 0], [1, 1]], [[0, 1], [0, 0]], [[0, 1], [1, 1]]]]).float()
    assert torch.equal(semantics(condition, 3), expected)
    assert torch.equal(semantics(condition[:, :1], 3), expected[:, :3])
