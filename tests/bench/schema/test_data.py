import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from bench.schema.data import DataConfig, EarthData, FolderData

ADAPTER: TypeAdapter[DataConfig] = TypeAdapter(DataConfig)


def test_family_chooses_the_model() -> None:
    assert ADAPTER.validate_python({"family": "earth", "A": None}) == EarthData(A=None)
    assert ADAPTER.validate_python({"family": "folder", "name": "maps"}) == FolderData(name="maps")


@pytest.mark.parametrize(
    "wrong",
    [
        {"family": "moon"},
        {"family": "earth", "A": "relief", "colour": 1},
        {"family": "earth", "A": "relief", "size": 512},
        {"family": "folder", "name": "../up"},
        {"family": "folder", "name": "maps", "direction": "both"},
        {"family": "folder", "name": "maps", "counts": {"train": 3}},
    ],
)
def test_wrong_configurations_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(wrong)


def test_names() -> None:
    assert [EarthData(A=a).name for a in ("relief", "land", None)] == [
        "earth-relief2sat",
        "earth-land2sat",
        "earth-sat",
    ]


def test_light_modules_import_neither_torch_nor_pil() -> None:
    code = "import sys, bench.schema.data; assert not {'torch', 'PIL', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, bench.data.verbs, bench.data.earth; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
