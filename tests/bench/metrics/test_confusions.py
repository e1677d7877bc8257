"""Scores by a segmentation network: the network is a run of its own, trained once, and asked by every other run."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.base.home import Home
from bench.commands.score import score_images
from bench.commands.scored import print_scored
from bench.data.opening import open_dataset
from bench.ledger.folders import run_scores
from bench.ledger.scores import score_key
from bench.metrics.confusions import Segmentation
from bench.plan.check_protocol import check_protocol
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.execute import execute
from bench.run.executors.local import LocalExecutor
from bench.run.process import ProgressFile
from bench.run.restore import restore_method
from bench.run.segmenter import trained_segmenter
from bench.schema.protocol import Protocol, load_protocol
from bench.show.samples import collect_samples
from bench.verdict.cells import over_seeds

PLUGINS = Path(__file__).parents[2] / "plugins"
TOY = f"{PLUGINS / 'toy.py'}:Toy"
LAND = ["land-mIoU", "land-pAcc", "land-cAcc"]
SEES = {
    "crop_size": 32, "load_size": 32, "aspect_ratio": 1.0, "label_nc": 3, "scored_classes": "all", "width": 0.125,
    "pretrained": False, "batch_size": 2, "lr": 0.05,
}  # fmt: skip


@dataclass
class Streets:
    """Photographs whose grey tells the class; a protocol that learns to see it, and one that is scored by that."""

    root: Path
    home: Home

    def protocol(self, name: str) -> Protocol:
        return load_protocol(str(self.root / f"{name}.yaml"))

    def edit(self, name: str, **changes: object) -> None:
        file = self.root / f"{name}.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))

    def grid(self, seeds: int = 1) -> Grid:
        grid = Grid(self.home)
        for seed in range(seeds):
            grid.add_run(resolve(TOY, self.protocol("painted"), "smoke"), seed)
        grid.write_specs()
        return grid

    def carry_out(self, grid: Grid) -> None:
        for key in grid.runs:
            execute(self.home, key, ProgressFile(self.home.run(key)))

    def scores(self, key: str, split: str = "test") -> dict[str, dict]:
        found = [json.loads(path.read_text()) for path in self.home.run(key).scores.glob("*.json")]
        last = max(one["epoch"] for one in found)
        return {one["metric"]: one for one in found if (one["epoch"], one["split"]) == (last, split)}


def halves(rng: np.random.Generator) -> np.ndarray:
    """A label map of two classes, one of them unlabelled now and then."""
    classes = np.empty((48, 48), np.uint8)
    cut = int(rng.integers(12, 36))
    first, second = rng.permutation(3)[:2]
    classes[:, :cut], classes[:, cut:] = first, second
    classes[:4] = 255
    return classes


@pytest.fixture
def streets(tmp_path: Path) -> Streets:
    rng, data = np.random.default_rng(0), tmp_path / "data"
    for split, count in (("train", 8), ("val", 3)):
        (data / "streets" / split).mkdir(parents=True)
        for i in range(count):
            classes = halves(rng)
            photo = np.stack([np.where(classes == 255, 128, classes * 100)] * 3, axis=-1).astype(np.uint8)
            Image.fromarray(classes).save(data / "streets" / split / f"{i}_label.png")
            Image.fromarray(photo).save(data / "streets" / split / f"{i}_photo.png")
            for side in "AB":
                folder = data / "painted" / f"{'train' if split == 'train' else 'test'}{side}"
                folder.mkdir(parents=True, exist_ok=True)
                # the paintings are darker photographs, so that the toy has something to do
                Image.fromarray(photo // (2 if side == "A" else 1)).save(folder / f"{i}_{side}.png")
    common = {"version": 1, "title": "streets", "changes": {1: "first version"}}
    sees = common | {
        "name": "sees",
        "task": "segmentation",
        "recipe": "cityscapes-segmentation",
        "data": {
            "family": "paired_folder",
            "name": "streets",
            "images": "{split}/*_photo.png",
            "labels": "{split}/*_label.png",
        },
        "metrics": [{"metric": metric} for metric in LAND],
        "select_by": "land-mIoU",
        "scales": {
            name: {"why": "tests", "overrides": SEES, "epoch_divisor": 5, "images_per_epoch": 4}
            for name in ("smoke", "paper")
        },
    }
    mean = f"{PLUGINS / 'colour.py'}:MeanColour"
    painted = common | {
        "name": "painted",
        "task": "unpaired_translation",
        "recipe": "toys",
        "data": {"family": "folder", "name": "painted", "test_labels": "streets/val/*_label.png"},
        "metrics": [{"metric": mean}, *sees["metrics"]],
        "segmenter": {"method": "drn", "protocol": str(tmp_path / "sees.yaml")},
        "select_by": mean,
        "scales": {
            "smoke": {"why": "tests", "images_per_epoch": 4, "overrides": {"crop_size": 32, "load_size": 32}},
            "paper": {"why": "tests"},
        },
    }
    for content in (sees, painted):
        (tmp_path / f"{content['name']}.yaml").write_text(yaml.safe_dump(content))
    trained_segmenter.cache_clear()
    return Streets(tmp_path, Home.open(tmp_path / "runs", data))


def test_one_network_scores_every_seed_and_is_trained_first(streets):
    grid = streets.grid(seeds=2)
    assert [key.partition("-")[0] for key in grid.runs] == ["drn", "toy", "toy"]
    network, *toys = grid.runs
    assert {grid.runs[key].evaluation.segmenter for key in toys} == {network}
    assert grid.runs[network].evaluation.segmenter is None
    assert all(grid.runs[key].comes_after == [network] for key in toys)
    without = grid.runs[toys[0]].model_copy(
        update={"evaluation": grid.runs[toys[0]].evaluation.model_copy(update={"segmenter": None})}
    )
    assert without.train_key == toys[0]  # whoever scores a run does not change its weights
    for use in without.evaluation.metrics:
        same = score_key(without, 4, "test", use) == score_key(grid.runs[toys[0]], 4, "test", use)
        assert same == (use.metric not in LAND)


def test_from_images_to_scores(streets):
    grid = streets.grid()
    streets.carry_out(grid)
    network, toy = grid.runs
    own, scores = streets.scores(network), streets.scores(toy)
    assert own["land-pAcc"]["value"] > 60  # three greys are soon told apart
    matrix, real = np.zeros((3, 3), int), np.zeros((3, 3), int)
    method = restore_method(streets.home, network)
    for total, folder in (
        (matrix, streets.home.run(toy).samples("test", 4)),
        (real, streets.home.datasets / "painted" / "testB"),
    ):
        for i, path in enumerate(sorted(folder.iterdir())):
            label = np.asarray(Image.open(streets.home.datasets / f"streets/val/{i}_label.png"))
            label = np.asarray(Image.fromarray(label).resize((32, 32), Image.Resampling.NEAREST))
            image = Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)
            from bench.data.transforms import to_tensor

            seen = method.segment(to_tensor(np.asarray(image))[None])[0].numpy()
            for t, p in zip(label.ravel(), seen.ravel(), strict=True):
                if t != 255:
                    total[t, p] += 1
    for matrix_of, field in ((matrix, "value"), (real, "ceiling")):
        right = np.diag(matrix_of)
        assert scores["land-pAcc"][field] == pytest.approx(100 * right.sum() / matrix_of.sum())
        ious = [
            right[c] / (matrix_of[c].sum() + matrix_of[:, c].sum() - right[c])
            for c in range(3)
            if matrix_of[c].sum() + matrix_of[:, c].sum()
        ]
        assert scores["land-mIoU"][field] == pytest.approx(100 * np.mean(ious))
    # what the network's own run says of the real test images is the ceiling of everyone it scores
    for metric in LAND:
        assert own[metric]["value"] == own[metric]["ceiling"] == scores[metric]["ceiling"]
        assert scores[metric]["extractor"] == network
        assert scores[metric]["interval"]["low"] <= scores[metric]["value"] <= scores[metric]["interval"]["high"]
    assert not grid.unfinished()
    frames = {toy: run_scores(streets.home.run(toy), grid.runs[toy], grid.splits[toy])}
    found = over_seeds({0: toy}, frames, {0: {"last": 4}}, "land-pAcc", "last")
    assert found.ceiling == scores["land-pAcc"]["ceiling"]
    assert over_seeds({0: toy}, frames, {0: {"last": 4}}, f"{PLUGINS / 'colour.py'}:MeanColour", "last").ceiling is None


def test_pictures_of_a_network_are_what_it_sees(streets):
    grid = Grid(streets.home)
    resolution = resolve("drn", streets.protocol("sees"), "smoke")
    key = grid.add_run(resolution, 0)
    grid.write_specs()
    streets.carry_out(grid)
    picture = sorted(streets.home.run(key).samples("test", grid.runs[key].total_epochs).iterdir())[1]
    colours = grid.dataset(resolution).colours()[:3]
    shown = {tuple(pixel) for pixel in np.asarray(Image.open(picture)).reshape(-1, 3)}
    assert shown <= {tuple(colour) for colour in colours}
    samples = collect_samples(streets.home, grid.dataset(resolution), {"drn": grid.runs[key]})
    assert [(row.label, row.kind) for row in samples.rows] == [
        ("input B", "input"), ("drn", "output"), ("truth A", "truth"),
    ]  # fmt: skip
    dataset = grid.dataset(resolution)
    np.testing.assert_array_equal(samples.rows[0].images[1], dataset.images("test", "B").pixels(1))
    np.testing.assert_array_equal(samples.rows[2].images[1], dataset.images("test", "A").pixels(1))


def test_missing_label_maps_cost_their_cells_only(streets):
    streets.edit("painted", data={"family": "folder", "name": "painted", "test_labels": "nowhere/*_label.png"})
    grid = streets.grid()
    (toy,) = grid.runs
    assert grid.runs[toy].evaluation.segmenter is None
    with pytest.raises(NotAvailable, match=r"the label maps of painted's test images are not here: no .*nowhere"):
        grid.add_segmenter(streets.protocol("painted"), "smoke")
    streets.carry_out(grid)
    scores = streets.scores(toy)
    assert [scores[metric]["state"] for metric in LAND] == ["not available"] * 3
    assert all("label maps of painted's test images are not here" in scores[metric]["reason"] for metric in LAND)
    assert sum(one["state"] == "done" for one in scores.values()) == 1
    assert not grid.unfinished()  # nothing more can be measured
    streets.edit("painted", data={"family": "folder", "name": "painted", "test_labels": "streets/val/*_label.png"})
    again = streets.grid()
    assert len(again.unfinished()) == 2  # now it can
    streets.carry_out(again)
    assert not again.unfinished()
    spec = again.runs[toy]
    uses = [use for use in spec.evaluation.metrics if use.metric in LAND]
    keys = [score_key(spec, spec.total_epochs, "test", use) for use in uses]
    stored = [json.loads((streets.home.run(toy).scores / f"{key}.json").read_text()) for key in keys]
    assert [one["state"] for one in stored] == ["done"] * 3


def test_label_maps_that_do_not_belong_to_the_images_cost_their_scores_only(streets):
    (streets.home.datasets / "streets" / "val" / "7_label.png").write_bytes(
        (streets.home.datasets / "streets" / "val" / "1_label.png").read_bytes()
    )
    why = "its 3 test images are not numbered like the 4 label maps"
    with pytest.raises(BenchError, match=why):
        Grid(streets.home).add_segmenter(streets.protocol("painted"), "smoke")
    grid = streets.grid()
    (toy,) = grid.runs
    streets.carry_out(grid)
    scores = streets.scores(toy)
    assert all(why in scores[metric]["reason"] for metric in LAND)
    assert sum(one["state"] == "done" for one in scores.values()) == 1


def test_a_network_that_fails_takes_nothing_with_it(streets):
    scales = streets.protocol("sees").model_dump(mode="json")["scales"]
    scales["smoke"]["overrides"]["lr"] = 1e30
    streets.edit("sees", scales=scales)
    grid = streets.grid()
    network, toy = grid.runs
    outcomes = LocalExecutor(streets.home, slots=1).run(grid.runs, lambda *_: None)
    assert outcomes[network].state == "failed"
    assert outcomes[toy].state == "done"
    scores = streets.scores(toy)
    assert {scores[metric]["state"] for metric in LAND} == {"failed"}
    assert f"the segmentation network, run {network}, is not trained (failed" in scores["land-mIoU"]["reason"]
    assert set(grid.unfinished()) == {network, toy}  # the same command tries both again


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segmenter": None}, "painted.yaml: metrics: land-mIoU needs a segmenter; name its method and protocol"),
        ({"segmenter": ["drm", "earth-segmentation"]}, "painted.yaml: segmenter: no method named 'drm'"),
        ({"segmenter": ["drn", "cityscapes"]}, "painted.yaml: segmenter: protocol cityscapes@2 is for"),
        ({"segmenter": ["cut", "earth-segmentation"]}, "painted.yaml: segmenter: "),
        ({"segmenter": ["drn", "earth"]}, "painted.yaml: segmenter: no protocol named 'earth'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_protocol_are_found_before_anything_runs(streets, changes, said):
    if changes["segmenter"]:
        changes = {"segmenter": dict(zip(("method", "protocol"), changes["segmenter"], strict=True))}
    streets.edit("painted", **changes)
    with pytest.raises(UsageError) as caught:
        check_protocol(streets.protocol("painted"), "smoke", [TOY])
    assert str(caught.value).startswith(said)


def test_scoring_images_says_what_is_missing_and_how_to_get_it(streets, capsys):
    from rich.console import Console
    from typer.testing import CliRunner

    from bench.cli.app import app_of

    images = streets.home.datasets / "painted" / "testA"
    found = score_images(streets.protocol("painted"), images, streets.home)
    states = {one.metric: (one.state, one.reason) for one in found.scores}
    assert states["land-mIoU"][0] == "not available"
    assert "is not trained under" in states["land-mIoU"][1]
    assert "add --train-segmenter" in states["land-mIoU"][1]
    print_scored(found, Console(width=120))
    assert "land-mIoU, land-pAcc, land-cAcc: not available: its segmentation network" in capsys.readouterr().out
    arguments = ["score", "--protocol", str(streets.root / "painted.yaml"), "--images", str(images), "--json"]
    arguments += ["--home", str(streets.home.root), "--data", str(streets.home.datasets), "--train-segmenter"]
    result = CliRunner().invoke(app_of(), arguments)
    assert result.exit_code == 0, result.output
    again = score_images(streets.protocol("painted"), images, streets.home)
    by_name = {one.metric: one for one in again.scores}
    assert all(by_name[metric].state == "done" for metric in LAND)
    assert by_name["land-pAcc"].ceiling is not None
    print_scored(again, Console(width=120))
    assert "real images" in capsys.readouterr().out


def test_images_without_a_name_of_the_test_set_have_no_classes(streets, tmp_path):
    (tmp_path / "mine").mkdir()
    for i in range(3):
        Image.new("RGB", (32, 32), (i, i, i)).save(tmp_path / "mine" / f"x{i}.png")
    found = score_images(streets.protocol("painted"), tmp_path / "mine", streets.home)
    assert {one.reason for one in found.scores if one.metric in LAND} == {
        "no image is named like a test image, so none has true classes"
    }


@pytest.fixture
def cityscapes(tmp_path: Path) -> Home:
    """A few scenes as Cityscapes distributes them, and prepared as CUT's data set is."""
    rng, data = np.random.default_rng(0), tmp_path / "data"
    for split, prepared, count in (("train", "train", 4), ("val", "test", 3)):
        for i in range(count):
            name = f"city_{i:06d}_000019"
            labels = np.repeat(rng.choice([0, 7, 11, 23, 26, 33], (4, 8)).astype(np.uint8), 16, axis=0).repeat(
                16, axis=1
            )
            photo = rng.integers(0, 30, (64, 128, 3)).astype(np.uint8) + (labels * 6)[..., None]
            for kind, suffix, pixels in (
                ("leftImg8bit", "leftImg8bit", photo),
                ("gtFine", "gtFine_labelIds", labels),
                ("gtFine", "gtFine_instanceIds", labels.astype(np.uint16) * 1000),
            ):
                folder = data / "cityscapes-full" / kind / split / "city"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / f"{name}_{suffix}.png")
            for side, pixels in (("A", photo), ("B", np.repeat(labels[..., None] * 7, 3, axis=-1))):
                folder = data / "cityscapes" / f"{prepared}{side}"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).resize((256, 256)).save(folder / f"{i}_{side}.jpg")
    trained_segmenter.cache_clear()
    return Home.open(tmp_path / "runs", data)


def test_cityscapes_by_its_own_protocols(cityscapes, monkeypatch):
    """The published protocols on a few made-up scenes, with networks small enough: nothing but sizes is changed."""
    for variable in ("CONTRASTBENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(cityscapes.root / "empty"))
    protocol = load_protocol("cityscapes@2")
    with pytest.raises(NotAvailable, match="DRN-D-22 pretrained on ImageNet needs drn_d_22"):
        Grid(cityscapes).add_segmenter(protocol, "paper")
    grid = Grid(cityscapes)
    small = {"width": 0.125, "pretrained": False, "n_epochs": 1, "batch_size": 2}
    key = grid.add_run(resolve("drn", load_protocol("cityscapes-segmentation"), "paper", settings=small), 0)
    grid.write_specs()
    execute(cityscapes, key, ProgressFile(cityscapes.run(key)))
    method = restore_method(cityscapes, key)
    assert method.netS.seg.out_channels == 19
    dataset = open_dataset(protocol.data, cityscapes.datasets, cityscapes.cache)
    labels, real = dataset.labels("test"), dataset.images("test", "B")
    matrices = Segmentation("drn", lambda: method, real, lambda: labels).of_real()
    assert matrices.shape == (3, 19, 19)
    for i, matrix in enumerate(matrices):  # 256 x 128 pixels, those of number 0 left out
        path = cityscapes.datasets / f"cityscapes-full/gtFine/val/city/city_{i:06d}_000019_gtFine_labelIds.png"
        numbers = np.asarray(Image.open(path).resize((256, 128), Image.Resampling.NEAREST))
        assert matrix.sum() == (numbers != 0).sum()
        assert matrix.sum(axis=1)[[0, 2, 10, 13, 18]].tolist() == [(numbers == n).sum() for n in (7, 11, 23, 26, 33)]
