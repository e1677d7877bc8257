"""What `info` says of a method: for which protocols its settings are published."""

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
