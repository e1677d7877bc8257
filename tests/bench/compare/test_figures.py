import numpy as np
import pandas as pd
from PIL import Image
from written_records import write_losses

from bench.base.home import Home
from bench.compare.figures import forest_figure, write_figures


def log(home, key, scale):
    folder = home.run(key)
    folder.path.mkdir(parents=True)
    rows = [{"step": i + 1, "epoch": i // 50 + 1, "G": scale * (2 + np.cos(i)), "NCE": 1 / (i + 1)} for i in range(250)]
    write_losses(folder, rows)


def test_figures_show_everyone_and_come_out_the_same_twice(tmp_path, findings, monkeypatch):
    home = Home(tmp_path / "runs", tmp_path)
    assert [p.name for p in write_figures(findings, home, tmp_path / "a")] == [
        "forest.png", "forest.svg", "intervals.png", "intervals.svg",
    ]  # fmt: skip
    from bench.compare import figures

    monkeypatch.setattr(figures, "score_curves", lambda *_: pd.DataFrame())  # there are no scores on disk
    for contender in findings.contenders:
        for key in contender.train_keys.values():
            log(home, key, 30 if contender.label == "cut" else 1)
    paths = write_figures(findings, home, tmp_path / "a")
    assert [p.name for p in paths] == [
        f"{name}.{kind}" for name in ("forest", "intervals", "curves") for kind in ("png", "svg")
    ]
    for path in paths[::2]:
        with Image.open(path) as image:
            assert image.size[0] > 1000
            assert len(image.convert("RGB").getcolors(1 << 24)) > 50
    for path in paths[1::2]:
        text = path.read_text()
        assert all(contender.label in text for contender in findings.contenders)
    assert "FD: difference, better to the left" in paths[1].read_text()
    assert "FD (lower is better)" in paths[3].read_text()
    again = write_figures(findings, home, tmp_path / "b")
    assert [p.read_bytes() for p in again[1::2]] == [p.read_bytes() for p in paths[1::2]]


def test_no_measurement_no_figure(tmp_path, findings):
    empty = findings.model_copy(update={"metrics": {}, "duels": []})
    assert write_figures(empty, Home(tmp_path, tmp_path), tmp_path) == []


def test_what_shows_the_same_data_is_not_drawn_again(tmp_path, findings, monkeypatch):
    home, folder = Home(tmp_path / "runs", tmp_path), tmp_path / "a"
    drawn = []
    from bench.compare import figures

    monkeypatch.setattr(figures, "score_curves", lambda *_: pd.DataFrame())  # there are no scores on disk
    draw = figures._draw
    monkeypatch.setattr(figures, "_draw", lambda *args: drawn.append(args) or draw(*args))
    paths = write_figures(findings, home, folder)
    assert write_figures(findings, home, folder) == paths
    assert len(drawn) == 1
    for change in (
        (folder / "intervals.png").unlink,
        lambda: (folder / "intervals.svg").write_text("damaged"),
        lambda: (folder / "figures.json").write_text("{}"),
        lambda: log(home, findings.contenders[0].train_keys[0], 1),
    ):
        change()
        before = len(drawn)
        write_figures(findings, home, folder)
        assert len(drawn) == before + 1
    renamed = findings.model_copy(update={"name": "another"})
    write_figures(renamed, home, folder)
    assert len(drawn) == 6


def test_the_forest_has_what_two_seeds_tell(findings, make, contender):
    assert forest_figure(make(contender("mine", {"FD": [1.0]}), contender("cut", {"FD": [2.0]}))) is None
    two = make(contender("mine", {"FD": [1.0, 2.0]}), contender("cut", {"FD": [2.0, 5.0]}))
    (axis,) = forest_figure(two).axes
    low, high = axis.get_xlim()
    paired = two.duels[0].paired
    assert low < paired.interval.low
    assert paired.interval.high < high
    assert [text.get_text() for text in axis.get_yticklabels()] == ["mine − cut"]
