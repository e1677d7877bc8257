import json

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.base.sealed import Damaged
from bench.commands.score import score_images, score_weights
from bench.commands.scored import Scored, Subject, print_scored, published_scores
from bench.data.opening import open_dataset
from bench.data.transforms import quantise, resize, test_transform
from bench.schema.data import EarthPictureData
from bench.schema.protocol import MetricUse, load_protocol
from bench.schema.run_spec import code_hash
from methods.networks.resnet_generator import ResnetGenerator

SMALL = {"ngf": 4, "ndf": 4, "n_blocks": 1, "netF_nc": 8, "load_size": 16, "crop_size": 16}


def mean_colour_distance(fake, real):
    """What tests/plugins/colour.py measures, worked out from the files."""
    means = [np.mean([np.asarray(Image.open(path)).mean((0, 1)) for path in paths], axis=0) for paths in (fake, real)]
    return np.sqrt(((means[0] - means[1]) ** 2).sum())


def test_images_of_any_program(toys):
    real = toys.home.datasets / "toys" / "testB"
    found = score_images(toys.protocol, real, toys.home)
    files = sorted(real.iterdir())
    assert found.scores[0].value == pytest.approx(mean_colour_distance(files[:3], files))
    assert (found.scores[0].n_fake, found.scores[0].n_real) == (3, 4)
    assert found.deviations == [
        "1 images are named like no test image and not scored: 003.png",
        "3 of 3 images are 20x20 pixels, the protocol's are 256x256",
    ]
    assert found.comparability == "deviating"
    toys.edit(data={"family": "folder", "name": "toys", "counts": {"trainA": 9, "testA": 3, "testB": 5}})
    assert score_images(toys.protocol, real, toys.home).deviations[-1] == "toys: 4 test images of domain B, published 5"


def test_a_single_picture_is_scored_by_its_squares_and_at_any_size(tmp_path):
    parts = {
        "A": {"layer": "relief", "west": -20, "north": 28, "width": 128, "height": 64},
        "B": {"layer": "satellite", "west": -128, "north": 52, "width": 192, "height": 64},
    }
    protocol = load_protocol("earth-single-image").model_copy(
        update={"data": EarthPictureData(**parts), "metrics": [MetricUse(metric="L1")]}
    )
    home = Home.open(tmp_path / "home", tmp_path)
    made = np.random.default_rng(0).integers(0, 256, (70, 140, 3), dtype=np.uint8)
    (tmp_path / "made").mkdir()
    Image.fromarray(made).save(tmp_path / "made" / "relief_n28_w020.png")
    (score,) = score_images(protocol, tmp_path / "made", home).scores
    assert (score.n_fake, score.n_real) == (2, 3)
    truth = open_dataset(protocol.data, tmp_path, tmp_path).images("test", "B").image(0)
    difference = made[:64, :128] / 255 - resize(truth, (140, 70))[:64, :128] / 255.0
    assert score.value == pytest.approx(np.abs(difference).mean(), rel=1e-5)


def test_what_was_found_is_kept(toys):
    real = toys.home.datasets / "toys" / "testB"
    found = score_images(toys.protocol, real, toys.home)
    record = toys.home.root / "scored" / found.key / "result.json"
    stored = Scored.of_folder(record).model_dump(mode="json")
    record.write_text(record.read_text().replace('"deviating"', '"as published"'))
    with pytest.raises(Damaged, match="is not what was written"):
        Scored.of_folder(record)
    assert stored == found.model_dump(mode="json")
    again = score_images(toys.protocol, real, toys.home)
    assert again.key == found.key
    assert "the earlier record was damaged and has been written anew" in again.notices[-1]
    assert Scored.of_folder(record).comparability == found.comparability


def test_an_official_checkpoint_translates_the_whole_test_set_as_the_original_does(toys, tmp_path):
    toys.edit(recipe="horse2zebra")  # one that CUT has
    torch.manual_seed(0)
    network = ResnetGenerator(ngf=4, n_blocks=1)
    weights = tmp_path / "latest_net_G.pth"
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, weights)
    seen = []
    found = score_weights(
        toys.protocol, "cut", weights, SMALL, toys.home, lambda done, total: seen.append((done, total))
    )
    assert seen == [(0, 3), (1, 3), (2, 3)]
    folder = toys.home.root / "scored" / found.key / "images"
    assert sorted(path.name for path in folder.iterdir()) == ["000.png", "001.png", "002.png"]
    with Image.open(toys.home.datasets / "toys" / "testA" / "001.png") as image:
        inputs = test_transform(image.convert("RGB"), 16)
    with torch.no_grad():
        expected = quantise(network(inputs[None]))[0]
    assert np.array_equal(np.asarray(Image.open(folder / "001.png")), expected)
    assert "ngf 64 -> 4" in found.deviations
    assert found.config["n_blocks"] == 1
    # its own images, scored as images, give the same number
    by_folder = score_images(toys.protocol, folder, toys.home)
    assert by_folder.scores[0].value == found.scores[0].value


def test_weights_of_another_network_are_refused_before_anything_is_written(toys, tmp_path):
    toys.edit(recipe="horse2zebra")
    weights = tmp_path / "latest_net_G.pth"
    torch.save(ResnetGenerator(ngf=5, n_blocks=1).state_dict(), weights)
    with pytest.raises(UsageError, match="of another network than cut's generator"):
        score_weights(toys.protocol, "cut", weights, SMALL, toys.home, lambda *_: None)
    assert not (toys.home.root / "scored").exists()


def test_published_numbers_stand_apart(toys, capsys):
    rows = {(one.metric, one.row): one.value for one in published_scores(load_protocol("horse2zebra"))}
    assert rows["FID", "CUT"] == 45.5
    assert published_scores(toys.protocol) == []
    found = score_images(toys.protocol, toys.home.datasets / "toys" / "testB", toys.home)
    print_scored(
        found.model_copy(update={"published": published_scores(load_protocol("horse2zebra"))}), Console(width=100)
    )
    lines = capsys.readouterr().out.splitlines()
    apart = next(i for i, line in enumerate(lines) if line.startswith("published by the papers"))
    assert any("45.5" in line for line in lines[apart:])
    assert not any("45.5" in line for line in lines[:apart])


def test_equal_pixels_of_another_format_have_a_record_of_their_own(toys, tmp_path):
    toys.edit(
        scales={"smoke": {"why": "tests"}, "paper": {"why": "tests", "overrides": {"load_size": 20, "crop_size": 20}}}
    )
    for kind in ("png", "bmp"):
        (tmp_path / kind).mkdir()
        for i in range(3):
            with Image.open(toys.home.datasets / "toys" / "testB" / f"00{i}.png") as image:
                image.save(tmp_path / kind / f"00{i}.{kind}")
    first = score_images(toys.protocol, tmp_path / "png", toys.home)
    other = score_images(toys.protocol, tmp_path / "bmp", toys.home)
    assert first.sha256 == other.sha256
    assert (first.comparability, other.comparability) == ("as published", "deviating")
    stored = {path.parent.name: json.loads(path.read_text()) for path in toys.home.root.glob("scored/*/result.json")}
    assert {key: record["comparability"] for key, record in stored.items()} == {
        first.key: "as published", other.key: "deviating",
    }  # fmt: skip


def test_the_record_says_what_computed_it_and_threads_are_pinned(toys):
    torch.set_num_threads(2)
    found = score_images(toys.protocol, toys.home.datasets / "toys" / "testB", toys.home)
    assert torch.get_num_threads() == found.threads == 1
    assert (found.code, found.versions["torch"]) == (code_hash(), torch.__version__)
    assert found.scores[0].threads == 1


def subject(**changes):
    values = {"protocol": "p", "fingerprint": "f", "content": "c", "deviations": [], "metrics": [], "segmenter": "",
              "device": "cpu", "threads": 1}  # fmt: skip
    return Subject(**values | changes)


@pytest.mark.parametrize(
    "change",
    [{"protocol": "q"}, {"fingerprint": "g"}, {"content": "d"}, {"deviations": ["x"]}, {"matched": {"": [0]}},
     {"metrics": [{"metric": "FID", "revision": 2}]}, {"segmenter": "drn-1"}, {"device": "cuda"}, {"threads": 2},
     {"config": {"ngf": 1}}, {"method": {"name": "cut"}}, {"rules": 0}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_the_key_holds_everything_that_the_verdict_depends_on(change):
    assert subject(**change).key != subject().key


def test_inputs_of_one_colour_are_warned_of_and_older_translations_made_anew(toys, tmp_path):
    toys.edit(recipe="horse2zebra")
    Image.new("RGB", (20, 20), "white").save(toys.home.datasets / "toys" / "testA" / "001.png")
    weights = tmp_path / "latest_net_G.pth"
    torch.manual_seed(0)
    torch.save(ResnetGenerator(ngf=4, n_blocks=1).state_dict(), weights)
    made = []
    ask = (toys.protocol, "cut", weights, SMALL, toys.home, lambda done, total: made.append(done))
    found = score_weights(*ask)
    assert "1 inputs are of one colour (001.png): instance norm enlarges rounding" in found.notices[0]
    folder = toys.home.root / "scored" / found.key
    (folder / "images" / "000.png").write_bytes(b"of other code")
    (folder / "made_by.json").write_text("{}")
    assert score_weights(*ask).scores[0].value == found.scores[0].value
