"""Every installed plugin, and any given by `pytest --plugin REF`, passes the suite; bad ones fail for the right reason."""

from pathlib import Path

import pytest

from bench.base.errors import BenchError, UsageError
from bench.checks.conformance import checks_for, loss_checks, method_checks, problem, trained_by
from bench.checks.conformance.__main__ import main, parameter_lines
from bench.plugin.discovery import plugins

PLUGINS = Path(__file__).parents[3] / "plugins"
TOY = f"{PLUGINS / 'toy.py'}:Toy"
# what the bad ones are made of passes everything, so each failure below comes from the one thing that was changed
GOOD_METHOD = f"{PLUGINS / 'bad_methods.py'}:Good"
GOOD_LOSS = f"{PLUGINS / 'bad_losses.py'}:Good"


def pytest_generate_tests(metafunc):
    if "plugin_check" not in metafunc.fixturenames:
        return
    pairs = [(name, method_checks()) for name in plugins("method")]
    pairs += [(name, loss_checks()) for name in plugins("loss")]
    pairs += [(GOOD_METHOD, method_checks()), (GOOD_LOSS, loss_checks()), (f"{GOOD_LOSS}Adversary", loss_checks())]
    pairs += [(reference, checks_for(reference)) for reference in metafunc.config.getoption("--plugin")]
    cases = [(reference, check, name) for reference, checks in pairs for name, check in checks.items()]
    ids = [f"{Path(reference).name}: {name}" for reference, _, name in cases]
    metafunc.parametrize("plugin_check", [case[:2] for case in cases], ids=ids)


def test_plugin(plugin_check):
    reference, check = plugin_check
    check(reference)


BAD_METHODS = {
    "NoCitation": ("literals", "citation is missing"),
    "WrongTask": ("literals", "'telepathy' is none of"),
    "OpenConfig": ("Config", "Config takes unknown keys"),
    "BadRecipe": ("Config", "recipe horse2zebra: n_epochs: Input should be a valid integer"),
    "Attached": ("losses", "loss size is still attached"),
    "NotANumber": ("losses", "loss G is nan"),
    "VectorLoss": ("losses", "loss G must be a scalar tensor"),
    "DeadNetwork": ("network", "netD never changes"),
    "ForgetsState": ("going on", "going on from a checkpoint gives another result"),
    "ForgetsOptimizer": ("going on", "state_dict netD.weight differs|state_dict netD.bias differs"),
    "UnsavedBuffer": ("output", "depends on something that state_dict does not hold"),
    "DrawsFromItsWeights": ("moment alone", "draw depends on more than its context.*: shift differs"),
    "DrawsInTheStep": ("draws nothing", "the step draws 'late' from the context"),
    "Waits": ("draws nothing", "the step turns a tensor into a number"),
    "ChangesTheRecording": ("draws nothing", "the step changes what was drawn.*: noise differs"),
    "GrowsWithinAPhase": ("within a phase", r"phase 'step': drawn more has the shape \(1,\) in one step and \(2,\)"),
    "StepsItsOwnWay": ("is draw, phase", "training_step gives other losses than draw, phase and step"),
    "GlobalNoise": ("seed", "one seed gives two results"),
    "IgnoresSeed": ("seed", "two seeds give one result"),
    "WrongShape": ("output", r"must have the shape \(2, 3, 16, 16\), not \(2, 3, 16, 8\)"),
    "OutOfRange": ("output", r"images lie in \[-1, 1\]"),
    "AttachedOutput": ("output", "decorate with @torch.no_grad"),
    "LearnsWhileTranslating": ("changes nothing", "making images changes the state: state_dict average differs"),
}
BAD_LOSSES = {
    "NoName": ("literals", "name is missing"),
    "OpenConfig": ("Config", "Config takes unknown keys"),
    "NotANumber": ("finite", "loss [A-Z_]+ is nan"),
    "WrongShape": ("finite", r"one loss per patch, shape \(1, 16\), got \(1,\)"),
    "WrongType": ("finite", "got float"),
    "Constant": ("gradient reaches", "no gradient reaches netG"),
    "NoTerms": ("finite", "forward returned no term"),
    "ChangesKeys": ("pair", "forward changes what it was given: key of layer 0 differs"),
    "GlobalNoise": ("seed", "one seed gives two results"),
    "ForgetsState": ("going on", "going on from a checkpoint gives another result"),
    "Untrained": ("every other parameter", "loss good: nothing trains its parameter unused"),
    "UntrainedLater": ("every other parameter", "loss good: nothing trains its parameter unused"),
    "DrawsFromItsState": ("moment alone", "draw depends on more than its context"),
    "DrawsInTheStep": ("draws nothing", "the step draws 'late' from the context"),
    "Waits": ("draws nothing", "the step turns a tensor into a number"),
    "GrowsWithinAPhase": ("within a phase", "phase 'step': drawn nce/identity/more has the shape"),
    "ReadsTheEpoch": ("finite", r"a loss reads context\.epoch.*docs/draw-and-step\.md"),
    "DeadAdversary": ("adversary", "no gradient of adversary_loss"),
}


def only(checks, part):
    (found,) = [check for name, check in checks.items() if part in name and (part != "output" or "shape" in name)]
    return found


@pytest.mark.parametrize("name", BAD_METHODS)
def test_a_bad_method_fails_with_one_line(name):
    part, message = BAD_METHODS[name]
    with pytest.raises(BenchError, match=message) as caught:
        only(method_checks(), part)(f"{PLUGINS / 'bad_methods.py'}:{name}")
    assert "\n" not in str(caught.value)


def test_a_step_that_draws_from_a_global_generator_says_so():
    for name, checks in (("bad_methods", method_checks()), ("bad_losses", loss_checks())):
        found = problem(only(checks, "draws nothing"), f"{PLUGINS / f'{name}.py'}:GlobalNoise")
        assert found == "the step draws from a global generator; draw it in draw: torch differs"


@pytest.mark.parametrize("name", BAD_LOSSES)
def test_a_bad_loss_fails_with_one_line(name):
    part, message = BAD_LOSSES[name]
    with pytest.raises(BenchError, match=message) as caught:
        only(loss_checks(), part)(f"{PLUGINS / 'bad_losses.py'}:{name}")
    assert "\n" not in str(caught.value)


def test_a_crash_inside_a_plugin_is_a_failure_with_one_line():
    crash = problem(only(method_checks(), "losses"), f"{PLUGINS / 'bad_methods.py'}:Crashes")
    assert crash == "KeyError: 'reference'"
    raises = problem(only(loss_checks(), "finite"), f"{PLUGINS / 'bad_losses.py'}:Raises")
    assert raises.startswith("RuntimeError: ")


def test_the_suite_is_chosen_by_the_kind_of_plugin():
    assert checks_for("cut").keys() == method_checks().keys()
    assert checks_for(TOY).keys() == method_checks().keys()
    assert checks_for("patchnce").keys() == loss_checks().keys()
    assert checks_for(GOOD_LOSS).keys() == loss_checks().keys()
    with pytest.raises(UsageError, match="is neither a Method nor a PairLoss"):
        checks_for(f"{PLUGINS / 'colour.py'}:MeanColour")


def test_it_says_who_trains_the_parameters_of_a_loss():
    assert parameter_lines("negcut") == ["trained by the adversary: N (20)", "frozen: F_ (20)"]
    assert parameter_lines(f"{GOOD_LOSS}Adversary") == ["trained by the adversary: scale (1)"]
    assert parameter_lines(f"{PLUGINS / 'bad_losses.py'}:Untrained") == ["trained with G and F: unused (1)"]
    assert parameter_lines("patchnce") == []
    assert trained_by("negcut")["trained by the adversary"][0] == "N.mlps.0.0.weight"


def test_one_line_per_check_and_a_status(capsys):
    assert main([TOY]) == 0
    assert capsys.readouterr().out.splitlines() == [f"pass  {name}" for name in method_checks()]
    assert main([f"{PLUGINS / 'bad_methods.py'}:OutOfRange"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines].count("FAIL") == 1
    assert main([f"{PLUGINS / 'broken.py'}:Broken"]) == 1
    assert "fails on import: RuntimeError: this plugin is broken" in capsys.readouterr().err
    assert main(["cutt"]) == 2
    assert main([]) == 2
