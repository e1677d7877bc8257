"""What a finished run makes of images of one's own: its own samples again, to the bit; other sizes, styles, directions."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from finished_runs import CYCLEGAN, MUNIT, SHORT, finish
from PIL import Image

from bench.base.errors import BenchError, UsageError
from bench.cli.main import main
from bench.commands.trained import fresh
from bench.commands.translate import CARD, print_made, translate
from bench.data.transforms import quantise, to_tensor
from bench.tasks.wishes import Wishes
from methods.dual_contrastive import DualContrastive


@pytest.fixture(scope="module")
def own(make_toys, tmp_path_factory):
    """Toys with a finished run of the toy method, and a folder of pictures of odd sizes."""
    toys = make_toys(tmp_path_factory.mktemp("own"))
    run = finish(toys, toys.method)
    pictures = toys.home.root.parent / "pictures"
    rng = np.random.default_rng(5)
    for name, (height, width) in {"b.png": (19, 33), "a.jpg": (16, 16), "more/c.png": (5, 40)}.items():
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(pictures / name)
    return toys, run, pictures


def go(own, out, wishes=None, images=None, **more):
    toys, run, pictures = own
    return translate(toys.home, run, pictures if images is None else images, out, wishes or Wishes(), **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


@pytest.mark.parametrize("checkpoint", ["last", "4"])
def test_the_runs_own_test_images_give_its_samples_to_the_bit(own, tmp_path, checkpoint):
    toys, run, _ = own
    made = go(own, tmp_path / "made", images=toys.home.datasets / "toys" / "testA", checkpoint=checkpoint)
    assert (made.images, made.before, made.card.epoch) == (3, 0, 4)
    assert contents(tmp_path / "made") == contents(run.folder.samples("test", 4))


def test_another_kept_checkpoint_makes_its_own_images(own, tmp_path):
    _, run, _ = own
    for epoch in run.kept_epochs():
        assert go(own, tmp_path / str(epoch), checkpoint=str(epoch)).card.epoch == epoch
    chosen = run.epoch("best-on-test")
    assert go(own, tmp_path / "best", checkpoint="best-on-test").card.epoch == chosen
    assert contents(tmp_path / "best") == contents(tmp_path / str(chosen))
    with pytest.raises(UsageError, match="--checkpoint 3"):
        go(own, tmp_path / "none", checkpoint="3")
    assert not (tmp_path / "none").exists()


def test_every_image_keeps_its_own_size(own, tmp_path):
    made = go(own, tmp_path, Wishes(size="keep"))
    sizes = {name: Image.open(tmp_path / name).size for name in ("a.png", "b.png", "c.png")}
    assert sizes == {"a.png": (16, 16), "b.png": (33, 19), "c.png": (40, 5)}
    assert "at its own size" in made.card.prepared
    # a network of one pixel each sees nothing of the borders that were mirrored
    _, run, pictures = own
    with Image.open(pictures / "b.png") as image:
        alone = fresh(run, 4).translate(to_tensor(np.asarray(image))[None])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), quantise(alone)[0])


def test_every_image_of_one_size(own, tmp_path):
    made = go(own, tmp_path, Wishes(size=24))
    assert {Image.open(tmp_path / name).size for name in ("a.png", "b.png", "c.png")} == {(24, 24)}
    assert "24x24" in made.card.prepared
    with pytest.raises(
        UsageError, match=r"--size 26: this network takes sides that are multiples of 4; write 24 or 28"
    ):
        go(own, tmp_path / "no", Wishes(size=26))


def test_the_same_command_again_makes_what_is_missing(own, tmp_path, capsys):
    _, run, pictures = own
    mine, out = tmp_path / "mine", tmp_path / "made"
    shutil.copytree(pictures, mine)
    go(own, out, images=mine)
    before = contents(out)
    (out / "b.png").unlink()
    (out / ".b.png.999999.tmp").write_bytes(b"begun")
    kept = (out / "a.png").stat().st_mtime_ns
    seen = []
    again = go(own, out, images=mine, progress=lambda done, total: seen.append((done, total)))
    assert (again.before, again.images, seen[0]) == (2, 3, (0, 3))
    assert (contents(out), (out / "a.png").stat().st_mtime_ns) == (before, kept)
    print_made(again)
    said = capsys.readouterr().out
    assert f"3 images by {run.folder.key}, epoch 4, are in " in said
    assert "2 of them were there already" in said

    Image.new("RGB", (16, 16), (200, 10, 10)).save(mine / "b.png")  # another picture of that name
    assert go(own, out, images=mine).before == 2
    assert contents(out)["b.png"] != before["b.png"]
    Image.new("RGB", (16, 16)).save(mine / "z.png")
    assert go(own, out, images=mine).images == 4


def test_images_that_something_else_made_are_left_alone(own, tmp_path):
    go(own, tmp_path / "made")
    with pytest.raises(
        UsageError, match=r"holds images that were made otherwise \(size test, and now keep\); choose another"
    ):
        go(own, tmp_path / "made", Wishes(size="keep"))
    (tmp_path / "made" / CARD).write_text("{}")
    before = contents(tmp_path / "made")
    with pytest.raises(UsageError, match=r"holds a\.png already, which this command did not make"):
        go(own, tmp_path / "made")
    assert contents(tmp_path / "made") == before


def test_what_cannot_be_put_in_is_named(own, tmp_path):
    _, _, pictures = own
    with pytest.raises(UsageError, match=r"--out .*: lies in --images .*; choose a folder beside it"):
        go(own, pictures / "made")
    with pytest.raises(UsageError, match=r"--images .*gone: no such folder or image"):
        go(own, tmp_path / "made", images=tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"--images .*empty: holds no image \(\.bmp "):
        go(own, tmp_path / "made", images=tmp_path / "empty")
    (tmp_path / "empty" / "cut.png").write_bytes((pictures / "b.png").read_bytes()[:90])
    with pytest.raises(BenchError, match=r"cut\.png: cannot be read as an image"):
        go(own, tmp_path / "made", images=tmp_path / "empty")


def test_a_single_image(own, tmp_path):
    _, _, pictures = own
    assert go(own, tmp_path, images=pictures / "a.jpg").images == 1
    assert list(contents(tmp_path)) == ["a.png"]


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes(styles=2), "--styles 2: method toy has no such choice"),
        (Wishes(seed=1), "--seed 1: method toy has no such choice"),
        (Wishes(direction="BtoA"), "--direction BtoA: method toy has no such choice"),
        (Wishes(count=3), "--count 3: method toy has no such choice"),
    ],
)
def test_what_a_method_cannot_do_is_refused(own, tmp_path, wishes, said):
    with pytest.raises(UsageError, match=said):
        go(own, tmp_path / "made", wishes)
    assert not (tmp_path / "made").exists()


def test_styles_and_both_directions(make_toys, tmp_path):
    toys = make_toys(tmp_path)
    toys.edit(recipe="horse2zebra")
    run = finish(toys, "munit", **MUNIT)
    tests = toys.home.datasets / "toys" / "testA"
    samples = contents(run.folder.samples("test", run.spec.total_epochs))

    def made(name, **wishes):
        translate(toys.home, run, tests, tmp_path / name, Wishes(**wishes))
        return contents(tmp_path / name)

    assert made("plain") == samples
    several = made("several", styles=3)
    assert sorted(several) == [f"{i:03d}_{number:02d}.png" for i in range(3) for number in (1, 2, 3)]
    assert {
        name: several[name.replace(".png", "_01.png")] for name in samples
    } == samples  # the first style is the samples'
    assert len(set(several.values())) == 9
    assert len({*several.values(), *made("other", styles=3, seed=1).values()}) == 18
    back = made("back", direction="BtoA")
    assert back.keys() == samples.keys()
    assert not set(back.values()) & set(samples.values())


def test_a_checkpoint_without_the_network_of_the_way_back(make_toys, tmp_path):
    toys = make_toys(tmp_path)
    run = finish(toys, "cyclegan", **CYCLEGAN, **SHORT)
    with pytest.raises(
        UsageError, match=r"the checkpoint of epoch 2 keeps netG_A and no netG_B; leave the option out, or"
    ):
        translate(toys.home, run, toys.home.datasets / "toys" / "testA", tmp_path / "made", Wishes(direction="BtoA"))


def test_a_run_from_noise_makes_as_many_as_are_asked_for(toys, tmp_path):
    (toys.home.datasets / "toys" / "trainA").rename(toys.home.datasets / "faces")
    scale = {"why": "tests", "epoch_divisor": 125, "images_per_epoch": 8, "overrides": DualContrastive.conformance}
    content = yaml.safe_load(toys.protocol_file.read_text()) | {
        "task": "unconditional_generation",
        "data": {"family": "image_folder", "name": "faces"},
        "scales": {"smoke": scale | {"test_images": 4}},
    }
    toys.protocol_file.write_text(yaml.safe_dump(content))
    run = finish(toys, "dual_contrastive")

    def made(name, **wishes):
        translate(toys.home, run, None, tmp_path / name, Wishes(**wishes))
        return contents(tmp_path / name)

    samples = contents(run.folder.samples("test", run.spec.total_epochs))
    assert made("four", count=4) == samples
    twenty = made("twenty", count=20)
    assert list(twenty) == [f"{i:06d}.png" for i in range(20)]
    assert samples.items() <= twenty.items()
    assert not set(twenty.values()) & set(made("other", count=20, seed=3).values())
    with pytest.raises(UsageError, match=r"\(unconditional_generation\) wants --count N, and no --images"):
        translate(toys.home, run, toys.home.datasets / "faces", tmp_path / "no", Wishes(count=1))
    with pytest.raises(UsageError, match="say how many with --count N"):
        translate(toys.home, run, None, tmp_path / "no", Wishes())


def test_as_a_command(own, tmp_path, monkeypatch, capsys):
    toys, run, pictures = own
    arguments = ["translate", run.folder.key[:8], "--images", str(pictures), "--out", str(tmp_path / "made")]
    where = ["--home", str(toys.home.root), "--data", str(toys.home.datasets), "--method", toys.method]

    def command(*more: str) -> int:
        monkeypatch.setattr(sys, "argv", ["contrastbench", *arguments, *where, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0

    assert command("--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["images"], said["card"]["run"]) == (3, run.folder.key)
    assert json.loads((tmp_path / "made" / CARD).read_text()) == said["card"]
    assert command() == 0
    assert "3 of them were there already" in capsys.readouterr().out
    assert command("--size", "big") == 2
    assert "write test, keep, or a side in pixels" in capsys.readouterr().err
    assert command("--direction", "up") == 2
    assert torch.get_num_threads() == run.spec.threads
