import pytest
import torch

from bench.checks.replay.recording import load_weights
from methods.networks.patchgan import PatchGAN


@pytest.mark.parametrize("antialias", [True, False])
def test_published_parameter_counts(antialias: bool) -> None:
    assert sum(p.numel() for p in PatchGAN(antialias=antialias).parameters()) == 2_764_737


@pytest.mark.parametrize(("kind", "antialias"), [("aa", True), ("stride", False)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-8), (torch.float32, 2e-4)])
def test_reference_output(golden, kind: str, antialias: bool, dtype: torch.dtype, tolerance: float) -> None:
    arrays = golden("patchgan_ndf8.npz")
    network = PatchGAN(ndf=8, antialias=antialias).to(dtype)
    load_weights({"D": network}, {key: value for key, value in arrays.items() if key.startswith("D.")}, "")
    with torch.no_grad():
        output = network(arrays["input"].to(dtype)).double()
    torch.testing.assert_close(output, arrays[f"{kind}/output"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("side", "scores"), [(64, 6), (128, 14), (256, 30)])
def test_output_size(antialias: bool, side: int, scores: int) -> None:
    with torch.no_grad():
        assert PatchGAN(ndf=1, antialias=antialias)(torch.zeros(1, 3, side, side)).shape == (1, 1, scores, scores)


def test_official_checkpoint_keys() -> None:
    keys = PatchGAN(ndf=2).state_dict().keys()
    assert {"model.0.weight", "model.2.filt", "model.3.weight", "model.14.bias"} <= keys
