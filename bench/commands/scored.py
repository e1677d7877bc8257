"""The result of `score`: its record, its key, and how it is shown."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table as RichTable

from bench.base.sealed import Record
from bench.base.words import say
from bench.data.image_file import RULES
from bench.metrics.metric import Score
from bench.schema.protocol import Protocol
from bench.schema.run_spec import digest
from bench.schema.table import load_table, table_names


class Subject(BaseModel):
    """Everything that the scores and their comparability depend on; equal subjects have one record.

    Attributes:
        protocol: content hash of the protocol.
        fingerprint: of the test set's pixels.
        content: sha256 of the decoded images, or of the checkpoint.
        method: content name and revisions of the checkpoint's method; empty for images.
        config: its configuration.
        matched: for each group the test inputs that its images were matched with.
        deviations: each difference from what the protocol asks for.
        metrics: name, revision, settings and feature network of each.
        segmenter: the run that metrics of classes ask, or why there is none.
        device, threads: which change bits.
        rules: of reading images.
    """

    model_config = ConfigDict(frozen=True)

    protocol: str
    fingerprint: str
    content: str
    method: dict[str, Any] = {}
    config: dict[str, Any] = {}
    matched: dict[str, list[int] | None] = {}
    deviations: list[str]
    metrics: list[dict[str, Any]]
    segmenter: str
    device: str
    threads: int
    rules: int = RULES

    @property
    def key(self) -> str:
        """16 hexadecimal digits; the name of the record's folder."""
        return digest(self.model_dump(mode="json"))[:16]


class PublishedScore(BaseModel):
    """A printed number of the same protocol and metric."""

    model_config = ConfigDict(frozen=True)

    metric: str
    row: str
    value: float
    source: str
    note: str


class Scored(Record):
    """The result of `score`, as `result.json` holds it.

    Attributes:
        key: names the folder; a digest of all that they and their comparability depend on (`Subject`).
        protocol, protocol_hash, fingerprint: what the images were scored against.
        what: the images' folder, or the checkpoint.
        sha256: of the decoded images, or of the checkpoint.
        comparability, deviations: whether the scores may stand against published ones, and each difference.
        notices: what a reader should know besides, though it changes no comparability.
        scores: one per metric of the protocol.
        published: printed numbers of the same protocol and metrics; others' models, for orientation.
        code, versions, threads: what computed it: this project's source, the libraries, and threads of the CPU.
        time: when, in seconds since 1970; None in records of earlier versions.
    """

    kind: ClassVar[str] = "scored"
    way_out: ClassVar[str] = "its score command again writes it anew"
    new: ClassVar[frozenset[str]] = frozenset({"time"})

    key: str
    protocol: str
    protocol_hash: str
    fingerprint: str
    what: str
    sha256: str
    config: dict[str, Any] = {}
    comparability: Literal["as published", "deviating"]
    deviations: list[str]
    notices: list[str] = []
    scores: list[Score]
    published: list[PublishedScore]
    code: str
    versions: dict[str, str]
    threads: int
    folder: str
    time: float | None = None


def published_scores(protocol: Protocol) -> list[PublishedScore]:
    """Every printed number of a protocol's metrics, from all tables."""
    metrics = {use.metric for use in protocol.metrics}
    published: dict[tuple[str, str, float], PublishedScore] = {}
    for name in table_names():
        for cell in load_table(name).cells():
            if cell.protocol == protocol.id and cell.metric in metrics and cell.published is not None:
                score = PublishedScore(
                    metric=cell.metric,
                    row=cell.row,
                    value=cell.published,
                    source=cell.published_source,
                    note=cell.published_note,
                )
                published.setdefault((score.metric, score.row, score.value), score)
    return list(published.values())


def print_scored(scored: Scored, console: Console) -> None:
    """Show the scores, then, apart from them, the published numbers."""
    say(console, f"{scored.what} under {scored.protocol}: {scored.comparability}")
    for line in scored.deviations:
        say(console, f"  ≠ {line}")
    for line in scored.notices:
        say(console, f"  note: {line}")
    table = RichTable(box=None, pad_edge=False)
    ceilings = any(score.ceiling is not None for score in scored.scores)
    for heading in ("metric", "score", "evaluation noise (95 %)", *(["real images"] if ceilings else []), "images"):
        table.add_column(heading, overflow="fold", justify="left" if heading == "metric" else "right")
    for score in scored.scores:
        noise = f"{score.interval.low:.4g} … {score.interval.high:.4g}" if score.interval else ""
        value = f"{score.value:.4g}" if score.value is not None else score.state
        ceiling = [f"{score.ceiling:.4g}" if score.ceiling is not None else ""] if ceilings else []
        table.add_row(score.metric, value, noise, *ceiling, f"{score.n_fake} against {score.n_real}")
    console.print(table)
    missing: dict[str, list[str]] = {}
    for score in scored.scores:
        if score.state != "done":
            missing.setdefault(f"{score.state}: {score.reason}", []).append(score.metric)
    for why, metrics in missing.items():
        say(console, f"  {', '.join(metrics)}: {why}")
    if scored.published:
        say(console, "\npublished by the papers, for orientation; one model gives no verdict")
        printed = RichTable(box=None, pad_edge=False)
        for heading in ("metric", "method", "published", "where"):
            printed.add_column(heading, overflow="fold")
        for number in scored.published:
            printed.add_row(number.metric, number.row, f"{number.value:g}", number.source)
        console.print(printed)
    say(console, f"\nwritten to {scored.folder}")
