"""What the pages about adding things print is what works."""

import re
import tomllib
from pathlib import Path

import yaml

from bench.schema.protocol import load_protocol

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ("adding-a-loss", "adding-a-method", "adding-a-protocol", "reading-a-verdict", "report")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.S)


def test_the_printed_loss_is_the_example():
    assert blocks("adding-a-loss", "python")[0] == (ROOT / "examples" / "focal_nce.py").read_text()


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
