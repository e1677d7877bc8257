from __future__ import annotations

import pytest
import torch

from methods.losses.distance import Spread, distance_loss, pair_distances, self_distance, spread

KINDS = {"pair": pair_distances, "self": self_distance}


@pytest.mark.parametrize("kind", KINDS)
def test_spreads_of_the_original(rival_arrays, kind: str) -> None:
    golden = rival_arrays("distancegan")
    of_A, of_B = (spread(golden[f"items_{domain}"], KINDS[kind]) for domain in "AB")
    found = torch.stack([of_A.mean, of_B.mean, of_A.std, of_B.std])
    torch.testing.assert_close(found, golden[f"{kind}_stats_EA_EB_SA_SB"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_the_original(rival_arrays, kind: str, normalised: bool) -> None:
    golden = rival_arrays("distancegan")
    EA, EB, SA, SB = golden[f"{kind}_stats_EA_EB_SA_SB"]
    of_A, of_B = Spread(EA, SA), Spread(EB, SB)
    for domain, fake, spreads in (("A", "fake_B", (of_A, of_B)), ("B", "fake_A", (of_B, of_A))):
        loss = distance_loss(golden[f"real_{domain}"], golden[fake], KINDS[kind], spreads if normalised else None)
        expected = golden[f"{kind}_norm{int(normalised)}_loss_{domain}"]
        torch.testing.assert_close(loss.reshape(1), expected, rtol=1e-12, atol=0)


def test_the_mean_is_over_pairs() -> None:
    real, fake = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [2.0], [2.0]])
    assert distance_loss(real, fake, pair_distances) == pytest.approx((1 + 1 + 2) / 3)
