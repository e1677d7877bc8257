import copy

import pytest
import torch
from torch import nn

from methods.optimisation import adam, descend, frozen, linear_factor, linear_schedule, two_updates


@pytest.mark.parametrize(
    ("case", "lengths"), [("cut_200_200", (200, 200)), ("fastcut_150_50", (150, 50)), ("cyclegan_100_100", (100, 100))]
)
def test_reference_schedules(golden, case: str, lengths: tuple[int, int]) -> None:
    optimizer = adam([nn.Parameter(torch.zeros(1))], 2e-4, (0.5, 0.999))
    scheduler = linear_schedule(optimizer, *lengths)
    used = []
    for _ in range(sum(lengths)):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    torch.testing.assert_close(
        torch.tensor(used, dtype=torch.float64), golden("lr_schedule.npz")[case], rtol=1e-8, atol=0
    )


def test_the_last_epoch_still_learns() -> None:
    assert linear_factor(400, 200, 200) == pytest.approx(1 / 201)
    assert linear_factor(200, 200, 200) == 1.0


def test_a_schedule_resumes_where_it_stopped() -> None:
    optimizer = adam([nn.Parameter(torch.zeros(1))], 1.0, (0.5, 0.999))
    scheduler = linear_schedule(optimizer, 2, 5)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    again = adam([nn.Parameter(torch.zeros(1))], 1.0, (0.5, 0.999))
    resumed = linear_schedule(again, 2, 5)
    again.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    for _ in range(3):
        assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
        for one, other in ((optimizer, scheduler), (again, resumed)):
            one.step()
            other.step()


def test_fused_adam_is_adam() -> None:
    fused, plain = (nn.Linear(5, 3).double() for _ in range(2))
    plain.load_state_dict(copy.deepcopy(fused.state_dict()))
    mine = adam(fused.parameters(), 0.01, (0.5, 0.999))
    reference = torch.optim.Adam(plain.parameters(), lr=0.01, betas=(0.5, 0.999), foreach=False)
    for _ in range(5):
        x = torch.randn(4, 5, dtype=torch.float64)
        descend(fused(x).square().sum(), mine)
        descend(plain(x).square().sum(), reference)
    for one, other in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_frozen_takes_parameters_too() -> None:
    layer = nn.Linear(2, 1)
    with frozen(layer.weight):
        layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is not None
    assert layer.weight.requires_grad


def test_frozen_lets_gradients_through_and_restores() -> None:
    judge, maker = nn.Linear(3, 1), nn.Linear(2, 3)
    judge.bias.requires_grad_(False)
    judge.weight.grad = torch.ones(1, 3)
    with frozen(judge):
        judge(maker(torch.ones(1, 2))).sum().backward()
    assert torch.equal(judge.weight.grad, torch.ones(1, 3))
    assert maker.weight.grad is not None
    assert judge.weight.requires_grad
    assert not judge.bias.requires_grad


@pytest.mark.parametrize("mixed", [True, False])
def test_two_updates_from_one_forward_pass(mixed: bool) -> None:
    """y = v w x; the first loss is y, the second y^2 / 2, whose gradient for w is y v x with y from before."""
    v, w = (nn.Parameter(torch.tensor(value)) for value in (2.0, 3.0))
    first, again = (torch.optim.SGD(parameters, lr=0.5) for parameters in ([v], [w]))
    y = v * w * 5.0
    later = two_updates((y, [first, again]), (y.square() / 2, [again]), mixed)
    moved_v = 2.0 - 0.5 * 3.0 * 5.0
    assert (v.grad, w.grad) == (15.0, 10.0)
    assert v == moved_v
    assert later == {w: torch.tensor(30.0 * (moved_v if mixed else 2.0) * 5.0)}
    assert w == 3.0 - 0.5 * (10.0 + later[w])
