"""The FID network against pytorch-fid's own, with random weights in the official file's layout."""

import numpy as np
import pytest
import torch
from pytorch_fid import inception as official

from bench.base.errors import NotAvailable
from bench.base.hashing import file_sha256
from bench.base.weight_files import WEIGHTS_VARIABLE
from bench.features import fid_inception
from bench.features.fid_inception import WEIGHTS, FIDInception, build_inception


@pytest.fixture(scope="module")
def weight_file(tmp_path_factory):
    """A state dict of the official layout whose features are neither zero nor infinite."""
    torch.manual_seed(0)
    network = build_inception()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
        elif isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.zeros_(module.bias)
    path = tmp_path_factory.mktemp("weights") / WEIGHTS.name
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def accepted(weight_file, monkeypatch):
    ours = WEIGHTS.model_copy(update={"sha256": file_sha256(weight_file)[:8]})
    monkeypatch.setattr(fid_inception, "WEIGHTS", ours)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


def test_equals_pytorch_fids_network(weight_file, accepted, monkeypatch):
    monkeypatch.setattr(
        official, "load_state_dict_from_url", lambda *args, **options: torch.load(weight_file, weights_only=True)
    )
    theirs = official.InceptionV3([official.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
    images = list(np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3), np.uint8))
    batch = torch.stack([torch.from_numpy(i).permute(2, 0, 1) / 255 for i in images])
    with torch.no_grad():
        expected = theirs(batch)[0].squeeze(3).squeeze(2).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 0.01  # the random network tells images apart
    ours = FIDInception(weight_file.parent).features(images)
    assert ours.shape == (2, 2048)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5 * expected.std())


def test_other_weights_are_refused(weight_file):
    with pytest.raises(NotAvailable, match="6726825d"):
        FIDInception(weight_file.parent).check()


def test_absent_weights_say_where_to_put_them_and_nothing_is_downloaded(bare, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **options: pytest.fail("download"))
    extractor = FIDInception(tmp_path / "weights")
    for action in (extractor.check, extractor.network):
        with pytest.raises(NotAvailable, match=f"FID needs {WEIGHTS.name} .*put it into the folder weights of --home"):
            action()


@pytest.mark.parametrize("place", ["given", "variable", "cache", "hub"])
def test_places_where_the_file_is_found(place, bare, accepted, weight_file, tmp_path, monkeypatch):
    given = tmp_path / "given"
    folder = {
        "given": given,
        "variable": tmp_path / "variable",
        "cache": tmp_path / "XDG_CACHE_HOME" / "contrastbench" / "weights",
        "hub": tmp_path / "TORCH_HOME" / "hub" / "checkpoints",
    }[place]
    if place == "variable":
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(folder))
    folder.mkdir(parents=True)
    (folder / WEIGHTS.name).symlink_to(weight_file)
    FIDInception(given).check()
