"""`python -m tests.gpu.part NAME,... DEVICE SMALL UNTIL FOLDER`: parts of the measurements, in this process."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from tests.gpu import stand_in
from tests.gpu.setting import DEVICE_LOST, Setting, run


def main(names: str, device: str, small: str, until: str, folder: str) -> int:
    """Make them; the exit status says whether the device still answers."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    stand_in.install()
    setting = Setting(device, small == "1", float(until), Path(folder))
    if not setting.cuda:
        import torch

        torch.set_num_threads(1)
    for name in names.split(","):
        module = importlib.import_module(f"tests.gpu.{name}")
        if not run(name, setting, module.checks(setting)):
            return DEVICE_LOST
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
