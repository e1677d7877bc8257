import pytest
import torch
from torch import Tensor

from methods.networks.spade import SPADE, SPADEGenerator, SPADEResnetBlock

PRECISIONS = [(torch.float64, 1e-8), (torch.float32, 2e-4)]


def part(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_reference_normalisation(cfl_golden, norm, dtype, tolerance):
    arrays = cfl_golden("spade_norm")
    layer = SPADE(4, 3, norm).to(dtype)
    after = part(arrays, f"{norm}_")
    layer.load_state_dict({name: tensor for name, tensor in after.items() if name.startswith("mlp")}, strict=False)
    with torch.no_grad():
        out = layer(arrays["x"].to(dtype), arrays["seg"].to(dtype))
    torch.testing.assert_close(out.double(), after["out"], rtol=tolerance, atol=tolerance)
    for name, buffer in layer.named_buffers():
        torch.testing.assert_close(buffer.to(after[name].dtype), after[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("case", "fin", "fout"), [("same", 4, 4), ("learned", 4, 2)])
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_reference_block_in_training_and_evaluation(cfl_golden, case, fin, fout, dtype, tolerance):
    arrays = cfl_golden("spade_resblock")
    block = SPADEResnetBlock(fin, fout, 3).to(dtype)
    loaded = block.load_state_dict(part(arrays, f"{case}_before_"), strict=False)
    assert not loaded.unexpected_keys
    assert {name.rpartition(".")[2] for name in loaded.missing_keys} == {"weight_v"}  # follows from weight_u
    x, seg = arrays[f"{case}_x"].to(dtype), arrays["seg"].to(dtype)
    with torch.no_grad():
        out = block(x, seg)
        state = {name: tensor.clone() for name, tensor in block.state_dict().items()}
        again = block.eval()(x, seg)
        sigmas = {name: module.sigma() for name, module in block.named_children() if name.startswith("conv")}
    torch.testing.assert_close(out.double(), arrays[f"{case}_out"], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(again.double(), arrays[f"{case}_out_eval_after"], rtol=tolerance, atol=tolerance)
    for name, sigma in sigmas.items():
        recorded = arrays[f"{case}_sigma_{name}"]
        torch.testing.assert_close(sigma.double(), recorded, rtol=tolerance, atol=tolerance)
    for name, tensor in part(arrays, f"{case}_after_").items():
        torch.testing.assert_close(state[name].double(), tensor.double(), rtol=tolerance, atol=tolerance, msg=name)
        torch.testing.assert_close(block.state_dict()[name], state[name], rtol=0, atol=0)  # evaluation moves nothing


@pytest.mark.parametrize(
    ("channels", "size", "layers", "parameters"),
    [
        (36, (512, 256), "more", 93_048_003),  # Cityscapes
        (151, (256, 256), "normal", 96_492_483),  # ADE20K
        (184, (256, 256), "normal", 97_480_899),  # COCO-Stuff
    ],
)
def test_published_parameter_counts(channels, size, layers, parameters):
    with torch.device("meta"):
        netG = SPADEGenerator(channels, 64, size, layers)
    assert sum(p.numel() for p in netG.parameters()) == parameters


@pytest.mark.parametrize(("layers", "size"), [("normal", (64, 32)), ("more", (128, 64)), ("most", (128, 128))])
def test_the_image_has_the_asked_size_and_range(layers, size):
    netG = SPADEGenerator(2, 2, size, layers, norm="instance" if layers == "normal" else "batch", nhidden=2)
    width, height = size
    with torch.no_grad():
        image = netG(torch.ones(2, 2, height, width)) if layers != "normal" else netG(torch.rand(2, 2, height, width))
    assert image.shape == (2, 3, height, width)
    assert float(image.abs().max()) <= 1


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="multiples of 64"):
        SPADEGenerator(2, 2, (96, 64), "more")
