import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "draw_house.py"


def test_the_picture_of_the_house_shows_the_imports_of_today():
    spec = importlib.util.spec_from_file_location("draw_house", SCRIPT)
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    assert house.recorded() == house.arrows(), "the picture is stale: run `python docs/draw_house.py` and commit it"
