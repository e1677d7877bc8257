import pytest

from bench.compare.findings import Findings
from bench.report.anchors import Anchors
from bench.report.contender_evidence import contender_evidences
from bench.report.figures import Figures
from bench.report.pictures import Pictures
from bench.report.run_material import RunMaterial


@pytest.fixture
def findings(root):
    return Findings.of_folder(root.comparisons()[0])


@pytest.fixture
def found(root, findings):
    """The evidence of a comparison, of each contender by its only metric."""

    def of(changed=findings):
        material = RunMaterial(root, Pictures(), Figures())
        return contender_evidences(changed, Anchors(), material)

    return of


def test_every_number_has_evidence(found, findings):
    assert [(item.title, item.metric) for item in found()] == [
        (contender.label, f"{metric} ↓") for contender in findings.contenders for metric in findings.metrics
    ]


def test_a_rival_stands_beside_the_candidate_seed_by_seed(found, findings):
    candidate, rival = found()
    assert [line.seed for line in rival.seeds] == findings.seeds
    for line in rival.seeds:
        ours, theirs, difference = (
            float(text.replace("−", "-")) for text in (line.candidate, line.value, line.difference)
        )
        assert difference == pytest.approx(ours - theirs, abs=0.002)
        assert line.command == f"contrastbench rerun {line.train_key}"
    assert {line.difference for line in candidate.seeds} == {"–"}
    assert candidate.is_candidate


def test_what_is_shown_is_said_with_its_direction(found, findings):
    sentence = found()[1].duels[0].sentence
    assert sentence.endswith("lower is better: no difference is shown at 2 seeds.")
    shown = [duel.model_copy(update={"judgement": "better"}) for duel in findings.duels]
    assert "better is shown at 2 seeds" in found(findings.model_copy(update={"duels": shown}))[1].duels[0].sentence
    few = [duel.model_copy(update={"paired": None, "p_holm": None}) for duel in findings.duels]
    line = found(findings.model_copy(update={"duels": few}))[1].duels[0]
    assert ("too few seeds of both to test" in line.sentence, line.facts) == (True, [])
