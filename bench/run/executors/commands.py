"""The `commands` executor: one shell line a run, for whatever scheduler there is, and examples of how to run them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.base.home import Home
from bench.base.storage import write_text
from bench.base.streams import shell_word
from bench.base.words import shown_path
from bench.plugin.named import is_file_reference
from bench.run.executors.executor import Executor, Outcome
from bench.run.executors.order import levels
from bench.run.ticket import Ticket
from bench.schema.run_spec import RunSpec

PROGRAM = "contrastbench"

SBATCH = """#!/bin/bash
# One task of the array for each line of a wave: sbatch --array=1-$(wc -l < wave-1.txt) array.sbatch wave-1.txt
# Lines of a later wave need runs of the earlier ones: add --dependency=afterany:JOB with the number of that array.
#SBATCH --job-name=contrastbench
#SBATCH --cpus-per-task={cpus}
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
{gpu}WAVE=${{1:?the file with a line for each run}}
# a run that is told to stop saves its state; submitted again it goes on from there
bash -c "exec $(sed -n "${{SLURM_ARRAY_TASK_ID}}p" "$WAVE")" &
trap 'kill -TERM $!' TERM
wait $!  # until the run has ended, or a signal has come
wait $!
"""

PARALLEL = """#!/bin/sh
# GNU parallel, {slots} at once on this machine, or on several with --sshlogin. What failed or was stopped is done again
# by the same script; what is done is not done twice.
cd "$(dirname "$0")" || exit 1
status=0
{waves}
exit $status
"""


class CommandsExecutor(Executor):
    """Writes what a person hands to a scheduler that this project knows nothing of."""

    name = "commands"
    description = "a file of shell lines, one a run, and templates for any scheduler; runs nothing itself"
    waits = False

    @property
    def folder(self) -> Path:
        """Where the lines and the templates are."""
        return self.home.root / "commands"

    def at_once(self, specs: Iterable[RunSpec]) -> int:
        """See `Executor.at_once`."""
        return self.slots or 1

    def hand_over(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """Write the lines of these runs in waves: those of a wave need none of the same or of a later one.

        Returns:
            No real tickets: nobody can be asked about these runs but their folders.
        """
        for old in self.folder.glob("wave-*.txt"):
            old.unlink()
        waves: dict[int, list[str]] = {}
        for key, level in levels(specs).items():
            waves.setdefault(level + 1, []).append(line(self.home, specs[key]))
        for wave, lines in waves.items():
            write_text(self.folder / f"wave-{wave}.txt", "\n".join(lines) + "\n")
        cpus = max((spec.threads * spec.ranks.count for spec in specs.values()), default=1)
        gpus = max((spec.ranks.count for spec in specs.values() if spec.device == "cuda"), default=0)
        gpu = f"#SBATCH --gpus-per-node={gpus}\n" if gpus else ""
        write_text(self.folder / "array.sbatch", SBATCH.format(cpus=cpus, gpu=gpu))
        slots = self.slots or 1
        calls = [f"parallel --jobs {slots} < wave-{wave}.txt || status=1" for wave in sorted(waves)]
        write_text(self.folder / "parallel.sh", PARALLEL.format(slots=slots, waves="\n".join(calls)))
        return {key: Ticket(executor=self.name, run=key, job={}, submitted=0.0) for key in specs}

    def said_of(self, handed_over: Mapping[str, Ticket]) -> str:
        """See `Executor.said_of`."""
        return (
            f"{len(handed_over)} runs are left to do, a line each in {shown_path(self.folder)}/wave-*.txt, with "
            "array.sbatch and parallel.sh as examples; once they are done the same command fills the tables"
        )

    def submit(self, specs: Mapping[str, RunSpec]) -> dict[str, Ticket]:
        """Take nothing: see `hand_over`."""
        return {}

    def poll(self, tickets: Mapping[str, Ticket]) -> dict[str, Outcome]:
        """See `Executor.poll`; nothing is known but what is in the runs' folders."""
        return {key: Outcome("stopped") for key in tickets}

    def cancel(self, tickets: Mapping[str, Ticket]) -> None:
        """See `Executor.cancel`; who runs the lines ends them."""


def line(home: Home, spec: RunSpec) -> str:
    """The shell line that does one run, with the files of the user's that it needs."""
    files = [("--method", spec.method), ("--loss", str(spec.config.get("loss", "")))]
    files += [("--metric", use.metric) for use in spec.evaluation.metrics]
    words = [*_program(), "run", spec.train_key, "--home", str(home.root), "--data", str(home.datasets)]
    words += [word for option, name in files if is_file_reference(name) for word in (option, name)]
    return " ".join(map(shell_word, words))


def _program() -> list[str]:
    """How this installation is started: by its program beside this Python, or by this Python alone."""
    installed = Path(sys.executable).with_name(PROGRAM)
    if installed.is_file():
        return [str(installed)]
    return [sys.executable, "-P", "-c", "from bench.cli.main import main; main()"]
