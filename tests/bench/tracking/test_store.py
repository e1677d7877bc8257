"""What a process that was killed in the middle of setting MLflow up leaves is made good by the next one."""

import shutil
from types import SimpleNamespace

import pytest

from bench.tracking.address import database_path, sqlite_address, tracking_uri
from bench.tracking.store import PROTOCOL_TAG, VIEW, experiment_id, open_client

STORE = "mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore"


class Killed(BaseException):
    """The end of a process, as far as a test can have it."""


def begun_only(uri, _artifacts, *_more, **_options):
    """MLflow's tables take seconds to make, and what was begun cannot be gone on with."""
    path = database_path(uri)
    assert path is not None
    path.write_bytes(b"half a database")
    path.with_name(f"{path.name}-journal").touch()
    raise Killed


@pytest.mark.parametrize("own", [True, False])
def test_a_database_is_there_when_it_is_whole(toys, tmp_path, monkeypatch, empty_database, own):
    uri = tracking_uri(toys.home, None) if own else sqlite_address(tmp_path / "below" / "other.db")
    path = toys.home.mlflow_database if own else tmp_path / "below" / "other.db"
    with monkeypatch.context() as patch:
        patch.setattr(STORE, begun_only)
        with pytest.raises(Killed):
            open_client(toys.home, uri)
    assert not path.exists()
    assert not [left for left in path.parent.iterdir() if left.name.endswith((".tmp", "-journal"))]

    def whole(uri, _artifacts):
        shutil.copy(empty_database, database_path(uri))
        return SimpleNamespace(delete_experiment=deleted.append, engine=SimpleNamespace(dispose=lambda: None))

    deleted: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("bench.tracking.store.check_usable", lambda *_: None)
        patch.setattr(STORE, whole)
        patch.setattr("mlflow.MlflowClient", lambda tracking_uri: SimpleNamespace(search_experiments=lambda **_: []))
        open_client(toys.home, uri)
    assert path.read_bytes() == empty_database.read_bytes()
    assert deleted == (["0"] if own else [])  # somebody else's database keeps its `Default`


def test_a_database_that_another_home_made_meanwhile_is_left_alone(toys, tmp_path, monkeypatch):
    path = tmp_path / "other.db"

    def slow(uri, _artifacts):
        database_path(uri).write_bytes(b"ours")
        path.write_bytes(b"theirs")
        return SimpleNamespace(engine=SimpleNamespace(dispose=lambda: None))

    monkeypatch.setattr(STORE, slow)
    monkeypatch.setattr("mlflow.MlflowClient", lambda tracking_uri: SimpleNamespace(search_experiments=lambda **_: []))
    open_client(toys.home, sqlite_address(path))
    assert path.read_bytes() == b"theirs"


def test_an_experiment_that_lacks_its_note_and_view_gets_them(toys):
    tags = {PROTOCOL_TAG: "made-up@1", "mlflow.note.content": "a note of the user's own"}
    experiment = SimpleNamespace(experiment_id="7", lifecycle_stage="active", tags=tags)
    written: dict[str, str] = {}
    client = SimpleNamespace(
        get_experiment_by_name=lambda name: experiment,
        set_experiment_tag=lambda identity, tag, value: written.update({tag: value}),
    )
    assert experiment_id(client, toys.home, tracking_uri(toys.home, None), "made-up@1") == "7"
    assert list(written) == [f"mlflow.sharedViewState.{VIEW}"]
