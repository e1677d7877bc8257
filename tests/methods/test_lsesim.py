from __future__ import annotations

from copy import deepcopy

import plain_networks as plain
import pytest
import torch
from official_steps import largest_errors, official_steps
from pydantic import ValidationError

from bench.base.errors import NotAvailable
from bench.base.randomness import Draws
from bench.base.weight_files import WEIGHTS_VARIABLE
from bench.checks.replay.replay import replay
from bench.plugin.method import StepContext
from methods.fsesim import FSeSim
from methods.lsesim import LSeSim
from methods.networks.patch_selectors import PatchSelectors
from methods.networks.vgg16_features import VGG16Features
from methods.spatial_features import VGG16_FILE, SpatialFeatures

CONFIG = {"ngf": 2, "ndf": 2, "patch_nums": 64, "vgg_nc": (2, 3, 6, 8, 8)}
RECORDED = {"fsesim": CONFIG, "lsesim": CONFIG | {"patch_size": 8}}
TINY = {"ngf": 2, "ndf": 2, "n_blocks": 1, "vgg_nc": (2, 3, 6, 8, 8), "patch_nums": 16}
ADAM = {"lr": 1e-4, "betas": (0.5, 0.999)}


@pytest.mark.parametrize("method", RECORDED)
def test_two_recorded_steps(method: str) -> None:
    record = official_steps(method, **ADAM)
    result = replay(method, RECORDED[method], record)
    assert result.unknown(record) == []
    relative, absolute = largest_errors(result, record)
    assert relative < 1e-11
    assert absolute < 1e-8


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("step0/loss_G_s", {"lambda_spatial": 1.0}),
        ("step0/loss_G_s", {"loss_mode": "l1"}),
        ("step0/loss_G_s", {"use_norm": True}),
        ("step0/loss_G_s", {"patch_size": 64}),
        ("step0/loss_spatial", {"T": 0.1}),
        ("step0/loss_D_real", {"gan_mode": "nonsaturating"}),
        ("step0/loss_G", {"lambda_identity": 1.0}),
        ("after_step0/F.000.weight", {"lr": 2e-4}),
    ],
)
def test_the_record_tells_settings_apart(key: str, wrong: dict) -> None:
    record = official_steps("lsesim", **ADAM)
    errors = replay("lsesim", RECORDED["lsesim"] | wrong, record, steps=1).compare(record)
    assert errors[key] > 1e-4


def test_selectors_step_first_then_the_discriminator_then_the_generator(driver) -> None:
    method = driver.build(LSeSim, pool_size=0, patch_size=4, **TINY)
    old = deepcopy(method)
    seen: list[str] = []
    for name, optimizer in method.optimizers().items():
        optimizer.register_step_post_hook(lambda *_, name=name: seen.append(name))
    losses = driver.step(method, 0)
    assert seen == ["F", "D", "G"]
    images = driver.images(0)
    fake = old.netG(images["A"])
    D = 0.5 * ((old.netD(images["B"]) - 1).square().mean() + old.netD(fake).square().mean())
    assert losses["D_A"] == pytest.approx(D.item(), rel=1e-5)
    assert losses["G_GAN"] == pytest.approx((method.netD(fake) - 1).square().mean().item(), rel=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(old.features.parameters(), method.features.parameters(), strict=True))


def test_the_discriminator_is_shown_what_the_pool_hands_out(driver) -> None:
    method = driver.build(FSeSim, pool_size=1, **TINY)
    driver.step(method, 0)
    kept, exchanges = method.visuals()["fake_B"], []
    for step in range(1, 8):
        netD = deepcopy(method.netD)
        losses = driver.step(method, step)
        shown, made = (method.visuals()[name] for name in ("pooled_B", "fake_B"))
        assert losses["D_fake"] == pytest.approx(netD(shown).square().mean().item(), rel=1e-5)
        exchanges.append(not torch.equal(shown, made))
        if exchanges[-1]:
            assert torch.equal(shown, kept)
            kept = made
    assert set(exchanges) == {True, False}


def test_every_option_trains(driver) -> None:
    options = {"lambda_identity": 1.0, "lambda_spatial_idt": 1.0, "lambda_gradient": 1.0, "gan_mode": "hinge"}
    method = driver.build(LSeSim, augment=False, loss_mode="l1", use_norm=True, **options, **TINY)
    losses = driver.step(method, 0, batch=2)
    assert {"G_s", "G_s_idt_B", "idt_B", "D_Gradient", "spatial"} < set(losses)
    assert all(torch.isfinite(loss) for loss in losses.values())
    fixed = driver.build(FSeSim, lambda_spatial=0.0, patch_size=3, **TINY | {"patch_nums": 0})
    assert set(driver.step(fixed, 0)) == {"D_real", "D_fake", "D_A", "G_GAN", "G"}
    assert set(fixed.record_losses(driver.step(fixed, 1))) >= {"idt_B"}


def test_identity_is_weighted_and_part_of_the_sum(driver) -> None:
    one, two = (driver.build(FSeSim, lambda_identity=w, **TINY) for w in (1.0, 2.0))
    first, second = driver.step(one, 0), driver.step(two, 0)
    assert second["idt_B"] == pytest.approx(2 * first["idt_B"].item(), rel=1e-5)
    expected = (one.visuals()["idt_B"] - driver.images(0)["B"]).abs().mean()
    assert first["idt_B"] == pytest.approx(expected.item(), rel=1e-5)
    assert first["G"] == pytest.approx((first["G_GAN"] + first["G_s"] + first["idt_B"]).item(), rel=1e-5)


def test_given_recoloured_images_are_not_made(driver) -> None:
    method = driver.build(LSeSim, **TINY)
    shapes = {"A": (1, 3, 32, 32), "B": (1, 3, 32, 32)}
    context = StepContext(0, 1, 10, 1, Draws(0).at(0), shapes)
    assert "jitter_A.order" in method.draw(context)
    given = StepContext(0, 1, 10, 1, Draws(0).at(0), shapes | {"A_aug": shapes["A"], "B_aug": shapes["B"]})
    assert not [name for name in method.draw(given) if name.startswith("jitter")]


def test_parameters_of_the_published_size() -> None:
    with torch.device("meta"):
        features = VGG16Features()
    assert sum(p.numel() for p in features.parameters()) == 14_714_688
    assert sum(p.numel() for p in PatchSelectors([256, 512, 512]).parameters()) == 184_960


def test_vgg16_maps_are_those_after_its_relus(tmp_path) -> None:
    from torchvision.models.vgg import cfgs, make_layers

    official = torch.nn.Module()
    official.features = make_layers(cfgs["D"])
    torch.save(official.state_dict(), tmp_path / "vgg.pth")
    space = SpatialFeatures("none", (4, 7, 9))
    space.encoder.load_official(torch.load(tmp_path / "vgg.pth", weights_only=True))
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    normalised = ((images + 1) / 2 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    with torch.no_grad():
        maps = space(images)
        for found, end in zip(maps, (11, 18, 22), strict=True):  # relu3_1, relu4_1, relu4_3
            torch.testing.assert_close(found, official.features[: end + 1](normalised), rtol=1e-4, atol=1e-5)
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 8, 8), (512, 4, 4), (512, 4, 4)]
    assert space.map_sizes((32, 32)) == [(8, 8), (4, 4), (4, 4)]


def test_the_official_file_is_asked_for_unless_something_stands_in(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    assert FSeSim.weight_files(FSeSim.Config()) == [VGG16_FILE]
    with pytest.raises(NotAvailable, match="vgg16-397923af"):
        VGG16_FILE.find(tmp_path)
    assert FSeSim.weight_files(FSeSim.Config(pretrained_stand_in="random")) == []
    assert FSeSim.weight_files(FSeSim.Config(**TINY)) == []


def test_the_stand_in_has_vgg16s_resolutions_and_stays_in_evaluation_mode(driver, tmp_path) -> None:
    method = driver.build(LSeSim, pretrained_stand_in="efficientnet-lite0", **TINY)
    method.load_pretrained(tmp_path)
    assert list(method.networks()) == ["G", "D", "F", "features"]
    assert method.features.map_sizes((64, 64)) == [(16, 16), (8, 8), (8, 8)]
    assert method.features.map_sizes((64, 64)) == SpatialFeatures("none", (4, 7, 9), (2, 2, 2, 2, 2)).map_sizes(
        (64, 64)
    )
    before = {name: value.clone() for name, value in method.features.state_dict().items()}
    method.train()
    losses = driver.step(method, 0)
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert all(torch.equal(value, before[name]) for name, value in method.features.state_dict().items())


def test_defaults_are_the_published_commands() -> None:
    for config in (FSeSim.Config(), LSeSim.Config()):
        assert (config.n_epochs, config.n_epochs_decay, config.lr, config.pool_size) == (200, 200, 1e-4, 50)
        assert (config.attn_layers, config.patch_nums, config.loss_mode) == ((4, 7, 9), 256, "cos")
        assert (config.lambda_spatial, config.use_norm, config.jitter_off_in_decay) == (10.0, False, False)
        assert (config.lambda_identity, config.lambda_gradient) == (0.0, 0.0)
    assert (FSeSim.Config().patch_size, FSeSim.Config().learned_attn, FSeSim.Config().augment) == (64, False, False)
    assert (LSeSim.Config().patch_size, LSeSim.Config().learned_attn, LSeSim.Config().augment) == (32, True, True)


def test_layers_must_increase() -> None:
    with pytest.raises(ValidationError, match="increasing"):
        FSeSim.Config(attn_layers=(7, 4))


class Step:
    """A step once more, from the description; a row of similarities is made query by query."""

    def __init__(self, old: FSeSim, new: FSeSim, images: dict[str, torch.Tensor], drawn: dict) -> None:
        self.old, self.new, self.images, self.drawn, self.config = old, new, images, drawn, old.config

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        return plain.vgg16_relus(images, plain.weights_of(self.old.features.encoder), self.config.attn_layers)

    def selected(self, method: FSeSim, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        if method.netF is None:
            return maps
        weights = plain.weights_of(method.netF)
        return [plain.conv(torch.relu(plain.conv(features, weights)), weights) for features in maps]

    def rows(self, features: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """(batch, queries, keys)."""
        norm, size = self.config.use_norm, self.config.patch_size
        height, width = features.shape[2:]
        features = features - features.mean((2, 3), keepdim=True)
        length = features.square().sum(1, keepdim=True).sqrt().clamp_min(1e-12)
        features = features / (length if norm else features.shape[1] ** 0.5)
        found = []
        for place in ids.tolist():
            row, column = place // width, place % width
            keys = features
            if size < min(height, width):
                top = min(max(row - size // 2, 0), height - size)
                left = min(max(column - size // 2, 0), width - size)
                keys = features[:, :, top : top + size, left : left + size]
            dots = (features[:, :, row, column, None, None] * keys).sum(1).flatten(1)
            found.append(dots if norm else torch.tanh(dots / 10))
        return torch.stack(found, 1)

    def crit(self, difference: torch.Tensor) -> torch.Tensor:
        size = difference.abs()
        return size if self.config.use_norm else torch.where(size < 1, size**2 / 2, size - 0.5)

    def compared(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean over rows or over entries."""
        quarter = source.shape[2] // 4
        least = target.sort(dim=2, descending=True).values[:, :, quarter, None]
        source, target = (rows * (target >= least) for rows in (source, target))
        if self.config.loss_mode == "l1":
            scale = source.shape[2] / quarter
            return self.crit(scale * (source - target)).mean()
        lengths = [rows.square().sum(2).sqrt().clamp_min(1e-8) for rows in (source, target)]
        return self.crit(1 - (source * target).sum(2) / lengths[0] / lengths[1]).mean()

    def spatial(self, source: torch.Tensor, target: torch.Tensor, term: str) -> torch.Tensor:
        pairs = [self.selected(self.new, self.maps(image)) for image in (source, target)]
        layers = [
            self.compared(*(self.rows(maps, self.drawn[f"{term}.ids/{i}"]) for maps in (one, other)))
            for i, (one, other) in enumerate(zip(*pairs, strict=True))
        ]
        return sum(layers) / len(layers)

    def contrast(self, triples: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """The selectors' loss over (source, positive, other) images."""
        by_layer = []
        for i in range(len(self.config.attn_layers)):
            terms = []
            for triple in triples:
                units = []
                for image in triple:
                    rows = self.rows(self.selected(self.old, self.maps(image))[i], self.drawn[f"selectors.ids/{i}"])
                    units.append(rows / rows.square().sum(2, keepdim=True).sqrt().clamp_min(1e-12))
                s, t, o = units
                for n in range(len(s)):
                    for j in range(s.shape[1]):
                        logits = torch.cat([t[n] @ s[n, j], o[n] @ s[n, j], o[n] @ t[n, j]]) / self.config.T
                        terms.append(logits.logsumexp(0) - logits[j])
            by_layer.append(sum(terms) / len(terms))
        return sum(by_layer) / len(by_layer)

    def GAN(self, scores: torch.Tensor, real: bool, of_G: bool = False) -> torch.Tensor:
        mode, sign = self.config.gan_mode, 1 if real else -1
        if mode == "lsgan":
            return (scores - float(real)).square().mean()
        if mode == "wgangp" or (mode == "hinge" and of_G):
            return -sign * scores.mean()
        if mode == "hinge":
            return (1 - sign * scores).clamp_min(0).mean()
        return -(sign * scores).sigmoid().log().mean()

    def penalty(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        share = self.drawn["mix"].view(-1, 1, 1, 1)
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.old.netD(mixed).sum(), mixed, create_graph=True)
        return ((gradient + 1e-16).square().sum((1, 2, 3)).sqrt() - 1).square().mean()

    def run(self) -> dict[str, torch.Tensor]:
        config, A, B = self.config, self.images["A"], self.images["B"]
        fake, idt = self.old.netG(A), self.old.netG(B)
        losses = {}
        if config.learned_attn:
            triples = [(A, fake.detach(), B.flip((2, 3)))]
            if config.augment:
                triples.append((A, self.images["A_aug"], self.images["B_aug"].flip((2, 3))))
            losses["spatial"] = self.contrast(triples)
        losses["D_real"] = self.GAN(self.old.netD(B), True)
        losses["D_fake"] = self.GAN(self.old.netD(fake.detach()), False)
        losses["D_A"] = (losses["D_real"] + losses["D_fake"]) / 2
        if config.lambda_gradient:
            losses["D_Gradient"] = config.lambda_gradient * self.penalty(B, fake.detach())
            losses["D_A"] = losses["D_A"] + losses["D_Gradient"]
        parts = {"G_GAN": self.GAN(self.new.netD(fake), True, of_G=True)}
        parts["G_s"] = config.lambda_spatial * self.spatial(A, fake, "spatial")
        if config.lambda_spatial_idt:
            parts["G_s_idt_B"] = config.lambda_spatial_idt * self.spatial(B, idt, "spatial_idt")
        if config.lambda_identity:
            parts["idt_B"] = config.lambda_identity * (B - idt).abs().mean()
        return losses | parts | {"G": sum(parts.values())}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (FSeSim, {"attn_layers": (2, 5, 12), "patch_nums": 5, "patch_size": 7, "batch": 2}),
        (FSeSim, {"attn_layers": (0,), "use_norm": True, "patch_size": 4, "gan_mode": "hinge", "lambda_identity": 3.0}),
        (FSeSim, {"loss_mode": "l1", "lambda_spatial_idt": 2.0, "gan_mode": "nonsaturating", "batch": 3}),
        (FSeSim, {"loss_mode": "l1", "use_norm": True, "lambda_gradient": 10.0, "gan_mode": "wgangp", "batch": 2}),
        (LSeSim, {"augment": False, "T": 0.2, "patch_size": 3, "gan_mode": "vanilla"}),
        (LSeSim, {"attn_layers": (4, 9), "use_norm": True, "batch": 2, "patch_nums": 6}),
    ],
    ids=str,
)
def test_every_option_against_a_second_computation(driver, method: type, options: dict) -> None:
    options = dict(options)
    batch = options.pop("batch", 1)
    built = driver.build(method, pool_size=0, **TINY | options).double()
    with torch.no_grad():
        for name in {"D", "F", "VGG"} & built.networks().keys():
            for weight in (p for p in built.networks()[name].parameters() if p.ndim == 4):
                weight.mul_(0.4 / weight.std())
    images = driver.images(0, batch=batch, dtype=torch.float64)
    if built.config.augment:
        images |= {f"{d}_aug": (0.7 * image + 0.1).clamp(-1, 1) for d, image in images.items()}
    shapes = {name: tuple(image.shape) for name, image in images.items()}
    drawn = built.draw(StepContext(0, 1, 10, 1, Draws(0).at(0), shapes))
    old = deepcopy(built)
    losses = built.step(images, drawn, "full")
    expected = Step(old, built, images, drawn).run()
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach(), rtol=1e-8, atol=0, msg=name)
    for side, loss in {"F": "spatial", "D": "D_A", "G": "G"}.items():
        if side not in old.networks():
            continue
        weights, moved = (list(one.networks()[side].parameters()) for one in (old, built))
        gradients = torch.autograd.grad(expected[loss], weights, retain_graph=True)
        for parameter, gradient in zip(moved, gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-6, atol=1e-9)
