"""What a comparison found: every contender's scores, and the candidates against each of the others, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from bench.base.sealed import Record
from bench.compare.contenders import Difference
from bench.compare.earlier import of_format_2
from bench.compare.rankings import ScaleRanking
from bench.compare.spread import Spread
from bench.schema.cell import Checkpoint, Interval, Measured
from bench.verdict.stats import LEVEL, PairedComparison, corrected_interval, holm, paired_comparison

Judgement = Literal["better", "worse", "not shown", "too few seeds"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class TriedFindings(_Record):
    """One try of a contender's sweep.

    Attributes:
        label: with what is tried.
        train_keys: seed -> run.
        values: seed -> score on validation images, by which one try is chosen.
        is_chosen: whether it is this one.
    """

    label: str
    train_keys: dict[int, str]
    values: dict[int, float]
    is_chosen: bool


class ContenderFindings(_Record):
    """One contender, as the try that was chosen.

    Attributes:
        label, method, config: what it is.
        is_candidate: whether it is compared, and not what others are compared with.
        differences: of its configuration from the first contender's.
        deviations: from what was published, one line each.
        train_keys: seed -> run.
        problems: what is not done, one line each.
        scores: metric -> checkpoint rule -> measurement over the seeds.
        tries: of a sweep; empty where nothing is swept.
    """

    label: str
    method: str
    config: dict[str, Any]
    is_candidate: bool
    differences: list[Difference]
    deviations: list[str]
    train_keys: dict[int, str]
    problems: list[str]
    scores: dict[str, dict[Checkpoint, Measured]]
    tries: list[TriedFindings] = []

    @property
    def chosen(self) -> str:
        """Its label, with what its sweep chose."""
        return next((one.label for one in self.tries if one.is_chosen), self.label)

    @property
    def runs(self) -> list[str]:
        """The train keys of all its runs, those of every try among them."""
        tried = [key for one in self.tries for key in one.train_keys.values()]
        return list(dict.fromkeys([*self.train_keys.values(), *tried]))


class Duel(_Record):
    """A candidate against one other contender by one metric, at the checkpoint that counts.

    Attributes:
        metric, higher_is_better, candidate, rival: who is compared with whom by what.
        paired: candidate minus rival over their common seeds; None below two.
        corrected: the interval of that difference that holds together with those of all other duels.
        p_holm: the p value, corrected for all duels of the comparison.
        judgement: of the candidate; `better` and `worse` only where `p_holm` is below 5 %.
    """

    metric: str
    higher_is_better: bool
    candidate: str
    rival: str
    paired: PairedComparison | None
    corrected: Interval | None = None
    p_holm: float | None
    judgement: Judgement

    @property
    def is_shown(self) -> bool:
        """Whether a difference is shown."""
        return self.judgement in ("better", "worse")


class Findings(Record):
    """A whole comparison, as `comparison.json` holds it.

    Attributes:
        name, protocol, ran_as, scale, budget, counts: what was compared and how.
        order: the protocol's metrics in its order, since a record's own keys are sorted.
        metrics: metric -> whether higher is better, in that order; those that could be measured.
        missing: metric -> why it could not be.
        select_by: the protocol's metric that chooses checkpoints and tries; empty in records of earlier versions.
        contenders: the candidates first.
        duels: in the order of metrics, then of candidates and of the others.
        spread: how much paired differences by `select_by` scatter, as finished runs of this protocol say.
        difference: the smallest difference by `select_by` that matters to whoever compares; None: nobody said.
        rule: by which the number of seeds was chosen, before the first result; empty: the user said it.
        rankings: how well this scale ordered the methods of published tables so far.
    """

    kind: ClassVar[str] = "comparison"
    way_out: ClassVar[str] = "run its compare command again, or remove its folder to go on without it"
    new: ClassVar[frozenset[str]] = frozenset({"order"})

    format: Literal[2, 3] = 3
    name: str
    protocol: str
    ran_as: str
    scale: str
    budget: str
    seeds: list[int]
    counts: Checkpoint
    order: list[str]
    metrics: dict[str, bool]
    missing: dict[str, str]
    select_by: str
    contenders: list[ContenderFindings]
    duels: list[Duel]
    spread: Spread | None = None
    difference: float | None = None
    rule: str = ""
    rankings: list[ScaleRanking] = []

    @classmethod
    def upgraded(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A comparison of format 2, or of the one before without seals, as one of format 3."""
        return of_format_2(values) if values.get("format", 2) == 2 else values

    @field_validator("metrics", "missing")
    @classmethod
    def _in_order(cls, found: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        order = [name for name in info.data.get("order", []) if name in found]
        return {name: found[name] for name in [*order, *found]}

    @model_validator(mode="after")
    def _is_of_its_contenders(self) -> Findings:
        labels = {contender.label for contender in self.contenders}
        if not labels:
            raise ValueError("contenders: there are none")
        if unknown := [name for duel in self.duels for name in (duel.candidate, duel.rival) if name not in labels]:
            raise ValueError(f"duels: {unknown[0]} is no contender")
        return self

    @property
    def candidate(self) -> ContenderFindings:
        """The first one that is compared with the others."""
        return self.contenders[0]

    @property
    def candidates(self) -> list[ContenderFindings]:
        """Those that are compared with the others."""
        return [contender for contender in self.contenders if contender.is_candidate]

    @property
    def rivals(self) -> list[ContenderFindings]:
        """Those that the candidates are compared with."""
        return [contender for contender in self.contenders if not contender.is_candidate]

    @property
    def main_metric(self) -> str | None:
        """The metric of the headlines: the one that selects, or the first that was measured."""
        return self.select_by if self.select_by in self.metrics else next(iter(self.metrics), None)

    @property
    def is_stand_in(self) -> bool:
        """Whether other data than asked for was used."""
        return self.protocol != self.ran_as

    @property
    def corrected_for(self) -> int:
        """How many duels the p values are corrected for."""
        return sum(duel.paired is not None for duel in self.duels)


def duels(contenders: Sequence[ContenderFindings], metrics: dict[str, bool], counts: Checkpoint) -> list[Duel]:
    """Every candidate against each other contender by every metric; Holm over all of them together.

    Args:
        contenders: the candidates first.
        metrics: metric -> whether higher is better.
        counts: the checkpoint whose scores are compared.
    """

    def values(contender: ContenderFindings, metric: str) -> dict[int, float]:
        measured = contender.scores.get(metric, {}).get(counts)
        return measured.values if measured else {}

    candidates = [contender for contender in contenders if contender.is_candidate]
    rivals = [contender for contender in contenders if not contender.is_candidate]
    comparisons = [
        (metric, higher, one.label, rival.label, paired_comparison(values(one, metric), values(rival, metric)))
        for metric, higher in metrics.items()
        for one in candidates
        for rival in rivals
    ]
    p_values = [paired.p_value for *_, paired in comparisons if paired is not None]
    adjusted = iter(holm(p_values))
    result = []
    for metric, higher, candidate, rival_label, paired in comparisons:
        p = next(adjusted) if paired is not None else None
        result.append(
            Duel(
                metric=metric,
                higher_is_better=higher,
                candidate=candidate,
                rival=rival_label,
                paired=paired,
                corrected=corrected_interval(paired, len(p_values)) if paired is not None else None,
                p_holm=p,
                judgement=_judgement(paired, p, higher),
            )
        )
    return result


def _judgement(paired: PairedComparison | None, p: float | None, higher_is_better: bool) -> Judgement:
    if paired is None or p is None:
        return "too few seeds"
    if p >= 1 - LEVEL:
        return "not shown"
    return "better" if (paired.difference > 0) == higher_is_better else "worse"
