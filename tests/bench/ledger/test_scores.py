"""Which scores an evaluation wants, and that a score is taken for what it is of alone."""

import pytest
from pydantic import ValidationError
from written_records import reseal, write_score

from bench.base.sealed import Damaged
from bench.ledger.scores import StoredScore, checked_score, read_score, score_key, wanted, wanted_by_key
from bench.metrics.metric import load_metric
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.schema.protocol import MetricUse
from bench.schema.run_spec import digest


@pytest.fixture
def spec(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    spec = grid.runs[key]
    uses = [*spec.evaluation.metrics, MetricUse(metric="L1")]
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update={"metrics": uses})})


def with_evaluation(spec, **changes):
    return spec.model_copy(update={"evaluation": spec.evaluation.model_copy(update=changes)})


def test_validation_images_are_measured_by_the_metric_that_chooses_and_test_images_by_all(spec):
    colour, l1 = spec.evaluation.metrics
    assert wanted(spec, ("validation", "test")) == [
        (epoch, split, use)
        for epoch in spec.scored_epochs
        for split, use in (("validation", colour), ("test", colour), ("test", l1))
    ]
    assert {split for _, split, _ in wanted(spec, ("train", "test"))} == {"test"}


def test_a_metric_that_is_not_here_is_left_out_and_said_to_be(spec, capsys):
    uses = [*spec.evaluation.metrics, MetricUse(metric="elsewhere.py:Metric")]
    assert wanted(with_evaluation(spec, metrics=uses), ("test",)) == wanted(spec, ("test",))
    said = capsys.readouterr()
    (line,) = (said.out + said.err).splitlines()
    assert "metric elsewhere.py:Metric" in line
    assert "its scores are left out" in line


def test_a_scores_key_covers_what_it_is_of(spec, monkeypatch):
    colour, l1 = spec.evaluation.metrics
    keys = [
        score_key(spec, 4, "test", colour), score_key(spec, 2, "test", colour), score_key(spec, 4, "validation", colour),
        score_key(spec, 4, "test", l1), score_key(spec, 4, "test", MetricUse(metric="FD-EffLite0")),
        score_key(spec, 4, "test", MetricUse(metric="L1", settings={"window": 7})),
        score_key(with_evaluation(spec, outputs_per_input=2), 4, "test", l1),
        score_key(spec.model_copy(update={"seed": 1}), 4, "test", l1),
    ]  # fmt: skip
    assert all(len(key) == 24 for key in keys)
    for attribute, value in (("revision", 99), ("extractor", type("Other", (), {"id": "other@1"}))):
        with monkeypatch.context() as patch:
            patch.setattr(f"bench.metrics.l1.L1.{attribute}", value)
            keys.append(score_key(spec, 4, "test", l1))
    assert len(set(keys)) == len(keys)
    assert score_key(spec, 4, "test", l1) == keys[3]


def test_a_key_stays_what_it_was_in_homes_of_before(spec):
    """The names of stored scores: who changes how they are made measures everything anew."""
    parts = {
        "run": spec.train_key, "epoch": 4, "split": "test", "images": spec.evaluation.image_count("test"), "metric": "L1",
        "revision": 1, "extractor": None, "settings": {},
    }  # fmt: skip
    from bench.schema.run_spec import digest

    assert score_key(spec, 4, "test", MetricUse(metric="L1")) == digest(parts)[:24]
    parts |= {"metric": "mAP", "revision": 1, "segmenter": spec.evaluation.segmenter}
    assert score_key(spec, 4, "test", MetricUse(metric="mAP")) == digest(parts)[:24]


def test_a_score_that_was_moved_or_renamed_is_another_ones(toys, spec):
    folder, use = toys.home.run(spec.train_key), spec.evaluation.metrics[0]
    path = write_score(folder, spec, 4, "test", use, 2.5)
    assert checked_score(folder, path.stem).value == 2.5
    other = path.with_name("0" * 24 + ".json")
    path.rename(other)
    with pytest.raises(Damaged, match=rf"{other.name}: .*the score counts as missing: run the command"):
        checked_score(folder, other.stem)
    assert read_score(folder, other.stem) is None
    assert checked_score(folder, path.stem) is None
    # a seal that fits the place does not make it the score of that place
    reseal(other, "score", f"{folder.key}, score {other.stem}")
    with pytest.raises(Damaged, match=rf"is score {path.stem} of run {folder.key}; the score counts as missing"):
        checked_score(folder, other.stem)


def test_a_score_has_a_value_if_and_only_if_it_is_done():
    content = {
        "metric": "L1",
        "revision": 1,
        "n_fake": 1,
        "n_real": 1,
        "key": "k",
        "run": "r",
        "epoch": 1,
        "split": "test",
    }
    assert StoredScore.model_validate(content | {"state": "done", "value": 1.0}).value == 1.0
    assert StoredScore.model_validate(content | {"state": "failed", "value": None}).value is None
    with pytest.raises(ValidationError, match="a score that is done has no value"):
        StoredScore.model_validate(content | {"state": "done", "value": None})
    with pytest.raises(ValidationError, match="a score that is failed has a value"):
        StoredScore.model_validate(content | {"state": "failed", "value": 1.0})


def test_a_scores_key_is_the_hash_of_its_parts_in_canonical_form(spec):
    """As every key on disk was made, whichever way it is computed."""
    for use in (MetricUse(metric="L1"), MetricUse(metric="FD-EffLite0", settings={"run": "", "a": [1.0, {"run": ""}]})):
        for outputs, run in ((1, ""), (3, 'a "run":"" of its own, ü')):
            asked = with_evaluation(spec, outputs_per_input=outputs, test_images=7)
            metric = load_metric(use.metric)
            parts = {
                "run": run or spec.train_key, "epoch": 4, "split": "test", "images": 7, "metric": use.metric,
                "revision": metric.revision, "extractor": metric.extractor.id if metric.extractor else None,
                "settings": use.settings,
            } | ({"outputs per input": outputs} if outputs > 1 else {})  # fmt: skip
            assert score_key(asked, 4, "test", use, run) == digest(parts)[:24]
    segmented = with_evaluation(spec, segmenter="drn-0123")
    parts = {
        "run": spec.train_key, "epoch": 4, "split": "test", "images": None, "metric": "land-mIoU", "extractor": None,
        "revision": load_metric("land-mIoU").revision, "settings": {}, "segmenter": "drn-0123",
    }  # fmt: skip
    assert score_key(segmented, 4, "test", MetricUse(metric="land-mIoU")) == digest(parts)[:24]


def test_keys_of_all_scores_are_those_of_each(spec):
    colour, l1 = spec.evaluation.metrics
    kept = MetricUse(metric="FD-EffLite0", settings={"window": [1.0, 2]})
    for uses in ([colour, l1, kept], [l1, kept]):
        for seed in (0, 1):
            asked = with_evaluation(spec, metrics=uses, select_by=uses[0].metric, test_images=2).model_copy(
                update={"seed": seed}
            )
            for splits in (("validation", "test"), ("train", "test")):
                expected = [(score_key(asked, *score), *score) for score in wanted(asked, splits)]
                assert wanted_by_key(asked, splits, asked.train_key) == expected
    fewer = with_evaluation(spec, scored_checkpoints=1)
    assert len(wanted_by_key(fewer, ("test",), "x")) < len(wanted_by_key(spec, ("test",), "x"))
