"""Part: a run that is killed and goes on equals one that was never interrupted, to the bit."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tests.gpu import stand_in

stand_in.install()

import torch  # noqa: E402

from bench.base.precision import prepare  # noqa: E402
from bench.plugin.method import Method  # noqa: E402
from tests.gpu.graphs import STEPS, captured, train  # noqa: E402
from tests.gpu.setting import Checks, Setting, Values  # noqa: E402
from tests.gpu.workload import batch, difference, moment, state, tiny  # noqa: E402

SAVED, KILLED = 6, 9


def checks(setting: Setting) -> Checks:
    """See the module."""
    methods = ("fastcut",) if setting.small else ("cut", "cyclegan", "dual_contrastive", "contrastive_feature")
    for method in methods:
        for mode in ("recorded",) if setting.small else ("recorded", "eager"):
            yield f"{method}, {mode}", partial(_resumed, setting, method, mode)
    if not setting.small:
        yield "cut, recorded: twice the same in one process", partial(_repeated, setting)


def _steps(method: Method, mode: str, setting: Setting) -> Any:
    step = captured(method, setting)
    if mode == "eager":
        step.recorder = None
    return step


def _trained(name: str, mode: str, setting: Setting) -> tuple[dict[str, torch.Tensor], list[dict[str, torch.Tensor]]]:
    prepare(setting.device, "fp32")
    method = tiny(name).to(setting.device)
    losses = train(_steps(method, mode, setting), method, setting.device)
    return state(method), losses


def _resumed(setting: Setting, name: str, mode: str) -> Values:
    expected, losses = _trained(name, mode, setting)
    file = setting.out / "state.pt"
    other = setting.processes.Process(target=be_killed, args=(name, mode, setting.device, str(file)))
    other.start()
    other.join(max(30.0, setting.left))
    if other.exitcode != -signal.SIGKILL:
        other.kill()
        return {"ok": False, "problem": f"the other process ended with {other.exitcode}"}
    method = tiny(name).to(setting.device)
    restore(method, file)
    file.unlink()
    found = train(_steps(method, mode, setting), method, setting.device, first=SAVED)
    setting.wait()
    values = difference(expected, state(method))
    equal = all(
        float(one[key]) == float(other[key]) for one, other in zip(losses[SAVED:], found, strict=True) for key in one
    )
    return values | {"ok": values["ok"] and equal, "losses equal": equal, "steps": STEPS, "killed in": KILLED + 1}


def _repeated(setting: Setting) -> Values:
    return difference(_trained("cut", "recorded", setting)[0], _trained("cut", "recorded", setting)[0])


def save(method: Method, file: Path) -> None:
    """Everything that a checkpoint of a run holds, atomically."""
    content = {
        "method": method.state_dict(),
        "optimizers": {name: optimizer.state_dict() for name, optimizer in method.optimizers().items()},
        "schedulers": {name: scheduler.state_dict() for name, scheduler in method.schedulers().items()},
    }
    temporary = file.with_suffix(".part")
    torch.save(content, temporary)
    temporary.rename(file)


def restore(method: Method, file: Path) -> None:
    """Go back to what was saved, read on the CPU as checkpoints are."""
    content = torch.load(file, map_location="cpu", weights_only=False)
    method.load_state_dict(content["method"])
    for name, optimizer in method.optimizers().items():
        optimizer.load_state_dict(content["optimizers"][name])
    for name, scheduler in method.schedulers().items():
        scheduler.load_state_dict(content["schedulers"][name])


def be_killed(name: str, mode: str, device: str, file: str) -> None:
    """Train, save after SAVED steps, go on and be killed in a later one."""
    setting = Setting(device, True, float("inf"), Path(file).parent)
    prepare(device, "fp32")
    method = tiny(name).to(device)
    step = _steps(method, mode, setting)
    train(step, method, device, stop=SAVED)
    save(method, Path(file))
    train(step, method, device, first=SAVED, stop=KILLED)
    step(batch(method, KILLED, device), moment(KILLED))
    os.kill(os.getpid(), signal.SIGKILL)
