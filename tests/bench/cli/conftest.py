import sys

import pytest

from bench.cli.main import main


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    """Run a command below a folder of its own: (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["contrastbench", *arguments])
        status = 0
        try:
            main()
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
