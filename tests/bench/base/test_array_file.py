import zipfile

import numpy as np
import pytest

from bench.base.array_file import read_arrays
from bench.base.errors import BenchError


def test_arrays_are_read_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.float32(1))
    found = read_arrays(tmp_path / "a.npz")
    assert set(found) == {"a", "b"}
    assert found["a"].tolist() == [0, 1, 2]


def test_more_than_fits_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(1 << 22))
    with pytest.raises(BenchError, match=r"bomb\.npz: cannot be read as arrays \(more than 1 MiB\)"):
        read_arrays(tmp_path / "bomb.npz", 1 << 20)


def test_objects_and_other_members_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([None]))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("a.txt", "text")
    for name in ("objects.npz", "text.npz"):
        with pytest.raises(BenchError, match=rf"{name}: cannot be read as arrays"):
            read_arrays(tmp_path / name)
