"""Protocols, tables, published numbers and values typed by hand; what a run's folder says of the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st
from made_records import CELLS, SPEC, in_run, made
from trials import HOSTILE, REFUSED, STRANGE, Reader, Trials, as_json, outcome, spoiled, strange

from bench.base.home import RunFolder
from bench.base.sealed import sealed
from bench.schema import printed
from bench.schema.bounded_yaml import read_value
from bench.schema.cell import TableCells
from bench.schema.protocol import Protocol, load_protocol
from bench.schema.records import RunError, RunResult
from bench.schema.run_spec import RunSpec, read_spec, write_spec
from bench.schema.table import Table, read_table
from bench.schema.upkeep import read_upkeep

PROTOCOLS, TABLES = files("protocols"), files("protocols").joinpath("tables")


def as_yaml(content: dict[str, Any]) -> bytes:
    return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")


def test_protocols(trials: Trials, make_toys: Callable[[Path], Any], tmp_path: Path) -> None:
    """Whoever writes one may write another; what is read is whole and finite, or refused."""
    whole = make_toys(tmp_path / "toys").protocol_file.read_bytes()
    is_one = lambda found, good: isinstance(found, Protocol)  # noqa: E731
    trials.withstands(Reader(lambda path: load_protocol(str(path)), whole, "own.yaml", is_one))
    path = trials.folder / "own.yaml"

    def check(content: dict[str, Any]) -> None:
        path.write_bytes(as_yaml(content))
        found = outcome(lambda path: load_protocol(str(path)), path)
        assert (
            found is REFUSED
            or Protocol.model_validate_json(found.model_dump_json()).content_hash() == found.content_hash()
        )
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(strange(yaml.safe_load(whole) | {"changes": {"1": "first"}}), check, 0.5)
    with_parameters = yaml.safe_load(PROTOCOLS.joinpath("celeba-128.yaml").read_text())

    def check_choice(content: dict[str, Any]) -> None:
        path.write_bytes(as_yaml(content))
        found = outcome(lambda path: load_protocol(f"{path}[subset=1k]"), path)
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    with_parameters["changes"] = {str(key): text for key, text in with_parameters["changes"].items()}
    trials.try_all(strange(with_parameters), check_choice, 0.5)


def test_tables(trials: Trials) -> None:
    whole = TABLES.joinpath("cut-ablation.yaml").read_bytes()

    def read(path: Path) -> Table:
        table = read_table(path)
        table.cells()
        return table

    trials.withstands(Reader(read, whole, "own.yaml", lambda found, good: isinstance(found, Table)))


def test_values_typed_by_hand(trials: Trials) -> None:
    texts = st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60).map(lambda b: b.decode("utf-8", "surrogateescape")),
        st.sampled_from([content.decode("utf-8", "surrogateescape") for content in HOSTILE]),
        st.sampled_from([str(value) for value in STRANGE]),
    )

    def check(text: str) -> None:
        found = outcome(lambda _: read_value(text, f"--set lr={text[:20]}"), Path())
        trials.counts["refused" if found is REFUSED else "taken"] += 1

    trials.try_all(texts, check)


def test_published_numbers(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "src_hdce_main_comparison.csv"
    whole = files("results").joinpath("published", name).read_bytes()
    monkeypatch.setattr(printed, "files", lambda package: trials.folder)

    def read(path: Path) -> list[Any]:
        return [row["value"] for row in printed._rows(name)]

    def numbers(found: Any, good: Any) -> bool:
        return isinstance(found, list) and all(not text or abs(float(text)) < float("inf") for text in found)

    trials.withstands(Reader(read, whole, f"published/{name}", numbers))


def test_results(trials: Trials) -> None:
    trials.withstands(in_run("result.json", made("result"), RunResult, "result"))


def test_reasons_of_failure(trials: Trials) -> None:
    trials.withstands(
        in_run("error.json", {"format": 2, "message": "loss G", "traceback": "", "time": 1.0}, RunError, "error")
    )


def test_specs(trials: Trials) -> None:
    content = SPEC.model_dump(mode="json")
    name = f"{SPEC.train_key}/spec.json"

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed("spec", SPEC.train_key, {k: v for k, v in content.items() if k != "seal"}))

    def read(path: Path) -> RunSpec:
        spec = read_spec(path)
        assert spec.train_key == path.parent.name
        return spec

    trials.withstands(
        Reader(read, as_json(sealed("spec", SPEC.train_key, content)), name, forge=forge, names_file=True)
    )


def test_a_damaged_spec_is_written_anew(trials: Trials) -> None:
    path = trials.folder / SPEC.train_key / "spec.json"
    write_spec(path, SPEC)
    whole = path.read_bytes()

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = outcome(lambda path: write_spec(path, SPEC), path)
        assert found is REFUSED or json.loads(path.read_bytes()) == json.loads(whole)
        trials.counts["written anew" if found is not REFUSED else "refused"] += 1

    trials.try_all(spoiled(whole), check, 0.5)


def test_upkeep(trials: Trials) -> None:
    """A damaged one never lets weights go that were to stay."""

    def read(path: Path) -> Any:
        return read_upkeep(RunFolder(path.parent))

    whole = as_json(sealed("upkeep", "cut-1", {"format": 2, "keep": "all", "save_minutes": 5.0}))
    trials.withstands(Reader(read, whole, "cut-1/upkeep.json", lambda found, good: found.kept == "all" or good is None))


def test_cells_of_tables(trials: Trials) -> None:
    content = {"format": 2, "table": "src-hdce/main@2", "cells": CELLS}
    identity = "src-hdce-main-smoke"

    def forge(content: dict[str, Any]) -> bytes:
        return as_json(sealed("cells", identity, {k: v for k, v in content.items() if k != "seal"}))

    whole = as_json(sealed("cells", identity, content))
    trials.withstands(Reader(TableCells.of_folder, whole, f"{identity}/cells.json", forge=forge, names_file=True))
