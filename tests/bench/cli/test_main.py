"""The command line, in this process where possible: exit statuses, one-line errors, valid JSON, quick listing."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bench.base.errors import BenchError
from bench.cli.app import VERBS, app_of

PLUGINS = Path(__file__).parents[2] / "plugins"
TABLE = "src-hdce/main"


def test_list_shows_everything_by_kind(cli):
    status, out, err = cli("list")
    assert (status, err) == (0, "")
    for word in ("methods:", "losses:", "metrics:", "protocols:", "tables:", "cut", "patchnce", "horse2zebra@1", TABLE):
        assert word in out
    status, out, _ = cli("list", "losses")
    assert "patchnce" in out
    assert "methods:" not in out


@pytest.mark.parametrize("kind", ["methods", "losses", "metrics", "protocols", "tables"])
def test_list_as_json(cli, kind):
    status, out, _ = cli("list", kind, "--json")
    assert status == 0
    entries = json.loads(out)[kind]
    assert entries
    assert all(entry["name"] and entry["title"] for entry in entries)


@pytest.mark.parametrize(
    "arguments", [["list"], ["--help"], ["reproduce", "--help"], ["report", "--help"], ["list", "--json"]]
)
def test_listing_and_help_import_nothing_heavy(arguments):
    """Under half a second, which torch (3 s) or pandas (1 s) would not allow."""
    code = (
        "import sys, bench.cli.main\n"
        f"sys.argv = ['contrastbench', *{arguments!r}]\n"
        "try:\n    bench.cli.main.main()\nexcept SystemExit as exit_:\n    assert not exit_.code, exit_.code\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'mlflow', 'scipy', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_list_imports_its_own_verb_and_neither_pydantic_nor_rich():
    code = (
        "import sys, bench.cli.main\nsys.argv = ['contrastbench', 'list']\n"
        "try:\n    bench.cli.main.main()\nexcept SystemExit as exit_:\n    assert not exit_.code, exit_.code\n"
        "heavy = {'pydantic', 'rich', *(f'bench.cli.{verb}' for verb in ('plan', 'compare', 'data'))} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_alone_is_what_it_is_among_the_others(verb):
    alone, all_ = (CliRunner().invoke(app_of(verbs), [verb, "--help"]).output for verbs in ([verb], VERBS))
    assert alone == all_
    assert f"Usage: contrastbench {verb}" in alone


def test_a_status_of_its_own_for_the_shell(tmp_path):
    program = Path(sys.executable).with_name("contrastbench")
    command = [str(program)] if program.exists() else [sys.executable, "-c", "from bench.cli.main import main; main()"]
    done = subprocess.run([*command, "list", "nothing"], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        done.stderr == "error: no kind named 'nothing'; known: executors, losses, methods, metrics, protocols, tables\n"
    )


COMPARE = ["compare", "--method", "fastcut", "--against", "cut", "--protocol", "earth-land2sat"]
WRONG = {
    "unknown verb": (["reprduce"], "reprduce"),
    "unknown option": (["list", "--jsn"], "--jsn"),
    "unknown kind": (["list", "method"], "no kind named 'method'; did you mean methods"),
    "unknown name": (["info", "cutt"], "no method, loss, metric, protocol or table named 'cutt'; did you mean cut"),
    "unknown table": (["plan", "src-hdce/mian"], "no table named 'src-hdce/mian'; did you mean src-hdce/main"),
    "unknown scale": (["plan", TABLE, "--scale", "smok"], "no scale named 'smok'; did you mean smoke?"),
    "unknown method": (["plan", TABLE, "--method", "cutt"], "no method named 'cutt'; did you mean cut"),
    "missing file": (["info", "gone.py:A"], "gone.py: no such file"),
    "missing class": (["info", f"{PLUGINS / 'toy.py'}:Tory"], "has no class 'Tory'"),
    "no seeds": (["plan", TABLE, "--seeds", "0"], "--seeds"),
    "seeds in words": (["plan", TABLE, "--seeds", "many"], "--seeds"),
    "no table": (["plan"], "Missing argument"),
    "setting without value": (["plan", TABLE, "--set", "ngf"], "--set ngf: write KEY=VALUE, for example --set ngf=16"),
    "setting without key": (["plan", TABLE, "--set", "=3"], "--set =3: write KEY=VALUE"),
    "setting of a wrong type": (
        ["plan", TABLE, "--set", "ngf=wide", "--method", "cut"],
        "method cut at scale smoke: ngf: Input should be a valid integer",
    ),
    "unknown setting": (
        ["plan", TABLE, "--set", "nfg=8", "--method", "cut"],
        "--set nfg: no setting of cut named 'nfg'; did you mean ngf",
    ),
    "setting that is not YAML": (["plan", TABLE, "--set", "ngf=[1"], "--set ngf=[1: the value is not valid YAML"),
    "unknown protocol": (
        ["data", "verify", "earth-relif2sat"],
        "no protocol named 'earth-relif2sat'; did you mean earth",
    ),
    "missing protocol file": (["data", "verify", "gone.yaml"], "gone.yaml: no such protocol file"),
    "label that is a seed": (["reproduce", TABLE, "--label", "7"], "--label 7: may only hold letters, digits and ._-"),
    "label with a path": (["reproduce", TABLE, "--label", "a/b"], "--label a/b: may only hold letters"),
    "state that no run has": (
        ["status", "--state", "finished"],
        "no state of a run here named 'finished'",
    ),
    "sweep of one value": ([*COMPARE, "--sweep", "lr=1"], "--sweep lr=1: give at least two values, each once"),
    "no difference": ([*COMPARE, "--difference", "0"], "--difference 0.0: must be above 0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_used_wrongly_is_named_and_ends_with_status_2(cli, what):
    arguments, message = WRONG[what]
    status, out, err = cli(*arguments)
    assert status == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""
    if err.startswith("error: "):
        assert len(err.splitlines()) == 1


def test_a_wrong_protocol_file_is_named_with_key(cli, toys):
    toys.edit(titel="toys")
    status, _, err = cli("data", "verify", str(toys.protocol_file))
    assert (status, err) == (2, "error: toys.yaml: titel: unknown key; remove it or correct its spelling\n")
    toys.protocol_file.write_text("name: [")
    status, _, err = cli("data", "verify", str(toys.protocol_file))
    assert status == 2
    assert err.startswith("error: toys.yaml line 1: not valid YAML")


def test_what_fails_ends_with_status_1(cli, toys):
    status, _, err = cli("info", f"{PLUGINS / 'broken.py'}:Broken")
    assert status == 1
    assert err.startswith("error: plugin 'broken' (")
    assert err.endswith("fails on import: RuntimeError: this plugin is broken; mend it or leave it out\n")
    for file in (toys.home.datasets / "toys" / "testA").iterdir():
        file.unlink()
    status, out, err = cli("data", "verify", str(toys.protocol_file), "--data", str(toys.home.datasets))
    assert (status, err) == (1, "")
    assert "testA: holds no image" in out


def test_damaged_images_are_all_named(cli, toys):
    names = [toys.home.datasets / "toys" / folder / "001.png" for folder in ("trainA", "testB")]
    for name in names:
        name.write_bytes(name.read_bytes()[:90])
    status, out, err = cli("data", "verify", str(toys.protocol_file), "--data", str(toys.home.datasets), "--json")
    assert (status, err) == (1, "")
    problems = json.loads(out)["problems"]
    assert [Path(problem.split(":")[0]).absolute() for problem in problems] == names


def test_debug_shows_where_an_error_comes_from(cli):
    with pytest.raises(BenchError, match="fails on import"):
        cli("info", f"{PLUGINS / 'broken.py'}:Broken", "--debug")


def test_an_error_of_the_operating_system_is_one_line(cli, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, os.strerror(13), "/some/file")

    monkeypatch.setattr("bench.commands.list.catalogue", refuse)
    status, _, err = cli("list")
    assert (status, err) == (1, "error: /some/file: Permission denied; add --debug for details\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "stopped; run the same command to go on"),
        (MemoryError(), "error: out of memory; use fewer"),
    ],
)
def test_an_end_from_outside_is_one_line(cli, monkeypatch, error, message):
    def stop(*_):
        raise error

    monkeypatch.setattr("bench.commands.list.catalogue", stop)
    status, _, err = cli("list")
    assert status == 1
    assert err.startswith(message)
    assert len(err.splitlines()) == 1


def test_a_home_that_cannot_be_written(cli, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    status, _, err = cli("plan", TABLE, "--home", "file")
    assert status == 2
    assert (
        err
        == f"error: --home {tmp_path / 'file'}: cannot be written (File exists); choose another place with --home DIR\n"
    )

    def refuse(*_, **__):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(Path, "touch", refuse)
    status, _, err = cli("plan", TABLE, "--home", "runs")
    assert (status, err.count("\n")) == (2, 1)
    assert "cannot be written (Read-only file system)" in err


def test_status_of_an_empty_home(cli):
    status, out, err = cli("status", "--home", "nowhere")
    assert (status, err) == (0, "")
    assert "no runs under nowhere; start with: contrastbench reproduce" in " ".join(out.split())
    assert not Path("nowhere").exists()
    assert json.loads(cli("status", "--home", "nowhere", "--json")[1]) == []


def test_status_with_a_damaged_run(cli, tmp_path):
    (tmp_path / "runs" / "cut-1").mkdir(parents=True)
    (tmp_path / "runs" / "cut-1" / "spec.json").write_text("{}")
    status, out, err = cli("status", "--json")
    assert (status, err) == (1, "")
    row = json.loads(out)[0]
    assert row["state"] == "unreadable"
    assert row["reason"].startswith(f"{tmp_path / 'runs' / 'cut-1' / 'spec.json'}: ")
    assert row["reason"].endswith("run the command that started it again, which writes it anew")


@pytest.mark.parametrize(
    "name", ["patchnce", "FID", "horse2zebra", "horse2zebra@1", TABLE, f"{PLUGINS / 'toy.py'}:Toy"]
)
def test_info(cli, name):
    status, out, err = cli("info", name, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["kind"] in ("loss", "metric", "protocol", "table", "method")
    status, out, err = cli("info", name)
    assert (status, err) == (0, "")
    assert out.startswith("kind: ")


RESNET, PATCHGAN, HEAD = "11,378,179", "2,764,737", "560,384"  # as CUT's code base prints them


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("negcut", {"G": RESNET, "D": PATCHGAN, "F": HEAD, "N": "739,840", "F_": HEAD}),
        # SPADE on Cityscapes, both discriminators
        pytest.param("contrastive_feature", {"G": "93,048,003", "D": "5,601,410"}, marks=pytest.mark.slow),
    ],
)
def test_info_counts_parameters_of_the_published_networks(cli, method, parameters):
    found = json.loads(cli("info", method, "--json")[1])
    assert found["parameters"].items() >= parameters.items()
    assert found["published settings"]["num_patches"] == 256


def verbs(command, *before):
    """Every verb, those of sub-commands included."""
    for name, verb in getattr(command, "commands", {}).items():
        yield from verbs(verb, *before, name) if hasattr(verb, "commands") else [[*before, name]]


@pytest.mark.parametrize("verb", list(verbs(typer.main.get_command(app_of()))), ids=" ".join)
def test_every_verb_explains_itself_with_an_example(cli, verb):
    status, out, _ = cli(*verb, "--help")
    assert status == 0
    assert "Example:" in out
    assert f"contrastbench {' '.join(verb)}" in " ".join(out.split())


def test_a_mistake_nobody_foresaw_is_one_line_that_names_the_place(cli, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr("bench.commands.info.describe", broken)
    status, out, err = cli("info", "cut")
    assert (status, out) == (1, "")
    assert err.startswith(f"error: KeyError: 'gone' at {__file__}:")
    assert err.count("\n") == 1
    assert "add --debug for the traceback" in err
    with pytest.raises(KeyError):
        cli("info", "cut", "--debug")


def test_a_home_and_data_folder_below_the_users_own(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "me").mkdir()
    status, out, err = cli("data", "sheet", "earth-sat", "--home", "~/runs", "--data", "~/images")
    assert (status, err) == (0, "")
    assert out.strip() == str(tmp_path / "me" / "runs" / "sheets" / "earth-sat.png")
    _, out, _ = cli("data", "list", "--home", "~/runs", "--data", "~/images")
    assert str(tmp_path / "me" / "images" / "horse2zebra") in out.replace("\n", "")
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("name", [TABLE, "earth-land2sat", "patchnce"])
def test_info_is_text_for_people(cli, name):
    status, out, _ = cli("info", name)
    assert status == 0
    for python in ("{", "None", "': "):
        assert python not in out


def test_info_of_a_table_says_what_each_row_runs(cli):
    _, out, _ = cli("info", TABLE)
    assert "  - label: CUT, method: cut, variant: released, printed: method: CUT\n" in out
    _, out, _ = cli("info", "patchnce")
    assert "options: none" in out


def test_any_encoding_takes_any_output(tmp_path):
    """A scheduler's log in ASCII: the signs of help, of lists and of names become plain ones."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", "from bench.cli.main import main; main()"]
    for arguments in (["list"], ["--help"], ["score", "--help"], ["info", "gone-≠-東京.py:A"]):
        done = subprocess.run([*command, *arguments], capture_output=True, cwd=tmp_path, env=environment, timeout=300)
        assert done.stdout.isascii()
        assert done.stderr.isascii()
        assert b"Encode" not in done.stderr
    assert done.stderr.startswith(b"error: gone-!=-\\u6771\\u4eac.py: no such file")


def test_ctrl_c_while_the_program_is_still_being_imported_is_one_line(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from bench.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (1, "stopped; run the same command to go on\n")


@pytest.mark.parametrize("arguments", [["ui", "--port", "99999"], ["ui", "--port", "x"], ["lst"], ["list", "--jsn"]])
def test_what_typer_refuses_is_one_line(cli, arguments):
    status, out, err = cli(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "--help" in err


def test_a_librarys_warning_is_one_line(cli, monkeypatch):
    def warn(*_: object) -> list[str]:
        warnings.warn("two\n  lines", UserWarning, stacklevel=1)
        return []

    monkeypatch.setattr(
        "bench.commands.list.catalogue", lambda *_: warn() or {"methods": [{"name": "a", "title": "b"}]}
    )
    status, _, err = cli("list")
    assert (status, err) == (0, "warning: two lines (UserWarning)\n")


@pytest.mark.parametrize("verb", [["reproduce", "--no-mlflow"], ["plan"]])
def test_where_nothing_is_possible_the_status_is_3_and_the_way_out_is_said(cli, verb):
    status, out, _ = cli(verb[0], TABLE, "--scale", "paper", *verb[1:])
    assert status == 3
    assert "horse2zebra is not here" in " ".join(out.split())
    if verb[0] == "reproduce":
        assert (
            sum(line.startswith("nothing was possible: data set horse2zebra is not here") for line in out.splitlines())
            == 1
        )


def test_data_that_is_not_here_is_status_3(cli):
    assert cli("data", "verify", "horse2zebra")[0] == 3


OF_A_RUN = (
    ["run", "cut-1"], ["rerun", "cut-1"], ["translate", "cut-1", "--images", "a", "--out", "b"],
    ["export", "cut-1", "--out", "a.pth"],
)  # fmt: skip


@pytest.mark.parametrize("verb", [["sync"], ["ui"], *OF_A_RUN])
def test_a_mistyped_home_is_status_2_and_makes_nothing(cli, verb):
    status, _, err = cli(*verb, "--home", "rnus")
    assert (status, err) == (2, "error: --home rnus: no such folder; give the one that holds the runs\n")
    assert not Path("rnus").exists()
