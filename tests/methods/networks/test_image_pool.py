import torch

from bench.base.randomness import Draws
from bench.checks.replay.recorded_draws import RecordedDraws
from methods.networks.image_pool import ImagePool


def test_reference_sequence(golden) -> None:
    arrays = golden("image_pool.npz")
    counts = {0: 0, 1: 0}
    record = {}
    for kind, value in zip(arrays["draw_kind"].tolist(), arrays["draw_value"], strict=True):
        record[f"step0/{('uniform', 'index')[kind]}_{counts[kind]:02d}"] = value
        counts[kind] += 1
    draws = RecordedDraws(record, 0)
    pool = ImagePool(int(arrays["pool_size"]))
    shown = [float(pool(torch.full((1, 1, 1, 1), query), draws, "pool")) for query in arrays["queries"].tolist()]
    draws.finish()
    assert shown == arrays["returned"].tolist()
    assert pool.images.flatten().tolist() == arrays["final_pool"].tolist()


def test_a_minibatch_is_exchanged_image_by_image() -> None:
    pool, one_by_one = ImagePool(3), ImagePool(3)
    for step in range(10):
        batch = torch.randn(2, 3, 4, 4)
        together = pool(batch, Draws(0).at(step), "pool")
        draws = Draws(0).at(step)
        apart = torch.cat([one_by_one(image, draws, "pool") for image in batch.split(1)])
        assert torch.equal(together, apart)


def test_the_pool_survives_a_restart() -> None:
    pool = ImagePool(4)
    for step in range(3):
        pool(torch.randn(1, 3, 4, 4), Draws(0).at(step), "pool")
    again = ImagePool(4)
    again.load_state_dict(pool.state_dict())
    assert torch.equal(again.images, pool.images)
    for step in range(3, 12):
        image = torch.randn(1, 3, 4, 4)
        assert torch.equal(pool(image, Draws(0).at(step), "pool"), again(image, Draws(0).at(step), "pool"))


def test_what_comes_out_is_not_changed_by_what_goes_in_later() -> None:
    pool = ImagePool(1)
    pool(torch.zeros(1, 1, 1, 1), Draws(0).at(0), "pool")
    shown = [pool(torch.full((1, 1, 1, 1), float(step)), Draws(0).at(step), "pool") for step in range(1, 20)]
    before = [image.item() for image in shown]
    pool(torch.full((1, 1, 1, 1), 99.0), Draws(0).at(30), "pool")
    assert [image.item() for image in shown] == before


def test_size_zero_switches_the_pool_off() -> None:
    image = torch.randn(1, 3, 4, 4, requires_grad=True)
    shown = ImagePool(0)(image, Draws(0), "pool")
    assert torch.equal(shown, image)
    assert not shown.requires_grad
