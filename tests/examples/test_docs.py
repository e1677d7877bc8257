"""What the pages about adding things print is what works."""

import re
import tomllib
from pathlib import Path

import pytest
import torch
import yaml

from bench.base.errors import BenchError
from bench.base.randomness import Draws
from bench.loss import LayerPair, LayerShape, LossContext, Pair, PairLoss
from bench.method import Method, MethodConfig, StepContext
from bench.schema.protocol import load_protocol
from methods.optimisation import descend

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("adding-a-loss", "adding-a-method", "adding-a-protocol", "draw-and-step", "reading-a-verdict", "report")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.S)


def test_the_printed_loss_is_the_example():
    assert blocks("adding-a-loss", "python")[0] == (ROOT / "examples" / "focal_nce.py").read_text()


def test_the_printed_loss_that_learns_is_the_example():
    example = (ROOT / "examples" / "learned_temperature.py").read_text()
    (printed,) = [block for block in blocks("adding-a-loss", "python") if "LearnedTemperature" in block]
    assert example.endswith(printed)
    assert printed.startswith("class ")


def test_the_printed_recording_replays_to_the_bit(tmp_path, monkeypatch):
    (printed,) = [block for block in blocks("replay", "python") if "save_file" in block]
    monkeypatch.chdir(tmp_path)
    exec(compile(printed, "docs/replay.md", "exec"), {})


def test_the_pages_two_ways_of_writing_a_plugin_do_the_same():
    """What docs/draw-and-step.md prints under Before is refused; what it prints under After is drawn and made."""
    method_before, method_after, loss_before, loss_after = blocks("draw-and-step", "python")
    names = {"torch": torch, "Method": Method, "PairLoss": PairLoss, "descend": descend}
    with pytest.raises(BenchError, match="Noisy defines training_step"):
        exec(method_before, dict(names))
    exec(method_after, method_space := dict(names))
    noisy = method_space["Noisy"](MethodConfig(n_epochs=1, n_epochs_decay=1), Draws(0))
    noisy.netG = torch.nn.Conv2d(3, 3, 1)
    noisy._optimizers["G"] = torch.optim.SGD(noisy.netG.parameters(), 0.1)
    batch = {name: torch.rand(1, 3, 4, 4) for name in "AB"}
    assert noisy.training_step(batch, StepContext(0, 1, 2, 2, Draws(0).at(0)))["L1"] > 0

    rows = torch.nn.functional.normalize(torch.rand(2, 1, 5, 256), dim=3)
    maps = torch.rand(1, 3, 4, 4)
    pair = Pair("translation", [LayerPair(rows[0], rows[1], torch.arange(5), maps, maps)])
    exec(loss_after, loss_space := dict(names))
    loss = loss_space["Jittered"]()
    drawn = loss.draw(StepContext(0, 1, 2, 2, Draws(0).at(0)), [LayerShape(1, 5, 3, 4, 4)])
    noise = 0.5 * Draws(0).at(0).normal("jitter", (1, 5, 256))
    torch.testing.assert_close(loss(pair, LossContext(0.07, drawn)), (rows[0] - rows[1] - noise).square().mean())
    exec(loss_before, old_space := dict(names))
    with pytest.raises(BenchError, match="draw-and-step"):
        old_space["Jittered"]()(pair, LossContext(0.07))


def test_the_printed_entry_point_is_the_examples():
    package = tomllib.loads((ROOT / "examples" / "contrastbench-example-method" / "pyproject.toml").read_text())
    (printed,) = blocks("adding-a-method", "toml")
    assert tomllib.loads(printed)["project"]["entry-points"] == package["project"]["entry-points"]


def test_the_printed_protocols_are_valid(tmp_path):
    printed, with_parameters = blocks("adding-a-protocol", "yaml")
    file = tmp_path / "winter2summer.yaml"
    file.write_text(printed)
    assert load_protocol(str(file)).id == "winter2summer@1"
    file.write_text(yaml.safe_dump(yaml.safe_load(printed) | yaml.safe_load(with_parameters)))
    assert load_protocol(f"{file}[subset=few]").id == "winter2summer-few@1"


def test_every_file_and_link_that_is_named_exists():
    for page in PAGES:
        text = (DOCS / f"{page}.md").read_text()
        for named in re.findall(r"(?:examples|bench|methods)/[\w./-]+\.(?:py|toml)", text):
            assert (ROOT / named).is_file(), f"{page}: {named}"
        for link in re.findall(r"\]\(([\w-]+\.md)", text):
            assert (DOCS / link).is_file(), f"{page}: {link}"
