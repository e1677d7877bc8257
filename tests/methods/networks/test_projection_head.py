import pytest
import torch

from bench.checks.replay.recording import load_weights
from methods.networks.projection_head import ProjectionHead, normalise, sample


def test_published_parameter_count() -> None:
    head = ProjectionHead([3, 128, 256, 256, 256])
    assert sum(p.numel() for p in head.parameters()) == 560_384
    assert "mlp_0.0.weight" in head.state_dict()  # the originals' keys
    assert "mlp_4.2.bias" in head.state_dict()


def test_reference_rows(golden) -> None:
    arrays = golden("patch_sample_mlp.npz")
    head = ProjectionHead([3, 8], 32).double()
    load_weights({"F": head}, {key: value for key, value in arrays.items() if key.startswith("F.")}, "")
    with torch.no_grad():
        rows = head([arrays["feat_0"], arrays["feat_1"]], [arrays["ids_0"], arrays["ids_1"]])
    for index, layer in enumerate(rows):
        torch.testing.assert_close(layer.flatten(0, 1), arrays[f"out_{index}"], rtol=1e-8, atol=1e-12)


def test_normalise_adds_its_epsilon_to_the_norm(golden) -> None:
    arrays = golden("normalize.npz")
    torch.testing.assert_close(normalise(arrays["x"]), arrays["y"], rtol=1e-12, atol=0)
    assert normalise(arrays["x"])[1].norm() < 0.99  # a row of size 1e-6 would come out as 1 with F.normalize


def test_positions_are_row_major_and_all_without_ids() -> None:
    features = torch.randn(2, 3, 4, 5)
    assert torch.equal(sample(features, torch.tensor([7]))[:, 0], features[:, :, 1, 2])
    assert torch.equal(sample(features, None), features.permute(0, 2, 3, 1).reshape(2, 20, 3))
    head = ProjectionHead([3], 8)
    torch.testing.assert_close(head([features])[0], head([features], [torch.arange(20)])[0])


def test_gradient_to_the_encoder_is_contiguous() -> None:
    features = torch.randn(1, 3, 4, 4, requires_grad=True)
    sample(features, torch.tensor([1, 5])).square().sum().backward()
    assert features.grad is not None
    assert features.grad.is_contiguous()


@pytest.mark.parametrize(("kind", "linear"), [("linear", True), ("mlp", False)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_heads_of_the_contrastive_feature_loss(cfl_golden, kind, linear, dtype, tolerance):
    arrays = cfl_golden("cfl_projection_head")
    head = ProjectionHead([3, 6], 4, linear=linear).to(dtype)
    prefix = f"{kind}_layer"
    head.load_state_dict(
        {
            f"mlp_{key.removeprefix(prefix).replace('_', '.', 1)}": value
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
    )
    ids = [arrays["ids0"], arrays["ids1"]]
    with torch.no_grad():
        found = head([arrays["feat0"].to(dtype), arrays["feat1"].to(dtype)], ids)
    for layer, rows in enumerate(found):
        torch.testing.assert_close(rows.double(), arrays[f"{kind}_out{layer}"], rtol=tolerance, atol=tolerance)
