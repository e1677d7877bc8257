import pytest

from bench.base.errors import UsageError
from bench.base.home import Home
from bench.run.slurm.options import SlurmOptions, read_options


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Home.open(tmp_path / "runs", tmp_path / "datasets")


def test_the_command_line_wins_over_the_homes_file_and_that_over_the_users(home, tmp_path):
    (tmp_path / "config" / "contrastbench").mkdir(parents=True)
    (tmp_path / "config" / "contrastbench" / "slurm.yaml").write_text("account: us\npartition: old\nhours: 3\n")
    (home.root / "slurm.yaml").write_text("partition: gpu\nhours: 4\nsetup: [module load cuda]\n")
    options = read_options(home, {"hours": 5})
    assert (options.account, options.partition, options.hours, options.setup) == ("us", "gpu", 5, ("module load cuda",))


def test_without_any_the_defaults_hold(home):
    options = read_options(home, {})
    assert (options.hours, options.poll_seconds) == (24, 15)
    assert SlurmOptions.model_validate(options.model_dump()) == options  # none that nobody could write


@pytest.mark.parametrize(
    ("job", "text"),
    [
        ({"partitions": "gpu"}, "--job: partitions: unknown key; .*; keys: partition, account"),
        ({"hours": 0}, "--job: hours: "),
        ({"sbatch": 3}, "--job: sbatch: "),
    ],
)
def test_a_wrong_option_is_named(home, job, text):
    with pytest.raises(UsageError, match=text):
        read_options(home, job)


def test_a_wrong_file_is_named(home):
    (home.root / "slurm.yaml").write_text("hours: many\n")
    with pytest.raises(UsageError, match=r"slurm\.yaml: hours: "):
        read_options(home, {})
