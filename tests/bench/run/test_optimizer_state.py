import copy

import pytest
import torch

from bench.base.errors import BenchError
from bench.run.optimizer_state import pack, unpack


@pytest.fixture
def optimizer():
    """Adam after a step of two parameters; nothing has trained the third."""
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 3), (4, 5), (3,))]
    made = torch.optim.Adam(parameters, 0.1)
    (parameters[0].sum() + parameters[1].sum()).backward()
    made.step()
    return made


def changed(records, **changes):
    group = records["G"].param_groups[0] | changes
    return {"G": records["G"].model_copy(update={"param_groups": [group]})}


def test_what_is_packed_is_what_comes_out(optimizer):
    tensors, records = pack({"G": optimizer})
    found = unpack({"G": optimizer}, tensors, records)["G"]
    before = optimizer.state_dict()
    assert found["param_groups"] == before["param_groups"]
    assert found["state"].keys() == before["state"].keys() == {0, 1}
    for index, entries in before["state"].items():
        assert entries.keys() == found["state"][index].keys()
        assert all(torch.equal(value, found["state"][index][key]) for key, value in entries.items())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda t: t.pop("optimizer/G/1/exp_avg"), "tensor optimizer/G/1/exp_avg is missing, or is one too many"),
        (lambda t: t.update({"optimizer/G/9/exp_avg": torch.ones(1)}), "tensor optimizer/G/9 belongs to no parameter"),
        (
            lambda t: t.update({"optimizer/G/x/exp_avg": torch.ones(1)}),
            "tensor optimizer/G/x/exp_avg belongs to no par",
        ),
        (
            lambda t: t.update({"optimizer/D/0/exp_avg": torch.ones(1)}),
            "tensor optimizer/D/0/exp_avg belongs to no opt",
        ),
        (
            lambda t: t.update({"optimizer/G/0/exp_avg": torch.ones(3, 2)}),
            r"exp_avg has the shape \(3, 2\), and the meth",
        ),
        (lambda t: t.update({"optimizer/G/0/step": torch.ones(3)}), r"0/step has the shape \(3,\), and the method's"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(optimizer, change, line):
    tensors, records = pack({"G": optimizer})
    change(tensors)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(BenchError, match=line):
        unpack({"G": optimizer}, tensors, records)
    assert str(optimizer.state_dict()) == str(before)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"lr": "0.1"}, "optimizer G, group 0: lr is '0.1', and the method has 0.1"),
        ({"lr": True}, "lr is True"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"betas": [0.9]}, r"betas is \[0.9\]"),
        ({"amsgrad": 1}, "amsgrad is 1, and the method has False"),
        ({"params": [0, 2, 1]}, "other parameters than the method's"),
        ({"surprise": 1}, "settings .*surprise.*, and the method has "),
    ],
)
def test_a_setting_that_does_not_fit_is_named(optimizer, changes, line):
    tensors, records = pack({"G": optimizer})
    with pytest.raises(BenchError, match=line):
        unpack({"G": optimizer}, tensors, changed(records, **changes))


def test_other_optimizers_are_refused(optimizer):
    tensors, records = pack({"G": optimizer})
    with pytest.raises(BenchError, match="optimizers G, and the method has D"):
        unpack({"D": optimizer}, tensors, records)
    records["G"].param_groups.append({})
    with pytest.raises(BenchError, match="optimizer G: 2 groups, and the method has 1"):
        unpack({"G": optimizer}, tensors, records)


def test_vectors_and_matrices_may_keep_different_things():
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 3), (3,), (4, 4))]
    optimizer = torch.optim.Adafactor(parameters)
    sum(parameter.sum() for parameter in parameters).backward()
    optimizer.step()
    tensors, records = pack({"G": optimizer})
    assert unpack({"G": optimizer}, tensors, records)["G"]["state"].keys() == {0, 1, 2}


def test_a_parameter_that_nothing_trained_has_no_state_and_hides_nobody_elses():
    """Frozen ones may stand anywhere; what belongs to those after them is still looked at."""
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((3,), (2, 3), (5,), (4, 5))]
    optimizer = torch.optim.Adam(parameters, 0.1)
    (parameters[1].sum() + parameters[3].sum()).backward()
    optimizer.step()
    tensors, records = pack({"G": optimizer})
    assert unpack({"G": optimizer}, tensors, records)["G"]["state"].keys() == {1, 3}
    with pytest.raises(BenchError, match="tensor optimizer/G/3/exp_avg is missing, or is one too many"):
        unpack({"G": optimizer}, {k: v for k, v in tensors.items() if k != "optimizer/G/3/exp_avg"}, records)
    for entry in ("exp_avg", "exp_avg_sq", "step"):  # gone from all of them alike
        left = {k: v for k, v in tensors.items() if not k.endswith(f"/{entry}")}
        with pytest.raises(BenchError, match=f"tensor optimizer/G/1/{entry} is missing"):
            unpack({"G": optimizer}, left, records)


def test_a_method_without_optimizers_takes_no_state_of_any(optimizer):
    tensors, records = pack({"G": optimizer})
    with pytest.raises(BenchError, match=r"optimizers G, and the method has none$"):
        unpack({}, tensors, records)


class Counting(torch.optim.SGD):
    """Counts its steps in plain numbers, as optimizers of others do."""

    def step(self, closure=None):
        super().step(closure)
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["made"] = state.get("made", 0) + 1


def test_plain_values_of_an_optimizer_come_out_beside_its_tensors():
    parameters = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))]
    optimizer = Counting(parameters, 0.1, momentum=0.9)
    sum(parameter.sum() for parameter in parameters).backward()
    optimizer.step()
    optimizer.step()
    tensors, records = pack({"G": optimizer})
    assert records["G"].plain == {"0": {"made": 2}, "1": {"made": 2}}
    assert tensors.keys() == {"optimizer/G/0/momentum_buffer", "optimizer/G/1/momentum_buffer"}
    found = unpack({"G": optimizer}, tensors, records)["G"]["state"]
    assert {index: entries["made"] for index, entries in found.items()} == {0: 2, 1: 2}
