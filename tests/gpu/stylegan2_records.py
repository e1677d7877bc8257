"""What computes each record of StyleGAN2 and its relatives again: one function for each file (as tests/gpu/records.py)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from bench.base.randomness import Draws
from methods.dual_contrastive import DualContrastive
from methods.networks.equalised import EqualisedConv2d, EqualisedLinear, fan_in, lrelu
from methods.networks.minibatch_stddev import append_minibatch_stddev
from methods.networks.modulated_convolution import modulated_conv2d
from methods.networks.reference_attention import ReferenceAttention
from methods.networks.san import SAN
from methods.networks.stylegan2_discriminator import StyleGAN2Discriminator
from methods.networks.stylegan2_generator import StyleGAN2Generator
from methods.regularisers import PL_DECAY, path_lengths, r1_penalty
from tests.gpu.case import Case, read
from tests.gpu.records import CHECKS, of, part

TINY = {"resolution": 32, "channel_base": 512, "channel_max": 16}


def _styled(case: Case, network: str) -> nn.Module:
    """A network with the state of the trajectories, which differs in biases."""
    built: Any = StyleGAN2Generator(z_dim=16, w_dim=16, **TINY) if network == "G" else StyleGAN2Discriminator(**TINY)
    stored = read("stylegan2/traj_init.safetensors") | read("stylegan2/biases.npz")
    case.built(built).load_state_dict(part(stored, f"{network}."))
    return built  # type: ignore[no-any-return]


@of("stylegan2/g32_io.npz")
def stylegan2_generator(case: Case) -> None:
    """Images, truncation, mixing, the average of w."""
    netG: Any = _styled(case, "G")
    with torch.no_grad():
        w = netG.mapping(case["z"])
        case.compare(w, "w")
        case.compare(netG(case["z"]), "img_const")
        ws = netG.broadcast(case["w"])
        case.compare(netG.mapping.truncate(ws, 0.7), "ws_psi07")
        other, cutoff = netG.broadcast(netG.mapping(case["z_mix"])), int(case.number("mix_cutoff"))
        mixed = torch.cat([ws[:, :cutoff], other[:, cutoff:]], dim=1)
        case.compare(netG.synthesis(mixed, None)[[0, -1]], "img_mix")
        netG.mapping.update_average(case["w"])
    case.compare(netG.mapping.w_avg, "w_avg_after_one_training_pass")


@of("stylegan2/d32_io.npz")
def stylegan2_discriminator(case: Case) -> None:
    """Logits, their gradient by the images, and R1 with its gradient."""
    netD, images = _styled(case, "D"), case.leaf("images")
    logits = netD(images)
    case.compare(logits, "logits")
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    case.compare(gradient, "grad_sum_logits_wrt_images")
    penalty = r1_penalty(netD(images), [images])
    case.compare(penalty, "r1_per_sample")
    (16 * penalty.mean() * case["gamma"] / 2).backward()
    recorded = part(dict(case.arrays), "grad_r1x16__")
    case.compare_all([(p.grad, recorded[n]) for n, p in netD.named_parameters() if n in recorded], "gradient of R1")


@of("stylegan2/pathlength_g32.npz")
def path_length(case: Case) -> None:
    """Path lengths and their penalty's gradient: a gradient of gradients."""
    netG: Any = _styled(case, "G")
    ws = netG.broadcast(netG.mapping(case["z"]))
    lengths = path_lengths(netG.synthesis(ws, None), ws, case["pl_noise_unit_normal"])
    case.compare(lengths, "pl_lengths")
    before = case["pl_mean_before"]
    mean = before + PL_DECAY * (lengths.mean() - before)
    case.compare((lengths - mean).square(), "pl_penalty")
    (2 * (lengths - mean).square().mean()).backward()
    recorded = part(dict(case.arrays), "grad_pl__")
    case.compare_all([(p.grad, recorded[n]) for n, p in netG.named_parameters() if n in recorded], "gradient")


@of("stylegan2/equalised_layers.npz")
def equalised(case: Case) -> None:
    """Layers with an equalised learning rate."""
    linear = EqualisedLinear(6, 5, lr_multiplier=case.number("fc_lrmul")).double()
    linear.load_state_dict({"weight": case.arrays["fc_w"], "bias": case.arrays["fc_b"]})
    case.compare(lrelu(case.built(linear)(case["fc_x"])), "fc_out")
    conv = EqualisedConv2d(3, 4, 3).double()
    conv.load_state_dict({"weight": case.arrays["conv_w"], "bias": case.arrays["conv_b"]})
    case.compare(lrelu(case.built(conv)(case["conv_x"])), "conv_out")


@of("stylegan2/modconv.npz")
def modulated(case: Case) -> None:
    """Modulated convolutions."""
    x, styles, w3 = case["x"], case["styles"], case["w3"]
    case.compare(modulated_conv2d(x, w3, styles), "out_demod3x3")
    case.compare(modulated_conv2d(x, w3, styles, up=True), "out_demod3x3_up2")
    case.compare(modulated_conv2d(x, case["w1"], styles, demodulate=False), "out_nodemod1x1")


@of("stylegan2/mbstd.npz")
def minibatch_stddev(case: Case) -> None:
    """Minibatch standard deviations in groups."""
    for name, group, features in (("n8_g4_f1", 4, 1), ("n8_gall_f1", None, 1), ("n8_g4_f2", 4, 2), ("n12_g4_f1", 4, 1)):
        x = case["x12"] if "n12" in name else case["x8"]
        case.compare(append_minibatch_stddev(x, group, features), f"out_{name}")


def _san(case: Case, kind: Any, batch_norm: bool) -> None:
    def layer() -> SAN:
        san = SAN(16, kind, kernel_size=3, relation=4, share=2, batch_norm=batch_norm, values=8).double()
        state = part(dict(case.arrays), "param__")
        for name, value in state.items():
            if name.endswith("weight") and value.ndim == 4:
                state[name] = value * fan_in(value) ** 0.5  # the record's weights are not equalised
        san.load_state_dict(state, strict=False)
        case.built(san)
        return san

    T = case["T"]
    with torch.no_grad():
        case.compare(layer()(T, T, T), "out")
        if batch_norm:
            return
        for configuration, centre in (("eq8", "query"), ("eq1", "query"), ("eq2", "key")):
            attention = ReferenceAttention(layer(), 8, configuration, centre)  # type: ignore[arg-type]
            own = "" if configuration == "eq8" else f"_{centre}_center"
            case.compare(case.built(attention).attend(T, case["T_ref"]), f"ref_{configuration}{own}_no_residual")


CHECKS["stylegan2/san_pairwise_nobn.npz"] = partial(_san, kind="pairwise", batch_norm=False)
CHECKS["stylegan2/san_pairwise_bn.npz"] = partial(_san, kind="pairwise", batch_norm=True)
CHECKS["stylegan2/san_patchwise_nobn.npz"] = partial(_san, kind="patchwise", batch_norm=False)


def _update(case: Case, changes: dict[str, Any], loss_G: str, grad_G: str) -> None:
    """The two updates of the dual contrastive method's step, with their gradients."""
    config = DualContrastive.Config(
        crop_size=32, load_size=32, batch_size=8, channel_base=512, channel_max=16, z_dim=16, w_dim=16,
        self_attention=None, style_mixing=0.0, noise="const", r1_gamma=10.0, **changes,
    )  # fmt: skip
    z, reals = read("stylegan2/g32_io.npz")["z"], read("stylegan2/d32_io.npz")["images"]
    for player, loss, grad in (("G", loss_G, grad_G), ("D", "loss_D", "gradD")):
        method = DualContrastive(config, Draws(0)).to(case.device, case.dtype)
        method.netG.load_state_dict(_styled(case, "G").state_dict())
        method.netD.load_state_dict(_styled(case, "D").state_dict())
        update = method._update_generator if player == "G" else method._update_discriminator
        losses = update({"B": case.to(reals)}, {f"z_{player}": case.to(z)})
        case.compare(losses[player], loss)
        network = method.networks()[player]
        pairs = [(p.grad, case.arrays[f"{grad}__{name}"]) for name, p in network.named_parameters()]
        case.compare_all(pairs, grad)


@of("stylegan2/adv_logistic_ns.npz")
def logistic(case: Case) -> None:
    """StyleGAN2's own losses."""
    _update(case, {"adversarial_loss": "logistic"}, "loss_G", "gradG")


@of("stylegan2/adv_dual_contrastive_g32d32.npz")
def dual_contrastive_updates(case: Case) -> None:
    """The dual contrastive losses through both networks."""
    _update(case, {"generator_loss": "minimax"}, "loss_G_minimax", "gradG_minimax")
    _update(case, {"generator_loss": "swap"}, "loss_G_swap", "gradG_swap")
