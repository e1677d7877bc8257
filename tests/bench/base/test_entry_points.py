import sys

from bench.base import entry_points
from bench.base.entry_points import offered, offered_groups


def install(site, name, *points):
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[contrastbench.losses]\n" + "\n".join(points) + "\n[other]\nx = y:z\n")


def test_packages_are_read_once_for_each_path_and_offers_are_sorted(tmp_path, monkeypatch):
    install(tmp_path, "offers", "zeta = offers:Z", "alpha = offers:A")
    before = offered("contrastbench.losses")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert [point.name for point in offered("contrastbench.losses") if point not in before] == ["alpha", "zeta"]
    assert "contrastbench.losses" in offered_groups()
    assert "other" not in offered_groups()
    monkeypatch.setattr(entry_points, "entry_points", lambda: 1 / 0)
    assert offered("contrastbench.methods") == offered("contrastbench.methods")
