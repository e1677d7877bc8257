"""What `info` says of a method: for which protocols its settings are published."""

from pathlib import Path

from bench.base.hashing import file_sha256
from bench.commands.info import describe


def test_which_recipes_a_method_has(toys):
    assert describe("negcut")["recipes"] == {
        "horse2zebra": "the published settings",
        "cityscapes": "the published settings",
    }
    assert describe("cyclegan")["recipes"] == {"every data set": "the published settings"}
    assert describe("src_hdce")["recipes"]["cityscapes"] == {"loss_options": {"lambda_SRC": 0.1, "step_at": 0.5}}
    without = toys.home.root.parent / "without.py"
    toy = toys.method
    without.write_text(
        f"from bench.plugin.discovery import load_method\nToy = load_method({toy!r})\nclass Mine(Toy):\n    recipes = {{}}\n"
    )
    assert describe(f"{without}:Mine")["recipes"].startswith("none: under every protocol its own defaults")


def test_options_that_a_runs_record_leaves_out_are_shown():
    assert describe("gcgan")["published settings"]["no_dropout"] is True
    assert describe("cut")["published settings"]["nce_layers"] == [0, 4, 8, 12, 16]


def test_what_the_keys_cover_of_a_users_file(tmp_path):
    (tmp_path / "helper.py").write_text("X = 1\n")
    (tmp_path / "vectors.npz").write_bytes(b"1")
    file = tmp_path / "mine.py"
    file.write_text(
        "import helper\nfrom bench.loss import PatchLoss\nclass Mine(PatchLoss):\n"
        "    name = 'mine'\n    data_files = ('vectors.npz',)\n"
        "    def forward(self, query, key, context):\n        import not_here_at_all\n        return eval('0')\n"
    )
    found = describe(f"{file}:Mine")
    covered = found["covered by keys"]
    assert list(covered) == ["mine.py", "helper", "vectors.npz"]
    assert covered["helper"] == f"sha256 {file_sha256(tmp_path / 'helper.py')}, {tmp_path / 'helper.py'}"
    assert found["not covered by keys"] == ["mine.py line 8: eval: told only by running it"]
    assert found["not found here"] == ["not_here_at_all"]
    assert describe(f"{Path(__file__).parents[2] / 'plugins' / 'colour.py'}:MeanColour")["higher is better"] is False
