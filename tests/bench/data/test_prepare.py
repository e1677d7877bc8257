import functools
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from bench.base.errors import BenchError, NotAvailable, UsageError
from bench.data import prepare as prepare_module
from bench.data.prepare import prepare
from bench.data.prepared import print_prepared
from bench.data.sources import Source, sources

COUNTS = {"trainA": 4, "trainB": 3, "testA": 2, "testB": 2}


def picture(seed: int, side: int = 16) -> bytes:
    stored = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(stored, "PNG")
    return stored.getvalue()


def write_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(name, picture(i))
    return path


def names(top: str = "horse2zebra/", counts: dict[str, int] = COUNTS) -> list[str]:
    return [f"{top}{folder}/im{i}.png" for folder, count in counts.items() for i in range(count)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A folder served at an address."""
    (tmp_path / "site").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    handler.func.log_message = lambda *arguments: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "datasets"


def images(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


@pytest.mark.parametrize("top", ["", "horse2zebra/", "data/horse2zebra/"])
def test_from_a_file(top: str, root: Path, tmp_path: Path) -> None:
    junk = [
        "__MACOSX/horse2zebra/trainA/._im0.png",
        f"{top}trainA/._im1.png",
        f"{top}train/x.png",
        f"{top}trainA/r.txt",
    ]
    archive = write_zip(tmp_path / "h2z.zip", names(top) + junk)
    found = prepare("horse2zebra", root, archives=[archive])
    assert found.state == "prepared"
    assert found.counts == {"train A": 4, "train B": 3, "test A": 2, "test B": 2}
    assert found.deviations[0] == "horse2zebra/trainA holds 4 images, published 1067"
    assert images(root / "horse2zebra") == sorted(names(""))
    assert archive.is_file()
    record = json.loads((root / "horse2zebra" / "prepared.json").read_text())
    assert record == found.record.model_dump(by_alias=True)
    (described,) = record["archives"]
    assert (described["from"], described["bytes"]) == ("h2z.zip", archive.stat().st_size)
    assert (described["published_sha256"], described["verified"]) == (None, False)


def test_once_prepared_nothing_is_done(root: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "h2z.zip", names())
    first = prepare("horse2zebra", root, archives=[archive])
    archive.unlink()
    again = prepare("horse2zebra@1", root)
    assert again == first.model_copy(update={"state": "here already"})


def test_downloads_and_removes_the_archive(site: str, root: Path, tmp_path: Path) -> None:
    write_zip(tmp_path / "site" / "h2z.zip", names())
    found = prepare("horse2zebra", root, url=f"{site}/h2z.zip")
    assert found.record.archives[0].source == f"{site}/h2z.zip"
    assert images(root / "horse2zebra") == sorted(names(""))
    assert [path.name for path in (root / ".preparing").iterdir()] == ["horse2zebra.lock"]


def test_a_damaged_download_is_removed_and_a_damaged_file_kept(site: str, root: Path, tmp_path: Path) -> None:
    served = write_zip(tmp_path / "site" / "h2z.zip", names())
    sound = served.read_bytes()
    content = bytearray(sound)
    content[120] ^= 255
    served.write_bytes(content)
    with pytest.raises(BenchError, match="was downloaded is damaged or incomplete and was removed; run the same"):
        prepare("horse2zebra", root, url=f"{site}/h2z.zip")
    assert not (root / "horse2zebra").exists()
    with pytest.raises(BenchError, match=r"h2z\.zip: is damaged or incomplete .*download it again"):
        prepare("horse2zebra", root, archives=[served])
    assert served.is_file()
    served.write_bytes(sound)
    assert prepare("horse2zebra", root, url=f"{site}/h2z.zip").state == "prepared"


def publish(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Change what the catalogue says of horse2zebra."""
    entry = Source.model_validate(sources()["horse2zebra"].model_dump() | changes)
    monkeypatch.setattr(prepare_module, "source", lambda name: entry)


def test_a_published_hash_vouches(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_zip(tmp_path / "h2z.zip", names())
    publish(monkeypatch, sha256="0" * 64)
    with pytest.raises(BenchError, match="its sha256 is not the published 0000"):
        prepare("horse2zebra", root, archives=[archive])
    assert not (root / "horse2zebra").exists()
    publish(monkeypatch, sha256=prepare_module._describe(archive, None, "x").sha256)
    assert prepare("horse2zebra", root, archives=[archive]).record.archives[0].verified


def test_a_bomb(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trainA/x.png", bytes(2_000_000))
    publish(monkeypatch, max_mb=1)
    with pytest.raises(BenchError, match="unpacks to more than 1 MB"):
        prepare("horse2zebra", root, archives=[tmp_path / "bomb.zip"])


def test_another_archive(root: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip", names("apple/", {"trainA": 2, "trainB": 2}))
    with pytest.raises(BenchError, match=r"x\.zip: holds no images in testA; is it the archive of horse2zebra\?"):
        prepare("horse2zebra", root, archives=[archive])
    assert not (root / "horse2zebra").exists()
    archive = write_zip(tmp_path / "y.zip", names("apple2orange/"))
    with pytest.raises(BenchError, match=r"y\.zip: is the archive of apple2orange, not of horse2zebra"):
        prepare("horse2zebra", root, archives=[archive])


def test_what_a_kill_left_does_not_stay(root: Path, tmp_path: Path) -> None:
    half = root / ".preparing" / "horse2zebra" / "horse2zebra" / "trainA"
    half.mkdir(parents=True)
    (half / "stale.png").write_bytes(b"half")
    prepare("horse2zebra", root, archives=[write_zip(tmp_path / "h2z.zip", names())])
    assert images(root / "horse2zebra") == sorted(names(""))


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_cat2dog_takes_two_domains_of_afhq(held_out: str, root: Path, tmp_path: Path) -> None:
    split = {"train": 3, held_out: 2}
    every = [f"afhq/{s}/{a}/{i}.png" for s, n in split.items() for a in ("cat", "dog", "wild") for i in range(n)]
    found = prepare("cat2dog", root, archives=[write_zip(tmp_path / "afhq.zip", every)])
    assert found.counts == {"train A": 3, "train B": 3, "test A": 2, "test B": 2}
    assert (root / "cat2dog" / "trainA" / "0.png").read_bytes() == picture(every.index("afhq/train/cat/0.png"))
    assert (root / "cat2dog" / "testB" / "1.png").read_bytes() == picture(every.index(f"afhq/{held_out}/dog/1.png"))


def test_what_the_user_put_there_is_left_alone(root: Path, make_folders: Callable[..., Path], tmp_path: Path) -> None:
    data = make_folders("horse2zebra")
    found = prepare("horse2zebra", data)
    assert (found.state, found.record) == ("here already", None)
    (tmp_path / "datasets" / "horse2zebra" / "trainA").mkdir(parents=True)
    with pytest.raises(BenchError, match=r"is there already but cannot be used .*move it away"):
        prepare("horse2zebra", root)


def cityscapes_zips(folder: Path) -> list[Path]:
    scenes = ["train/ulm/ulm_0", "train/ulm/ulm_1", "val/bonn/bonn_0"]
    return [
        write_zip(folder / f"{part}_trainvaltest.zip", [f"{part}/{scene}_{part}{end}.png" for scene in scenes])
        for part, end in (("gtFine", "_color"), ("leftImg8bit", ""))
    ]


def test_cityscapes(root: Path, tmp_path: Path) -> None:
    found = prepare("cityscapes", root, archives=cityscapes_zips(tmp_path), photo_filter="bicubic")
    assert found.counts == {"train A": 2, "train B": 2, "test A": 1, "test B": 1}
    assert (found.record.label_filter, found.record.photo_filter) == ("nearest", "bicubic")
    assert prepare("cityscapes", root).state == "here already"
    with pytest.raises(UsageError, match="was prepared with --label-filter nearest, not bicubic; move it away"):
        prepare("cityscapes", root, label_filter="bicubic")


def test_cityscapes_goes_on_but_not_with_another_filter(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = cityscapes_zips(tmp_path)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prepare_module, "_finish", killed)
        patched.setattr(prepare_module, "_describe", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare("cityscapes", root, archives=archives)
    made = root / ".preparing" / "cityscapes" / "cityscapes" / "trainB" / "0_B.jpg"
    made.write_bytes(b"kept")
    prepare("cityscapes", root, archives=archives)
    assert (root / "cityscapes" / "trainB" / "0_B.jpg").read_bytes() == b"kept"

    (root / "cityscapes").rename(tmp_path / "away")
    with monkeypatch.context() as patched:
        patched.setattr(prepare_module, "_describe", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare("cityscapes", root, archives=archives)
    made.write_bytes(b"of another filter")
    prepare("cityscapes", root, archives=archives, label_filter="bicubic")
    assert (root / "cityscapes" / "trainB" / "0_B.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_cityscapes_needs_a_login(root: Path) -> None:
    with pytest.raises(
        NotAvailable, match=r"needs a login: register at https://www\.cityscapes-dataset\.com, .*--from"
    ):
        prepare("cityscapes", root)
    assert not root.exists()


def gta_zips(folder: Path, parts: int = 10) -> list[Path]:
    archives = [write_zip(folder / f"{n:02}_images.zip", [f"images/{n:05}.png"]) for n in range(1, parts + 1)]
    streets = [f"leftImg8bit/train_extra/ulm/ulm_{n}_leftImg8bit.png" for n in range(3)]
    return [*archives, write_zip(folder / "leftImg8bit_trainextra.zip", [*streets, "leftImg8bit/val/bonn/x.png"])]


def test_gta2cityscapes_is_unpacked_from_all_its_archives(root: Path, tmp_path: Path) -> None:
    found = prepare("gta2cityscapes", root, archives=gta_zips(tmp_path))
    assert found.counts == {"train A": 10, "train B": 3}
    assert found.deviations == [
        "gta2cityscapes/trainA holds 10 images, published 24966",
        "gta2cityscapes/trainB holds 3 images, published 19998",
    ]
    assert [archive.source for archive in found.record.archives] == list(sources()["gta2cityscapes"].archives)
    assert (root / "gta2cityscapes" / "trainB" / "ulm" / "ulm_2_leftImg8bit.png").is_file()
    assert prepare("gta2cityscapes", root).state == "here already"


def test_gta2cityscapes_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAvailable) as absent:
        prepare("gta2cityscapes", root)
    for named in (
        "01_images.zip to 10_images.zip from https://download",
        "www.cityscapes-dataset.com, where you register",
    ):
        assert named in str(absent.value)
    assert str(absent.value).count("--from ") == 11
    frames = gta_zips(tmp_path, 2)[:2]
    with pytest.raises(
        BenchError, match=r"02_images\.zip: hold no images in leftImg8bit/train_extra; .* is made of 01_"
    ):
        prepare("gta2cityscapes", root, archives=frames)
    with pytest.raises(UsageError, match="are for cityscapes"):
        prepare("gta2cityscapes", root, archives=frames, label_filter="nearest")
    with pytest.raises(BenchError, match=r"03_images\.zip: cannot be read"):
        prepare("gta2cityscapes", root, archives=[*frames, tmp_path / "03_images.zip"])
    assert not (root / "gta2cityscapes").exists()


def test_one_process_at_a_time(root: Path) -> None:
    (root / ".preparing").mkdir(parents=True)
    with (
        FileLock(root / ".preparing" / "horse2zebra.lock"),
        pytest.raises(BenchError, match="another process is preparing it"),
    ):
        prepare("horse2zebra", root)


def test_options_that_do_not_fit(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    for name, options, message in (
        ("zebra", {}, "no data set to prepare named 'zebra'"),
        ("horse2zebra", {"label_filter": "nearest"}, "are for cityscapes"),
        ("cityscapes", {"label_filter": "cubic"}, "--label-filter cubic: choose nearest or bicubic"),
        ("cityscapes", {"url": "http://x"}, "leave --url out"),
        ("horse2zebra", {"url": "http://x", "archives": [file]}, "leave --url out"),
        ("horse2zebra", {"archives": [file, file]}, "give one file"),
    ):
        with pytest.raises(UsageError, match=message):
            prepare(name, root, **options)  # type: ignore[arg-type]
    assert not root.exists()


@pytest.mark.parametrize("name", ["earth-relief2sat", "earth-single-image"])
def test_embedded_data_needs_nothing(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_prepared(prepare(name, root))
    assert capsys.readouterr().out == f"{name}: embedded, there is nothing to prepare\n"
    assert not root.exists()


def test_what_people_see(
    root: Path, make_folders: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_prepared(prepare("horse2zebra", root, archives=[write_zip(tmp_path / "h2z.zip", names())]))
    printed = capsys.readouterr().out
    assert "deviation horse2zebra/trainA holds 4 images, published 1067" in printed
    assert "not verified: its owner publishes no checksum" in printed
    print_prepared(prepare("horse2zebra", make_folders("horse2zebra")))
    assert "put there by hand" in capsys.readouterr().out


def test_verify_fails_where_an_image_is_damaged(toys: Any) -> None:
    from typer.testing import CliRunner

    from bench.cli.app import app_of

    arguments = ["data", "verify", str(toys.protocol_file), "--home", str(toys.home.root)]
    arguments += ["--data", str(toys.home.datasets)]
    assert CliRunner().invoke(app_of(), arguments).exit_code == 0
    (toys.home.datasets / "toys" / "testA" / "001.png").write_bytes(b"")
    result = CliRunner().invoke(app_of(), arguments)
    assert result.exit_code == 1
    assert "testA/001.png: cannot be read as an image" in result.output


def test_the_verb(root: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from bench.cli.app import app_of

    archive = write_zip(tmp_path / "h2z.zip", names())
    arguments = ["data", "prepare", "horse2zebra", "--from", str(archive), "--data", str(root), "--json"]
    result = CliRunner().invoke(app_of(), arguments)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["counts"]["train A"] == 4


def test_an_archive_that_came_unprotected_is_said_to(
    site: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_zip(tmp_path / "site" / "h2z.zip", names())
    found = prepare("horse2zebra", root, url=f"{site}/h2z.zip")
    print_prepared(found)
    assert "warning   it came over plain http" in capsys.readouterr().out


def test_a_damaged_record_is_named(root: Path, make_folders: Callable[..., Path]) -> None:
    data = make_folders("horse2zebra")
    (data / "horse2zebra" / "prepared.json").write_text('{"data": 1}')
    with pytest.raises(BenchError, match=r"prepared\.json: .*remove it, and the data set counts as put there by hand"):
        prepare("horse2zebra", data)
