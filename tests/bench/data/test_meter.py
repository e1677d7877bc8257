import io

import pytest
from rich.console import Console

from bench.data import meter as meter_module
from bench.data.meter import Meter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(meter_module.time, "monotonic", lambda: now[0])
    return now


def shown(**options: object) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100, **options), text  # type: ignore[arg-type]


def test_speed_and_time_left(clock: list[float]) -> None:
    meter = Meter("downloading", "bytes", 100_000_000, 20_000_000, shown()[0])
    assert meter.status() == "20.0 of 100.0 MB"
    clock[0] = 10.0
    meter.advance(20_000_000)
    assert meter.status() == "40.0 of 100.0 MB, 2.0 MB/s, 30 s left"
    meter.restart(90_000_000, None)
    clock[0] = 11.0
    meter.advance(1_000_000)
    assert meter.status() == "91.0 MB, 1.0 MB/s"


def test_lines_where_there_is_no_terminal(clock: list[float]) -> None:
    console, text = shown()
    with Meter("resizing", "images", 40, console=console) as meter:
        for second in range(1, 21):
            clock[0] = float(second)
            meter.advance()
    assert text.getvalue().splitlines() == [
        "resizing: 10 of 40 images, 1.0 a second, 30 s left",
        "resizing: 20 of 40 images, 1.0 a second, 20 s left",
    ]


def test_a_bar_on_a_terminal() -> None:
    console, text = shown(force_terminal=True)
    with Meter("resizing", "images", 4, console=console) as meter:
        meter.advance(4)
    assert "resizing" in text.getvalue()
