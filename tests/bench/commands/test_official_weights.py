"""Checkpoints are written here by networks in the originals' layout, not by ours."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from bench.base.errors import BenchError, UsageError
from bench.commands.official_weights import generator_of, load_official
from methods.networks.resnet_generator import ResnetGenerator

NGF, BLOCKS = 4, 2


class Down(nn.Module):
    """models/networks.py, Downsample: reflect pad, [1 2 1] filter, stride 2."""

    def __init__(self, channels):
        super().__init__()
        row = np.array([1.0, 2.0, 1.0])
        filt = torch.tensor(row[:, None] * row[None, :], dtype=torch.float32)
        self.register_buffer("filt", (filt / filt.sum())[None, None].repeat(channels, 1, 1, 1))

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Up(nn.Module):
    """models/networks.py, Upsample: replicate pad, transposed [1 3 3 1] filter, then cut."""

    def __init__(self, channels):
        super().__init__()
        row = np.array([1.0, 3.0, 3.0, 1.0])
        filt = torch.tensor(row[:, None] * row[None, :], dtype=torch.float32)
        self.register_buffer("filt", (filt / filt.sum() * 4)[None, None].repeat(channels, 1, 1, 1))

    def forward(self, x):
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=x.shape[1])[:, :, 1:, 1:][
            :, :, :-1, :-1
        ]


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(dim, dim, 3), nn.InstanceNorm2d(dim), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(dim, dim, 3), nn.InstanceNorm2d(dim),
        )  # fmt: skip

    def forward(self, x):
        return x + self.conv_block(x)


class Official(nn.Module):
    """models/networks.py, ResnetGenerator."""

    def __init__(self, antialias, ngf=NGF, blocks=BLOCKS):
        super().__init__()
        torch.manual_seed(3)
        model = [nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7), nn.InstanceNorm2d(ngf), nn.ReLU()]
        for mult in (1, 2):
            a, b = ngf * mult, ngf * mult * 2
            model += [nn.Conv2d(a, b, 3, 1 if antialias else 2, padding=1), nn.InstanceNorm2d(b), nn.ReLU()]
            model += [Down(b)] if antialias else []
        model += [Block(ngf * 4) for _ in range(blocks)]
        for mult in (4, 2):
            a, b = ngf * mult, ngf * mult // 2
            if antialias:
                model += [Up(a), nn.Conv2d(a, b, 3, padding=1)]
            else:
                model += [nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)]
            model += [nn.InstanceNorm2d(b), nn.ReLU()]
        model += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*model)

    def forward(self, x):
        return self.model(x)


def ours(antialias=True, ngf=NGF, blocks=BLOCKS):
    return ResnetGenerator(ngf=ngf, n_blocks=blocks, antialias=antialias)


def without_filt(state):
    return {key: value for key, value in state.items() if not key.endswith("filt")}


def with_leftovers(state):
    extra = {"model.2.running_mean": torch.ones(NGF), "model.2.running_var": torch.ones(NGF),
             "model.2.num_batches_tracked": torch.tensor(7)}  # fmt: skip
    return state | extra


def prefixed(prefix):
    return lambda state: {f"{prefix}{key}": value for key, value in state.items()}


FORMS = {
    "as saved": lambda state: state,
    "DataParallel": prefixed("module."),
    "compiled, in a whole model": lambda state: (
        prefixed("netG._orig_mod.")(state) | {"netD.model.0.weight": torch.ones(1)}
    ),
    "inside a dictionary": lambda state: {"epoch": 3, "state_dict": state},
    "filters not saved": without_filt,
    "statistics left over": with_leftovers,
    "half precision": lambda state: {key: value.half() for key, value in state.items()},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("antialias", [True, False], ids=["cut", "cyclegan"])
def test_an_official_generator_translates_as_it_did(tmp_path, antialias, form):
    official, path = Official(antialias), tmp_path / "latest_net_G.pth"
    torch.save(FORMS[form](official.state_dict()), path)
    if form == "half precision":
        official.load_state_dict({key: value.half().float() for key, value in official.state_dict().items()})
    network = ours(antialias)
    load_official(network, path, "cut")
    images = torch.randn(1, 3, 32, 40).tanh()
    with torch.no_grad():
        torch.testing.assert_close(network(images), official(images), rtol=1e-4, atol=2e-5)


def test_safetensors_of_a_run_of_ours(tmp_path):
    network, path = ours(), tmp_path / "epoch-000004.safetensors"
    save_file({f"netG.{key}": value for key, value in network.state_dict().items()}, path)
    again = ours()
    load_official(again, path, "cut")
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )


WRONG = {
    "other width": (Official(True, ngf=6), r"model\.1\.weight is \(6, 3, 7, 7\) instead of \(4, 3, 7, 7\)"),
    "strided": (Official(False), r"missing model\.8\.weight.*unexpected model\.7\.weight"),
    "more blocks": (Official(True, blocks=3), r"unexpected .*; choose the method it was trained with"),
    "discriminator": (nn.Sequential(nn.Conv2d(3, 4, 4)), r"missing model\.1\.weight.*unexpected 0\.weight, 0\.bias"),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_of_another_network(tmp_path, name):
    network, message = WRONG[name]
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    with pytest.raises(UsageError, match=message) as caught:
        load_official(ours(), path, "cut")
    assert "weights of another network than cut's generator" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


class Bomb:
    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Official(True), r"holds more than tensors \([\w.]*Official, which is code\)"),
        ({"a": Bomb()}, r"holds more than tensors \([\w.]*print, which is code\)"),
        ({"a": np.ones(2)}, r"holds more than tensors \(numpy\.\S+, which is code\).* as tensors"),
        ({"epoch": 3}, "holds no weights of a network"),
        ([1, 2], "holds no weights of a network"),
    ],
    ids=["whole module", "code", "arrays of NumPy", "no tensors", "list"],
)
def test_files_that_hold_something_else(tmp_path, capsys, content, message):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(UsageError, match=message) as caught:
        load_official(ours(), path, "cut")
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["latest_net_G.pth", "w.safetensors"])
def test_files_that_are_missing_or_garbage(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(UsageError, match="no such file"):
        load_official(ours(), path, "cut")
    path.write_bytes(b"\x80\x02garbage, not weights")
    with pytest.raises(UsageError, match=str(path)) as caught:
        load_official(ours(), path, "cut")
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_numbers(tmp_path):
    state = Official(True).state_dict()
    state["model.1.bias"][0] = torch.nan
    path = tmp_path / "w.pth"
    torch.save(state, path)
    network = ours()
    before = network.model[1].bias.clone()
    with pytest.raises(BenchError, match=r"model\.1\.bias: not all weights are finite"):
        load_official(network, path, "cut")
    assert torch.equal(network.model[1].bias, before)


def test_which_network_is_meant():
    class Holder(nn.Module):
        name = "holder"

    one, two, none = Holder(), Holder(), Holder()
    one.netG = nn.Conv2d(1, 1, 1)
    two.netG_A, two.netG_B = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    assert generator_of(one) is one.netG
    assert generator_of(two) is two.netG_A
    with pytest.raises(UsageError, match="method holder has no netG"):
        generator_of(none)


@pytest.mark.parametrize(
    "form",
    [
        lambda state: {"netG": state, "epoch": torch.tensor(5)},
        lambda state: {"model": state},
        lambda state: {"model_state_dict": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
        lambda state: {"epoch": 5, "nets": {"params": state}},
        lambda state: {"netG_A": state, "netG_B": {key: value + 1 for key, value in state.items()}},
    ],
    ids=["beside a tensor", "model", "beside an optimiser", "deep", "two generators"],
)
def test_the_fitting_network_is_found_under_any_key(tmp_path, form):
    state, path = Official(True).state_dict(), tmp_path / "w.pth"
    torch.save(form(state), path)
    network = ours()
    load_official(network, path, "cut")
    assert torch.equal(network.model[1].weight, state["model.1.weight"])


def test_several_networks_that_fit_are_named(tmp_path):
    state, path = Official(True).state_dict(), tmp_path / "w.pth"
    torch.save({"params": state, "params_ema": state}, path)
    with pytest.raises(UsageError, match=r"several networks that fit \(params, params_ema\); save the one"):
        load_official(ours(), path, "cut")


def test_the_settings_that_would_fit_are_named(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(Official(True, ngf=6, blocks=3).state_dict(), path)
    with pytest.raises(UsageError, match=r"settings \(--set n_blocks=3 --set ngf=6\)"):
        load_official(ours(), path, "cut")


def test_integer_weights_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({key: (value * 100).to(torch.int8) for key, value in Official(True).state_dict().items()}, path)
    with pytest.raises(UsageError, match=r"weights are of torch\.int8, of which nothing here says the scale"):
        load_official(ours(), path, "cut")


SMALL = Official(True, ngf=1, blocks=1).state_dict()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), cut=st.integers(0, 40), new=st.binary(max_size=8), zipped=st.booleans())
def test_damaged_checkpoints_are_said_in_one_line(tmp_path, place, cut, new, zipped):
    path = tmp_path / "w.pth"
    torch.save(SMALL, path, _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    start = int(place * len(content))
    content[start : start + cut] = new
    path.write_bytes(content)
    said = ""
    try:
        load_official(ours(ngf=1, blocks=1), path, "cut")
    except BenchError as error:
        said = str(error)
    assert "\n" not in said
