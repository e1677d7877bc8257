"""A real Slurm of one node, started in a temporary folder as root without cgroups or systemd, and stopped again.

By hand: `python tests/slurm/cluster.py` starts one, says which SLURM_CONF to export, and stops it on Ctrl-C.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
CPUS = 4  # as many as the node says that it has, whatever it has
START_SECONDS = 30.0
NODE_SECONDS = 5  # without a word from the node, after which its jobs are given up
KILL_SECONDS = 20  # between SIGTERM and SIGKILL

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}({address})
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
SlurmdTimeout={node_seconds}
KillWait={kill_seconds}
InactiveLimit=0
ReturnToService=2
JobRequeue=1
NodeName={host} NodeAddr={address} CPUs={cpus} RealMemory=64000 State=UNKNOWN
PartitionName=tests Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Programs of Slurm that are not installed; Debian: apt-get install slurm-wlm munge."""
    return [name for name in PROGRAMS if _program(name) is None]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Cluster:
    """One node, its controller, and how to break it.

    Args:
        folder: where everything of it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self.name = socket.gethostname().partition(".")[0]
        self.environment = {"SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Start everything; returns once the node takes jobs."""
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self.configuration.write_text(
            CONFIGURATION.format(
                host=self.name,
                address="127.0.0.1",
                ports=_free_ports(2),
                folder=self.folder,
                node_seconds=NODE_SECONDS,
                kill_seconds=KILL_SECONDS,
                cpus=CPUS,
            )
        )
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder / f'munge.{name}'}" for option, name in names.items()]
        self._do(_program("munged"), "--force", *options)
        self._do(_program("slurmctld"), "-f", str(self.configuration), "-c")
        self.start_node()

    def start_node(self) -> None:
        """Start the node, or start it again after `break_node`."""
        self._do(_program("slurmd"), "-f", str(self.configuration))
        deadline = time.monotonic() + START_SECONDS
        while self.node_state() not in ("idle", "mixed", "allocated"):
            if time.monotonic() > deadline:
                logs = [(self.folder / f"{name}.log").read_text()[-2000:] for name in ("slurmctld", "slurmd")]
                raise RuntimeError("the node does not come up:\n" + "\n".join(logs))
            time.sleep(0.2)

    def node_state(self) -> str:
        """idle, mixed, allocated, down, ..."""
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=os.environ | self.environment, capture_output=True, text=True
        )
        return done.stdout.strip().rstrip("*")

    def break_node(self) -> None:
        """What a power cut does: every process of the node is gone at once, and nobody says so."""
        daemon = self._daemon("slurmd")
        steps = [pid for pid in _processes() if _command(pid).startswith("slurmstepd:") and self._is_mine(pid)]
        for pid in [*([daemon] if daemon else []), *_descendants(steps), *steps]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        (self.folder / "slurmd.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop everything; jobs are killed."""
        self.break_node()
        for name in ("slurmctld", "munge"):
            if pid := self._daemon(name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                deadline = time.monotonic() + 10
                while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                    time.sleep(0.1)

    def _daemon(self, name: str) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.folder / f"{name}.pid").read_text())
        return None

    def _is_mine(self, pid: int) -> bool:
        """Whether a process has this cluster's configuration; another one may run beside it."""
        with suppress(OSError):
            content = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            return str(self.folder).encode() in content
        return False

    def _do(self, program: str | None, *arguments: str) -> None:
        assert program is not None, f"not installed: {', '.join(missing())}"
        subprocess.run([program, *arguments], env=os.environ | self.environment, check=True, timeout=START_SECONDS)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _descendants(ancestors: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid in _processes():
        with suppress(OSError, ValueError):
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(pid)
    found, left = [], list(ancestors)
    while left:
        new = children.get(left.pop(), [])
        found += new
        left += new
    return found


if __name__ == "__main__":
    with running_cluster() as started, suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={started.configuration}", flush=True)
        sys.stdin.read() if not sys.stdin.isatty() else signal.pause()
