"""A convolution is counted image by image, and noticed when it is done twice."""

import torch
from torch import nn

from tests.benchmarks.convolutions import Counted


def test_the_same_image_under_the_same_weights_is_repeated_however_it_was_batched():
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    images = torch.rand(2, 3, 8, 8)
    with Counted() as counted:
        first(images)
        second(images)
        assert (counted.convolutions, counted.repeated) == (4, 0)
        first(images[1:])
        assert (counted.convolutions, counted.repeated) == (5, 1)
        with torch.no_grad():
            first.weight += 1
        first(images[1:])
    assert (counted.convolutions, counted.repeated) == (6, 1)


def test_gradients_are_counted_by_what_they_are_of():
    convolution = nn.Conv2d(3, 4, 3).requires_grad_(False)
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    with Counted() as counted:
        convolution(images).sum().backward()
        assert (counted.input_gradients, counted.weight_gradients) == (2, 0)
        nn.Conv2d(3, 4, 3)(images.detach()).sum().backward()
    assert (counted.input_gradients, counted.weight_gradients) == (2, 2)
