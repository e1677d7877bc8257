"""What computes each record of tests/golden again, on any device: one function for each file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.checks.replay.recorded_draws import RecordedDraws
from bench.checks.replay.recording import load_weights
from methods.feature_spaces import FeatureSpace
from methods.losses.contrastive_feature import patch_nce
from methods.losses.dual_contrastive import dual_contrastive
from methods.losses.feature_l1 import feature_l1, layer_weights
from methods.losses.feature_matching import feature_matching
from methods.losses.given_negatives import nce_with_negatives
from methods.losses.hdce import coupled, hardness_divisor, hardness_weights, hdce_released
from methods.losses.logistic import logistic_discriminator, logistic_generator
from methods.losses.lsgan import lsgan_discriminator, lsgan_fake, lsgan_real
from methods.losses.multiscale_gan import discriminator_loss, generator_loss
from methods.losses.negcut import diversity
from methods.losses.patchnce import patchnce
from methods.losses.semantic_relation import semantic_relation
from methods.networks import fir_resampling as fir
from methods.networks.blur import BlurDownsample, BlurUpsample
from methods.networks.drn import BilinearUpsampling
from methods.networks.image_pool import ImagePool
from methods.networks.negative_generator import NegativeGenerator
from methods.networks.patchgan import PatchGAN
from methods.networks.pixel_patches import PixelPatches
from methods.networks.projection_head import ProjectionHead, normalise
from methods.networks.resnet_generator import ResnetGenerator
from methods.networks.semantics import instance_edges
from methods.networks.spade import SPADE, SPADEResnetBlock
from tests.gpu.case import Case, Check

CHECKS: dict[str, Check] = {}


def of(name: str) -> Callable[[Check], Check]:
    """Marks what computes a record again."""

    def keep(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return keep


def part(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The arrays whose names begin so, without that."""
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


# ---- resampling, pools, normalisation


@of("unpaired/aa_resample.npz")
def resampling(case: Case) -> None:
    """CUT's blur, down and up."""
    down, up = case.built(BlurDownsample(3)), case.built(BlurUpsample(3))
    for name in ("down", "down_even"):
        case.compare(down(case[f"x_{name}"]), f"y_{name}")
    case.compare(up(case["x_up"]), "y_up")


@of("unpaired/image_pool.npz")
def image_pool(case: Case) -> None:
    """40 images through a pool of 5."""
    counts, record = [0, 0], {}
    for kind, value in zip(case.arrays["draw_kind"].tolist(), case.arrays["draw_value"], strict=True):
        record[f"step0/{('uniform', 'index')[kind]}_{counts[kind]:02d}"] = value
        counts[kind] += 1
    draws, shown = RecordedDraws(record, 0), []
    pool = case.built(ImagePool(int(case.number("pool_size"))))
    for step, query in enumerate(case["queries"]):
        drawn = {name: tensor.to(case.device) for name, tensor in pool.draw(draws, "pool", step, 1).items()}
        shown.append(pool(query.to(case.dtype).reshape(1, 1, 1, 1), drawn["pool.exchange"], drawn["pool.place"]))
    case.compare(torch.cat(shown), "returned")
    case.compare(pool.images, "final_pool")


@of("unpaired/normalize.npz")
def unit_rows(case: Case) -> None:
    """Rows divided by their norm and a small number."""
    case.compare(normalise(case["x"]), "y")


@of("stylegan2/resample.npz")
def fir_resampling(case: Case) -> None:
    """StyleGAN2's resampling, alone and with convolutions."""
    x, w1, w3 = case["x"], case["w1"], case["w3"]
    case.compare(fir.upsample2(x), "upsample2")
    case.compare(fir.downsample2(x), "downsample2")
    case.compare(fir.conv_downsample2(x, w3), "conv3_down2")
    case.compare(fir.conv_downsample2(x, w1), "conv1_down2")
    case.compare(fir.conv_upsample2(x, w3), "conv3_up2")
    case.compare(fir.upsample2(torch.nn.functional.conv2d(x, w1)), "conv1_up2")


@of("cfl_spade/drn_upsample.npz")
def drn_upsampling(case: Case) -> None:
    """The segmentation network's upsampling."""
    case.compare(case.built(BilinearUpsampling(2))(case["x"]), "out")


# ---- networks


def _resnet(case: Case, kind: str) -> None:
    own = {key.removeprefix(f"{kind}/"): value for key, value in case.arrays.items()}
    network = case.built(ResnetGenerator(ngf=8, antialias=kind == "aa"))
    load_weights({"G": network}, {key: value for key, value in own.items() if key.startswith("G.")}, "")
    layers = [int(key.removeprefix("feat_")) for key in own if key.startswith("feat_")] or [0]
    with torch.no_grad():
        image, features = network.forward_with_features(case.to(own["input"]), layers)  # type: ignore[operator]
    case.compare(image, own["output"], f"{kind}/output")
    for layer, found in zip(layers, features, strict=True):
        if f"feat_{layer:02d}" in own:
            case.compare(found, own[f"feat_{layer:02d}"], f"{kind}/feat_{layer:02d}")


@of("unpaired/generator_resnet9_ngf8.npz")
def resnet_generator(case: Case) -> None:
    """The generators of CUT and of CycleGAN."""
    _resnet(case, "aa")
    _resnet(case, "stride")


@of("unpaired/patchgan_ndf8.npz")
def patchgan(case: Case) -> None:
    """Both discriminators."""
    for kind in ("aa", "stride"):
        network = case.built(PatchGAN(ndf=8, antialias=kind == "aa"))
        load_weights({"D": network}, {key: v for key, v in case.arrays.items() if key.startswith("D.")}, "")
        with torch.no_grad():
            case.compare(network(case["input"]), f"{kind}/output")


@of("unpaired/patch_sample_mlp.npz")
def projection_head(case: Case) -> None:
    """CUT's head at sampled places."""
    head = case.built(ProjectionHead([3, 8], 32))
    load_weights({"F": head}, {key: v for key, v in case.arrays.items() if key.startswith("F.")}, "")
    with torch.no_grad():
        rows = head([case["feat_0"], case["feat_1"]], [case["ids_0"], case["ids_1"]])
    for index, layer in enumerate(rows):
        case.compare(layer, f"out_{index}")


@of("unpaired/negcut_generator.npz")
def negative_generator(case: Case) -> None:
    """NEGCUT's generator of negatives, and how far they are spread."""
    network = case.built(NegativeGenerator(2, nc=32, noise_nc=64))
    load_weights({"N": network}, {key: v for key, v in case.arrays.items() if key.startswith("N.")}, "")
    means = [case[f"F_map_{layer}"].flatten(2).mean(2) for layer in range(2)]
    with torch.no_grad():
        found = network(means, [case[f"noise_{layer}"] for layer in range(2)])
    for layer in range(2):
        case.compare(found[layer], f"neg_{layer}")
    spread = torch.stack([diversity(case[f"neg_{layer}"][None]) for layer in range(2)])
    case.compare(spread, "diversity_per_layer")
    case.compare(spread.mean(), "diversity_loss_lambda1")


@of("cfl_spade/cfl_projection_head.npz")
def linear_heads(case: Case) -> None:
    """Both heads of the contrastive feature loss."""
    for kind in ("linear", "mlp"):
        prefix = f"{kind}_layer"
        head = case.built(ProjectionHead([3, 6], 4, linear=kind == "linear"))
        state = part(dict(case.arrays), prefix)
        head.load_state_dict({f"mlp_{key.replace('_', '.', 1)}": value for key, value in state.items()})
        with torch.no_grad():
            found = head([case["feat0"], case["feat1"]], [case["ids0"], case["ids1"]])
        for layer, rows in enumerate(found):
            case.compare(rows, f"{kind}_out{layer}")


@of("cfl_spade/cfl_conv_encoder_tiny.npz")
def conv_encoder(case: Case) -> None:
    """The encoder that is trained with the loss."""
    space: Any = case.built(FeatureSpace("conv_encoder", range(6), 256, None, nef=2))
    space.encoder.load_state_dict(part(dict(case.arrays), "before_"), strict=False)
    with torch.no_grad():
        features = space(case["x"])
    case.compare(features[0].mean(), "feat0_mean")
    case.compare(features[0][:, :, ::64, ::64], "feat0_slice")
    for level in range(1, 6):
        height, width = features[level].shape[2] // 8, features[level].shape[3] // 8
        case.compare(features[level][:, :, ::height, ::width], f"feat{level}_slice")


@of("cfl_spade/cfl_pixel_patches.npz")
def pixel_patches(case: Case) -> None:
    """Patches as features."""
    for found, name in zip(PixelPatches((4, 8))(case["image"]), ("size4_stride2", "size8_stride4"), strict=True):
        case.compare(found, f"patches_{name}")


@of("cfl_spade/spade_instance_edges.npz")
def edges(case: Case) -> None:
    """Edges between instances."""
    case.compare(instance_edges(case["instance"]).to(case.dtype), "edges")


@of("cfl_spade/spade_norm.npz")
def spade_norm(case: Case) -> None:
    """SPADE's normalisation, of both kinds, and running statistics."""
    for norm in ("instance", "batch"):
        after = part(dict(case.arrays), f"{norm}_")
        layer = case.built(SPADE(4, 3, norm))  # type: ignore[arg-type]
        layer.load_state_dict({name: v for name, v in after.items() if name.startswith("mlp")}, strict=False)
        with torch.no_grad():
            case.compare(layer(case["x"], case["seg"]), f"{norm}_out")
        for name, buffer in layer.named_buffers():
            case.compare(buffer, f"{norm}_{name}")


@of("cfl_spade/spade_resblock.npz")
def spade_block(case: Case) -> None:
    """SPADE's block with spectral norm, in training and in evaluation."""
    for kind, fin, fout in (("same", 4, 4), ("learned", 4, 2)):
        block = case.built(SPADEResnetBlock(fin, fout, 3))
        block.load_state_dict(part(dict(case.arrays), f"{kind}_before_"), strict=False)
        x, seg = case[f"{kind}_x"], case["seg"]
        with torch.no_grad():
            case.compare(block(x, seg), f"{kind}_out")
            state = {name: tensor.clone() for name, tensor in block.state_dict().items()}
            case.compare(block.eval()(x, seg), f"{kind}_out_eval_after")
        for name in part(dict(case.arrays), f"{kind}_after_"):
            case.compare(state[name], f"{kind}_after_{name}")


# ---- losses


def _gradients(case: Case, loss: Tensor, leaves: dict[str, Tensor]) -> None:
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, retain_graph=True)
    for name, gradient in zip(leaves, found, strict=True):
        assert gradient is not None
        case.compare(gradient, name)


@of("unpaired/gan_lsgan.npz")
def lsgan(case: Case) -> None:
    """Least squares."""
    real, fake = case.leaf("pred_real"), case.leaf("pred_fake")
    D, G = lsgan_discriminator(real, fake), lsgan_real(fake)
    for name, value in {"loss_real": lsgan_real(real), "loss_fake": lsgan_fake(fake), "loss_D": D, "loss_G": G}.items():
        case.compare(value, name)
    _gradients(case, D, {"grad_D_pred_real": real, "grad_D_pred_fake": fake})
    _gradients(case, G, {"grad_G_pred_fake": fake})


def _patchnce(case: Case) -> None:
    shape = (int(case.number("B")), int(case.number("n_patches")), -1)
    query, key = case.leaf("q"), case["k"]
    losses = patchnce(query.view(shape), key.view(shape), case.number("T"))
    case.compare(losses, "loss_vec")
    case.compare(losses.mean(), "loss_mean")
    _gradients(case, losses.mean(), {"grad_q": query})


CHECKS |= dict.fromkeys(("unpaired/patchnce_b1.npz", "unpaired/patchnce_b2_perimage.npz"), _patchnce)


@of("unpaired/negcut_nce.npz")
def given_negatives(case: Case) -> None:
    """PatchNCE against given negatives."""
    query, negatives = case.leaf("q"), case.leaf("neg")
    losses = nce_with_negatives(query[None], case["k"][None], negatives[None], 0.07)
    case.compare(losses, "loss_vec")
    case.compare(losses.mean(), "loss_mean")
    _gradients(case, losses.mean(), {"grad_q": query, "grad_neg": negatives})


@of("unpaired/src_hdce.npz")
def src_hdce(case: Case) -> None:
    """Hard negatives and relations, over the curriculum."""
    divisors = {
        "g50_ep1": hardness_divisor(1, 400, 50, 10, None),
        "g50_ep400": hardness_divisor(400, 400, 50, 10, None),
        "g1_nocurr": 1.0,
        "g0p1_nocurr": 0.1,
        "no_hneg": None,
    }
    for name, divisor in divisors.items():
        q, k = case.leaf("q"), case["k"][None]
        weights = None if divisor is None else hardness_weights(k, divisor)
        losses = hdce_released(q[None], k, weights, 0.07)
        _gradients(case, losses.mean(), {f"{name}__grad_q_hdce": q})
        case.compare(coupled(losses), f"{name}__hdce_reported_vec")
    relation = semantic_relation(q[None], k)
    case.compare(relation, "g50_ep1__loss_src")
    _gradients(case, relation.sum(), {"g50_ep1__grad_q_src": q})


@of("cfl_spade/src_hdce_multimodal.npz")
def multimodal(case: Case) -> None:
    """The same losses by the authors' second code base."""
    batch, tau = int(case.number("batch")), case.number("tau")
    for iteration in (0, 50, 100):
        name = f"it{iteration}_"
        flat = case.leaf("feat_query")
        q, k = flat.unflatten(0, (batch, -1)), case["feat_key"].unflatten(0, (batch, -1))
        losses = hdce_released(q, k, hardness_weights(k, case.number(f"{name}gamma")), tau)
        case.compare(losses, f"{name}hdce_logsumexp")
        relation = semantic_relation(q, k).sum()
        case.compare(relation, f"{name}jsd_sum")
        _gradients(case, 0.1 * relation + losses.mean(), {f"{name}grad_query_of_0.1src_plus_1.0hdce": flat})


@of("cfl_spade/cfl_nce_unidirectional.npz")
def contrastive_feature(case: Case) -> None:
    """The contrastive feature loss in its four variants."""
    for fake, negatives in (("plain", False), ("fakeneg", True)):
        for keys, through_keys in (("detached", False), ("fullgrad", True)):
            q, k = case.leaf("raw_q"), case.leaf("raw_k")
            losses = patch_nce(normalise(q), normalise(k), case.number("tau"), negatives, through_keys)
            case.compare(losses, f"{fake}_{keys}_loss_per_query")
            leaves = {f"{fake}_{keys}_grad_raw_q": q} | ({f"{fake}_{keys}_grad_raw_k": k} if through_keys else {})
            _gradients(case, losses.mean(), leaves)


@of("cfl_spade/vgg_feature_l1.npz")
def perceptual(case: Case) -> None:
    """The L1 distance of features."""
    image = torch.zeros(1, 3, 4, 4, dtype=case.dtype, device=case.device)
    fake, real = ([image, *(case[f"{kind}_{i}"] for i in range(5))] for kind in ("fake", "real"))
    for weighting in ("spade", "cfl"):
        case.compare(feature_l1(fake, real, layer_weights(weighting)), f"loss_{weighting}")  # type: ignore[arg-type]


@of("cfl_spade/spade_gan_losses.npz")
def multiscale_gan(case: Case) -> None:
    """Adversarial losses over scales, and feature matching."""
    fake, real = ([[case[f"pred_{kind}_{i}_{j}"] for j in range(3)] for i in range(2)] for kind in ("fake", "real"))
    of_fake, of_real = ([scale[2] for scale in scales] for scales in (fake, real))
    names = {"hinge": ("d_real", "d_fake", "g_gan"), "w": ("w_d_real", "w_d_fake", "w_g")}
    names |= {mode: (f"{short}_d_real", f"{short}_d_fake", f"{short}_g") for mode, short in _SHORT.items()}
    for mode, (d_real, d_fake, g) in names.items():
        case.compare(discriminator_loss(of_real, True, mode), d_real)  # type: ignore[arg-type]
        case.compare(discriminator_loss(of_fake, False, mode), d_fake)  # type: ignore[arg-type]
        case.compare(generator_loss(of_fake, mode), g)  # type: ignore[arg-type]
    case.compare(case["lambda_feat"] * feature_matching(fake, real), "g_feat")


_SHORT = {"ls": "ls", "original": "original"}


@of("stylegan2/dual_contrastive.npz")
def dual(case: Case) -> None:
    """The dual contrastive loss."""
    for name in ("n1", "n4", "n8_big", "n6_m3", "n32", "extreme"):
        r, f = case.leaf(f"{name}__real"), case.leaf(f"{name}__fake")
        D, swap = dual_contrastive(r, f), dual_contrastive(f, r)
        case.compare(D, f"{name}__loss_D")
        case.compare(swap, f"{name}__loss_G_swap")
        _gradients(case, D, {f"{name}__dlossD_dreal": r, f"{name}__dlossD_dfake": f})
        _gradients(case, swap, {f"{name}__dlossGswap_dfake": f})


@of("stylegan2/other_losses.npz")
def other_losses(case: Case) -> None:
    """Logistic, hinge and Wasserstein."""
    real, fake = case["real"], case["fake"]
    case.compare(logistic_discriminator(real, fake), "logistic_ns_D")
    case.compare(logistic_generator(fake), "logistic_ns_G")
    for mode, name in (("hinge", "hinge"), ("w", "wgan")):
        D = discriminator_loss([real], True, mode) + discriminator_loss([fake], False, mode)  # type: ignore[arg-type]
        case.compare(D, f"{name}_D")
        case.compare(generator_loss([fake], mode), f"{name}_G")  # type: ignore[arg-type]
