"""Run a server that ends with whoever started it: `python -m bench.tracking.guard RECORD COMMAND...`.

Its standard input is a pipe that ends when its parent ends, however that happens; then the server's whole process group is
ended. RECORD says which group that is, for the next command, in case this process is killed too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bench.base.leftovers import end_group, server_record
from bench.base.storage import write_json

LOOK = 0.2  # seconds between looks whether the server has ended by itself


def main(arguments: list[str]) -> int:
    """Run the command until standard input ends or it ends by itself; returns its exit status."""
    record, *command = arguments
    stop = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        write_json(Path(record), server_record(os.getpid(), process.pid))
        threading.Thread(target=wait_for_end, daemon=True).start()
        while process.poll() is None and not stop.wait(LOOK):
            pass
    finally:
        end_group(process.pid, process.poll)
        Path(record).unlink(missing_ok=True)
    return process.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
