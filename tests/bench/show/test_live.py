from io import StringIO

from rich.console import Console

from bench.base.storage import write_json
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.executor import Outcome
from bench.show.live import RunView

LOSSES = {name: 0.5 for name in ("D", "D_fake", "D_real", "G", "G_GAN", "NCE", "NCE_Y")}


def view(toys):
    grid = Grid(toys.home)
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    out = StringIO()
    return RunView(Console(file=out, width=80), toys.home, grid.runs, grid.names, 1), key, out


def test_where_there_is_no_terminal_a_line_shows_step_time_left_and_every_loss(toys):
    shown, key, out = view(toys)
    state = {"phase": "training", "step": 4, "total_steps": 16, "epoch": 1, "total_epochs": 4}
    write_json(toys.home.run(key).progress, state | {"losses": LOSSES, "seconds_per_step": 0.5})
    shown({key: ""}, {})
    assert out.getvalue().splitlines() == [
        "toy on toys, seed 0: step 4/16 epoch 1/4  6 s left  0.50 s/step  "
        "D 0.5 D_fake 0.5 D_real 0.5 G 0.5 G_GAN 0.5 NCE 0.5 NCE_Y 0.5",
        "0 of 1 runs done, 0 s so far, about 6 s left",
    ]


def test_brackets_in_a_reason_are_printed_and_not_read_as_markup(toys):
    shown, key, out = view(toys)
    shown({}, {key: Outcome("failed", "shape [/a] of [red]x[/red] in /home/a[b]c")})
    assert "FAILED toy on toys, seed 0 in 0 s: shape [/a] of [red]x[/red] in /home/a[b]c" in out.getvalue()
    assert len(out.getvalue().splitlines()) == 1


def test_the_time_left_is_said_not_to_be_known_before_the_first_step(toys):
    shown, key, out = view(toys)
    shown({key: ""}, {})
    assert "0 of 1 runs done, 0 s so far, time left not known yet" in out.getvalue()


def test_what_another_command_does_is_shown_as_its_own(toys):
    shown, key, out = view(toys)
    write_json(toys.home.run(key).progress, {"phase": "opening data"})
    shown({key: "by another command"}, {})
    assert out.getvalue().splitlines()[0] == "toy on toys, seed 0: by another command  opening data"
    shown({}, {key: Outcome("done", "by another command")})
    assert out.getvalue().splitlines()[-1] == "done toy on toys, seed 0 in 0 s: by another command"
