"""What a comparison found: every contender's scores, and the candidate against each of the others, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from bench.base.sealed import Record
from bench.compare.contenders import Entrant
from bench.ledger.folders import chosen_epochs, examine, run_scores, run_state
from bench.plan.grid import Grid
from bench.plugin.discovery import find_plugin
from bench.schema.cell import CHECKPOINTS, Checkpoint, Measured
from bench.verdict.cells import over_seeds
from bench.verdict.stats import LEVEL, PairedComparison, holm, paired_comparison

Judgement = Literal["better", "worse", "not shown", "too few seeds"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ContenderFindings(_Record):
    """One contender.

    Attributes:
        label, method, config: what it is.
        differences: from the candidate, one line each.
        deviations: from what was published, one line each.
        train_keys: seed -> run.
        problems: what is not done, one line each.
        scores: metric -> checkpoint rule -> measurement over the seeds.
    """

    label: str
    method: str
    config: dict[str, Any]
    differences: list[str]
    deviations: list[str]
    train_keys: dict[int, str]
    problems: list[str]
    scores: dict[str, dict[Checkpoint, Measured]]


class Duel(_Record):
    """The candidate against one other contender by one metric, at the checkpoint that counts.

    Attributes:
        metric, higher_is_better, rival: what is compared with whom.
        paired: candidate minus rival over their common seeds; None below two.
        p_holm: the p value, corrected for all duels of the comparison.
        judgement: of the candidate; `better` and `worse` only where `p_holm` is below 5 %.
    """

    metric: str
    higher_is_better: bool
    rival: str
    paired: PairedComparison | None
    p_holm: float | None
    judgement: Judgement


class Findings(Record):
    """A whole comparison, as `comparison.json` holds it.

    Attributes:
        name, protocol, ran_as, scale, budget, counts: what was compared and how.
        metrics: metric -> whether higher is better, in the protocol's order; those that could be measured.
        missing: metric -> why it could not be.
        contenders: the candidate first.
        duels: in the order of metrics, then of contenders.
    """

    kind: ClassVar[str] = "comparison"
    way_out: ClassVar[str] = "run its compare command again, or remove its folder to go on without it"
    new: ClassVar[frozenset[str]] = frozenset()

    name: str
    protocol: str
    ran_as: str
    scale: str
    budget: str
    seeds: list[int]
    counts: Checkpoint
    metrics: dict[str, bool]
    missing: dict[str, str]
    contenders: list[ContenderFindings]
    duels: list[Duel]

    @property
    def candidate(self) -> ContenderFindings:
        """The one that is compared with the others."""
        return self.contenders[0]

    @property
    def is_stand_in(self) -> bool:
        """Whether other data than asked for was used."""
        return self.protocol != self.ran_as


def collect(
    name: str,
    scale: str,
    budget: str,
    entrants: Sequence[Entrant],
    keys: dict[str, dict[int, str]],
    grid: Grid,
    only_metrics: Sequence[str] = (),
) -> Findings:
    """Read everything that is known now from the run folders.

    Args:
        name: of the comparison.
        scale: of its runs.
        budget: `equal` or `as-published`.
        entrants: the candidate first.
        keys: label -> seed -> train key.
        grid: the runs.
        only_metrics: compare by these; none: by all of the protocol's.
    """
    candidate = entrants[0].resolution
    uses = [use.metric for use in candidate.ran.metrics if not only_metrics or use.metric in only_metrics]
    counts = candidate.asked.counts
    contenders, missing = [], {}
    for entrant in entrants:
        train_keys = keys[entrant.label]
        select = entrant.resolution.ran.select_by
        higher = bool(find_plugin("metric", select).literals["higher_is_better"])
        known = {key: run_scores(grid.home.run(key), grid.runs[key], grid.splits[key]) for key in train_keys.values()}
        chosen = {seed: chosen_epochs(known[key], select, higher) for seed, key in train_keys.items()}
        scores: dict[str, dict[Checkpoint, Measured]] = {}
        for metric in uses:
            by_rule = {rule: over_seeds(train_keys, known, chosen, metric, rule) for rule in CHECKPOINTS}
            scores[metric] = {rule: value for rule, value in by_rule.items() if value is not None}
            for row in (row for rows in known.values() for row in rows):
                if (row.metric, row.state) == (metric, "not available"):
                    missing[metric] = row.reason
        states = {seed: run_state(grid.home.run(key)) for seed, key in train_keys.items()}
        damaged = [
            f"seed {seed}: {line}"
            for seed, key in train_keys.items()
            if states[seed][0] == "done"
            for line in examine(grid.home.run(key)).problems
        ]
        contenders.append(
            ContenderFindings(
                label=entrant.label,
                method=entrant.resolution.reference,
                config=entrant.resolution.values,
                differences=entrant.differences,
                deviations=entrant.resolution.deviations + grid.deviations,
                train_keys=train_keys,
                problems=[
                    f"seed {seed} {state}{f': {reason}' if reason else ''}"
                    for seed, (state, reason) in states.items()
                    if state != "done"
                ]
                + damaged,
                scores={metric: by_rule for metric, by_rule in scores.items() if by_rule},
            )
        )
    metrics = {
        metric: higher
        for metric in uses
        # a metric without a direction says of nobody that it is better
        if (higher := find_plugin("metric", metric).literals["higher_is_better"]) is not None
        and any(metric in contender.scores for contender in contenders)
    }
    return Findings(
        name=name,
        protocol=candidate.asked.id,
        ran_as=candidate.ran.id,
        scale=scale,
        budget=budget,
        seeds=sorted({seed for train_keys in keys.values() for seed in train_keys}),
        counts=counts,
        metrics=metrics,
        missing={metric: reason for metric, reason in missing.items() if metric not in metrics},
        contenders=contenders,
        duels=duels(contenders, metrics, counts),
    )


def duels(contenders: Sequence[ContenderFindings], metrics: dict[str, bool], counts: Checkpoint) -> list[Duel]:
    """The first contender against each other one by every metric; Holm over all of them together.

    Args:
        contenders: the candidate first.
        metrics: metric -> whether higher is better.
        counts: the checkpoint whose scores are compared.
    """

    def values(contender: ContenderFindings, metric: str) -> dict[int, float]:
        measured = contender.scores.get(metric, {}).get(counts)
        return measured.values if measured else {}

    candidate, *rivals = contenders
    comparisons = [
        (metric, higher, rival.label, paired_comparison(values(candidate, metric), values(rival, metric)))
        for metric, higher in metrics.items()
        for rival in rivals
    ]
    adjusted = iter(holm([paired.p_value for *_, paired in comparisons if paired is not None]))
    result = []
    for metric, higher, rival_label, paired in comparisons:
        p = next(adjusted) if paired is not None else None
        result.append(
            Duel(
                metric=metric,
                higher_is_better=higher,
                rival=rival_label,
                paired=paired,
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
