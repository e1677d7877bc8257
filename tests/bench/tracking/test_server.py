import socket

import pytest

from bench.base.errors import UsageError
from bench.tracking.address import how_to_browse, shown, tracking_uri
from bench.tracking.server import address_lines, serve


def test_a_port_in_use_is_one_clear_line(toys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"--port {port}: cannot be used \(Address already in use\); choose another"
        ):
            serve(toys.home, tracking_uri(toys.home, None), port, print)


def test_a_server_is_not_served_again(toys):
    with pytest.raises(UsageError, match="is a server, which shows itself"):
        serve(toys.home, "https://mlflow.example.org", 5000, print)


def test_the_address_is_local_and_the_way_from_elsewhere_is_said():
    here, elsewhere = address_lines(5001)
    assert "http://127.0.0.1:5001" in here
    assert "ssh -L 5001:127.0.0.1:5001 " in elsewhere


def test_the_default_is_a_database_in_the_results_root(toys):
    assert tracking_uri(toys.home, None) == f"sqlite:///{toys.home.root}/mlflow.db"
    assert tracking_uri(toys.home, "http://x:1") == "http://x:1"


def test_passwords_are_not_shown():
    assert shown("postgresql://me:secret@db/mlflow") == "postgresql://db/mlflow"


def test_how_to_browse_depends_on_the_address(toys):
    home = toys.home
    assert how_to_browse(home, tracking_uri(home, None)) == f"contrastbench ui --home {home.root}"
    assert how_to_browse(home, "http://x:1") == "http://x:1"
    assert (
        how_to_browse(home, "sqlite:////a.db") == f"contrastbench ui --home {home.root} --tracking-uri sqlite:////a.db"
    )


@pytest.mark.parametrize("given", ["nonsense://x", "mlruns", "file:///tmp/mlruns", ""])
def test_an_address_that_mlflow_cannot_have_is_refused_before_anything_runs(toys, given: str) -> None:
    with pytest.raises(UsageError, match=r"--tracking-uri .*: write sqlite:///FILE, postgresql://"):
        tracking_uri(toys.home, given)


@pytest.mark.parametrize("given", ["http://127.0.0.1:5000", "sqlite:///some.db", "postgresql+psycopg2://me@host/runs"])
def test_addresses_of_mlflow_stay_as_given(toys, given: str) -> None:
    assert tracking_uri(toys.home, given) == given
