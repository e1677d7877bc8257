import json

import pandas as pd
import pytest

from bench.ledger.folders import read_metrics, scores_frame
from bench.schema.run_spec import read_spec
from bench.show.curves import Series, _averaged, _legend_columns, curves_figure, loss_curves, score_curves
from bench.show.drawing import style


def test_losses_are_those_of_the_log_against_images(trained):
    keys = trained.keys["toy"]
    frame = loss_curves(trained.home, keys, batch_size=3)
    assert sorted(set(frame["seed"])) == [0, 1]
    logged = [json.loads(line) for line in trained.home.run(keys[0]).metrics.read_text().splitlines()]
    mine = frame[frame["seed"] == 0]
    assert list(mine["images"]) == [3 * row["step"] for row in logged]
    assert list(mine["G"]) == pytest.approx([row["G"] for row in logged])


def test_long_logs_are_averaged_down(trained):
    keys = {0: trained.keys["toy"][0]}
    rows = len(loss_curves(trained.home, keys, 1))
    short = loss_curves(trained.home, keys, 1, points=rows // 2)
    assert len(short) == rows // 2
    assert short["images"].iloc[-1] == loss_curves(trained.home, keys, 1)["images"].iloc[-1]


def test_scores_are_those_of_the_test_images(trained):
    keys = trained.keys["toy"]
    frame = score_curves(trained.home, keys, batch_size=1)
    assert sorted(set(frame["epoch"])) == [2, 4]
    stored = [json.loads(path.read_text()) for path in trained.home.run(keys[1]).scores.glob("*.json")]
    wanted = {one["epoch"]: one["value"] for one in stored if one["split"] == "test"}
    mine = frame[frame["seed"] == 1]
    assert dict(zip(mine["epoch"], mine[trained.metric], strict=True)) == wanted


def test_no_run_no_curve(trained):
    assert loss_curves(trained.home, {0: "toy-0000"}, 1).empty
    empty = Series("x", loss_curves(trained.home, {}, 1), score_curves(trained.home, {}, 1))
    assert curves_figure([empty], empty.loss_names, {"FID": False}, 6) is None


def test_panels_and_legend(trained):
    series = [
        Series(label, loss_curves(trained.home, keys, 1), score_curves(trained.home, keys, 1))
        for label, keys in trained.keys.items()
    ]
    with style():
        figure = curves_figure(series, ["G"], {trained.metric: False, "FID": False}, 6, scores_against="epoch")
    shown = [axis.get_title(loc="left") for axis in figure.axes]
    assert shown == ["G", "MeanColour ↓"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["toy", "needs-teacher"]
    assert list(figure.axes[1].lines[0].get_xdata()) == [2, 4]


def test_a_legend_of_long_names_has_fewer_columns():
    assert _legend_columns(["CUT", "FastCUT"]) == 2
    assert _legend_columns(["CUT"] * 8) == 6
    assert _legend_columns(["ResNet50 / bidirectional / no GAN / pretrained / frozen"] * 8) == 1
    assert _legend_columns(["CUT ConvEncoder / standard / GAN"] * 8) == 2


@pytest.mark.parametrize("width", [1, 2, 3])
def test_what_is_averaged_is_what_grouping_gives(width):
    frame = pd.DataFrame([{"step": 4, "G": 1, "D": 0.1}, {"step": 8, "G": 2}, {"step": 9, "G": 4, "D": 1e-9}])
    grouped = frame.groupby(frame.index // width).agg({"step": "max", "G": "mean", "D": "mean"})
    pd.testing.assert_frame_equal(_averaged(frame, width), grouped, check_exact=True)


def test_score_curves_are_those_of_the_frames_of_scores_and_losses(trained):
    keys = trained.keys["toy"]
    rows = []
    for seed, key in keys.items():
        folder = trained.home.run(key)
        logged, scores = read_metrics(folder), scores_frame(folder, read_spec(folder.spec), ("test",))
        images = dict(zip(logged["epoch"], logged["step"] * 3, strict=True))
        done = scores[(scores["split"] == "test") & (scores["state"] == "done") & scores["epoch"].isin(list(images))]
        for _, score in done.iterrows():
            at = images[score["epoch"]]
            rows.append({"seed": seed, "images": at, "epoch": score["epoch"], score["metric"]: score["value"]})
    expected = pd.DataFrame(rows).groupby(["seed", "images", "epoch"], as_index=False).first()
    assert len(expected) > 1
    found = score_curves(trained.home, keys, 3)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
