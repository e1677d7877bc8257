import torch

from methods.networks.negative_generator import NegativeGenerator


def test_reference_negatives(golden) -> None:
    record = golden("negcut_generator.npz")
    network = NegativeGenerator(2, nc=32, noise_nc=64).double()
    for index, (name, parameter) in enumerate(network.named_parameters()):
        parameter.data.copy_(record[f"N.{index:03d}.{name.rpartition('.')[2]}"])
    means = [record[f"F_map_{layer}"].flatten(2).mean(2) for layer in range(2)]
    found = network(means, [record[f"noise_{layer}"] for layer in range(2)])
    for layer in range(2):
        torch.testing.assert_close(found[layer][0], record[f"neg_{layer}"], rtol=1e-12, atol=1e-13)


def test_number_of_parameters() -> None:
    assert sum(p.numel() for p in NegativeGenerator(5).parameters()) == 739_840


def test_images_of_a_batch_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    network = NegativeGenerator(1, nc=8, noise_nc=4)
    means, noise = (torch.randn(shape, generator=generator) for shape in ((3, 8), (3, 5, 4)))
    (together,) = network([means], [noise])
    assert together.shape == (3, 5, 8)
    for i in range(3):
        torch.testing.assert_close(network([means[i : i + 1]], [noise[i : i + 1]])[0], together[i : i + 1])
    torch.testing.assert_close(together.norm(dim=2), torch.ones(3, 5))
