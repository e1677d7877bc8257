"""What `score` is given: checkpoints of other programs, folders of images with any names; and its own records."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from trials import REFUSED, Reader, Trials, as_json, outcome

from bench.base.sealed import sealed
from bench.commands.found_images import find_images
from bench.commands.official_weights import load_official
from bench.commands.scored import Scored
from methods.networks.resnet_generator import ResnetGenerator


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_official_checkpoints(trials: Trials, ending: str) -> None:
    network = ResnetGenerator(ngf=2, n_blocks=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    stream = io.BytesIO()
    torch.save(before, stream)
    whole = save(before) if ending == ".safetensors" else stream.getvalue()
    path = trials.folder / f"latest_net_G{ending}"

    def read(path: Path) -> Any:
        load_official(network, path, "cut")
        assert all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())
        return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}

    # neither format has a checksum: what fits is taken, and the file's own sha256 is in the record and in its key
    trials.withstands(Reader(read, whole, path.name, lambda found, good: isinstance(found, dict), inputs=0.5))
    other = next(iter(before))
    odd = st.sampled_from(
        [torch.zeros(1), torch.zeros(()), before[other].half(), before[other].to(torch.complex64),
        before[other] * float("nan"), "x", None,
         [], {}, torch.zeros(4, device="meta"), torch.zeros(4).to_sparse(), 5, before]
    )  # fmt: skip
    keys = st.sampled_from([other, "netG", "module", "epoch", "", 3, "a.b", "G_A", "\n"])

    def check(content: dict[Any, Any]) -> None:
        torch.save(content, trials.folder / "x.pth")
        found = outcome(read, trials.folder / "x.pth")
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(
        st.dictionaries(keys, odd, max_size=3) | st.dictionaries(keys, odd, max_size=2).map(lambda d: before | d),
        check,
        0.3,
    )


def test_folders_of_images(trials: Trials) -> None:
    folder = trials.folder / "images"
    names = st.sampled_from(
        [
            "000.png",
            "001.png",
            "000.jpg",
            "000_fake_B.png",
            "é.png",
            "e\u0301.png",
            ".x.png",
            "a\nb.png",
            "[a].png",
            "\udcff.png",
            "x.webp",
            "a b.tif",
            "0" * 200 + ".png",
        ]
    )
    kinds = st.sampled_from(["image", "image", "image", "empty", "folder", "link", "pipe"])
    patterns = st.sampled_from([None, "*", "*.png", "[", "[!a]*", "*" * 60, "*_fake_*", "", "\\", "é*", "?" * 40])

    def check(case: tuple[dict[str, str], str | None]) -> None:
        entries, pattern = case
        folder.mkdir()
        for name, kind in entries.items():
            path = folder / name
            if kind == "image":
                Image.new("RGB", (4, 4)).save(path, "PNG")
            elif kind == "empty":
                path.touch()
            elif kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(folder)
            else:
                __import__("os").mkfifo(path)
        found = outcome(lambda path: find_images(path, ["000.png", "001.png"], 4, pattern), folder)
        assert found is REFUSED or len(found.images) >= 2
        for path in folder.iterdir():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.rmdir()
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(st.tuples(st.dictionaries(names, kinds, max_size=6), patterns), check)


def test_records_of_scores(trials: Trials) -> None:
    score = {"metric": "L1", "revision": 1, "value": 0.25, "state": "done", "n_fake": 3, "n_real": 4}
    content = {
        "format": 2, "key": "0" * 16, "protocol": "own@1", "protocol_hash": "h", "fingerprint": "f", "what": "fakes",
        "sha256": "s",
        "comparability": "deviating", "deviations": ["JPEG"], "scores": [score], "published": [], "code": "c",
        "versions": {},
        "threads": 1, "folder": "x", "time": 1.0,
    }  # fmt: skip

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed("scored", "0" * 16, {k: v for k, v in content.items() if k != "seal"}))

    def read(path: Path) -> Scored | None:
        return Scored.read(path, path.parent.name)

    trials.withstands(Reader(read, forge(content), f"{'0' * 16}/result.json", forge=forge, names_file=True))
