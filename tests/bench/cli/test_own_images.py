"""`--images`, `data use` and `train` from the command line: what is refused, and where a protocol is found."""

import json
from pathlib import Path

import numpy as np
import pytest
from own_folders import write_images

EXAMPLES = Path(__file__).parents[3] / "examples"
COMPARE = ("compare", "--method", "cut", "--against", "cyclegan")


@pytest.fixture
def leaves(tmp_path: Path) -> str:
    write_images(tmp_path / "leaves" / "dry", 30, 0, suffix="jpg")
    write_images(tmp_path / "leaves" / "wet", 30, 1, suffix="jpg")
    return "leaves"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*COMPARE, "--images", "leaves", "--protocol", "earth-sat"), "give one of them; --images writes a protocol"),
        (COMPARE, "--protocol NAME (contrastbench list protocols), or --images DIR"),
        ((*COMPARE, "--images", "gone"), "--images gone: no such folder"),
        ((*COMPARE, "--protocol", "earth-sat", "--layout", "pairs"), "--layout and --domains go with --images"),
        ((*COMPARE, "--images", "leaves", "--layout", "pear"), "no layout that this task can take named 'pear'"),
        ((*COMPARE, "--protocol", "leaves"), "no protocol named 'leaves'"),
        (("train", "--method", "cut"), "or --images DIR"),
        (("train", "--method", "cutt", "--images", "leaves"), "no method named 'cutt'; did you mean cut"),
        (("train", "--method", "drn", "--images", "leaves"), "reads no images without a protocol"),
        (("data", "use", "leaves", "--task", "unpaired"), "no task named 'unpaired'"),
        (("data", "use", "leaves", "--calibrate"), "--calibrate: needs the --method whose steps are timed"),
        (("data", "use", "leaves", "--name", "cityscapes"), "--name cityscapes: "),
    ],
)
def test_what_is_used_wrongly_is_one_line_with_status_2(cli, leaves, arguments, message):
    status, _, err = cli(*arguments)
    assert status == 2, err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in line


def test_a_protocol_in_the_home_is_found_by_every_command_that_takes_one(cli, leaves):
    status, out, err = cli("data", "use", leaves, "--name", "my-leaves")
    assert (status, err) == (0, "")
    assert "two-folders" in out
    assert "my-leaves@1" in cli("list", "protocols")[1]
    assert "my-leaves@1" not in cli("list", "protocols", "--home", "elsewhere")[1]
    assert json.loads(cli("info", "my-leaves", "--json")[1])["data"]["family"] == "own_images"
    status, out, _ = cli("data", "verify", "my-leaves", "--json")
    assert (status, json.loads(out)["problems"]) == (0, [])
    assert cli("data", "sheet", "my-leaves")[0] == 0
    rows = json.loads(cli("data", "list", "--json")[1])
    assert [row["state"] for row in rows if row["protocol"] == "my-leaves"] == ["present"]
    assert not Path("elsewhere").exists()


def test_data_use_prints_the_protocol_as_json_and_the_rest_beside(cli, leaves):
    status, out, err = cli("data", "use", leaves, "--json", "--domains", "wet,dry")
    assert status == 0
    assert json.loads(out)["data"]["streams"][0]["train"] == "wet"
    assert "wet is A, dry is B" in err


@pytest.mark.slow
def test_sixty_jpegs_in_two_folders_become_a_comparison_with_one_command(cli, tmp_path):
    rng = np.random.default_rng(0)
    for number, name in enumerate(("Trockene Blätter", "wet, 2nd try")):
        for i in range(30):
            size = tuple(int(side) for side in rng.integers(48, 160, 2))
            write_images(tmp_path / "My Leaves" / name, [f"IMG ({i}) é"], 100 * number + i, size, "JPG")
    command = (
        "compare", "--loss", f"{EXAMPLES / 'focal_nce.py'}:FocalNCE", "--against", "cut", "--images", "My Leaves",
        "--seeds", "1", "--no-mlflow",
    )  # fmt: skip
    status, out, err = cli(*command)
    assert status == 0, err
    assert "two-folders" in out
    folder = tmp_path / "runs" / "comparisons" / "focal_nce-vs-cut-my_leaves-smoke"
    found = json.loads((folder / "comparison.json").read_text())
    assert {"KD-EffLite0", "FD-EffLite0"} <= found["metrics"].keys()
    assert not any(contender["problems"] for contender in found["contenders"])
    assert (folder / "samples.png").is_file()
    status, out, _ = cli(*command)
    assert (status, "2 done already, 0 to do" in out) == (0, True)
    status, out, _ = cli("train", "--method", "cut", "--images", "My Leaves", "--no-mlflow", "--json")
    (run,) = json.loads(out)
    assert (status, run["state"]) == (0, "done")
    assert run["key"] in found["contenders"][1]["train_keys"].values()  # the same run, whoever asks
