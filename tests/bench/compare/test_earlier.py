"""A comparison that an earlier version wrote is read, and shown, as if it were written now."""

import json

import pytest

from bench.base.sealed import Damaged, write_sealed
from bench.compare.document import lay_out
from bench.compare.findings import Findings
from results.tables.writers.markdown import markdown


def format_2(findings) -> dict:
    """What format 2 held."""
    content = findings.model_dump(mode="json") | {"format": 2}
    for name in ("order", "select_by", "spread", "difference", "rule", "rankings"):
        del content[name]
    for contender in content["contenders"]:
        del contender["is_candidate"], contender["tries"]
        contender["differences"] = [
            f"{one['setting']} {one['own']} (candidate: {one['first']})" for one in contender["differences"]
        ]
    for duel in content["duels"]:
        del duel["candidate"], duel["corrected"]
        if duel["paired"]:
            del duel["paired"]["differences"]
    return content


def test_format_2_is_read(tmp_path, findings):
    path = tmp_path / "mine-vs-cut" / "comparison.json"
    path.parent.mkdir()
    write_sealed(path, "comparison", "mine-vs-cut", format_2(findings))
    found = Findings.of_folder(path)
    assert found.format == 3
    assert [contender.is_candidate for contender in found.contenders] == [True, False, False]
    assert found.contenders[1].differences == findings.contenders[1].differences
    assert {duel.candidate for duel in found.duels} == {"mine"}
    assert found.metrics == {"FD": False, "SSIM": True}
    assert found.main_metric == "FD"
    assert "mine against cut on FD: -20.0, 95 % " in markdown(lay_out(found))


def test_the_format_before_had_no_seal(tmp_path, findings):
    content = format_2(findings)
    del content["format"]
    path = tmp_path / "mine-vs-cut" / "comparison.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    assert Findings.of_folder(path).candidates[0].label == "mine"


@pytest.mark.parametrize(
    "change", [{"contenders": 5}, {"contenders": []}, {"duels": [1]}, {"format": 4}, {"metrics": None}]
)
def test_what_is_no_comparison_is_refused_in_one_line(tmp_path, findings, change):
    path = tmp_path / "mine-vs-cut" / "comparison.json"
    path.parent.mkdir()
    write_sealed(path, "comparison", "mine-vs-cut", format_2(findings) | change)
    with pytest.raises(Damaged, match=r"run its compare command again, or remove its folder") as caught:
        Findings.of_folder(path)
    assert "\n" not in str(caught.value)
