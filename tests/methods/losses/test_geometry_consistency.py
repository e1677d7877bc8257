from __future__ import annotations

import pytest
import torch

from methods.losses.geometry_consistency import geometry_consistency, turn, turn_back


def test_turns_as_the_original_does(rival_arrays) -> None:
    golden = rival_arrays("gcgan")
    assert torch.equal(turn(golden["x"], "rot"), golden["rot_dir0"])
    assert torch.equal(turn_back(golden["x"], "rot"), golden["rot_dir1"])
    assert torch.equal(turn(golden["x"], "vf"), golden["vflip"])
    for geometry in ("rot", "vf"):
        assert torch.equal(turn_back(turn(golden["x"], geometry), geometry), golden["x"])


@pytest.mark.parametrize("geometry", ["rot", "vf"])
def test_loss_and_gradients(rival_arrays, geometry: str) -> None:
    golden = rival_arrays("gcgan")
    fake, turned = (golden[name].requires_grad_() for name in ("AB", "AB_gc"))
    loss = 20 * geometry_consistency(fake, turned, geometry)
    loss.backward()
    torch.testing.assert_close(loss.reshape(1), golden[f"{geometry}_loss"], rtol=1e-12, atol=0)
    torch.testing.assert_close(fake.grad, golden[f"{geometry}_grad_AB"], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(turned.grad, golden[f"{geometry}_grad_AB_gc"], rtol=1e-12, atol=1e-15)
