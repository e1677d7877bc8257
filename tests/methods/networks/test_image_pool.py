import torch
from torch import Tensor

from bench.base.randomness import Draws
from bench.checks.replay.recorded_draws import RecordedDraws
from methods.networks.image_pool import ImagePool


def exchange(pool: ImagePool, images: Tensor, step: int, draws: Draws | None = None) -> Tensor:
    """What the pool shows of the images of a step."""
    drawn = pool.draw(draws or Draws(0).at(step), "pool", step, len(images))
    return pool(images, drawn["pool.exchange"], drawn["pool.place"])


def test_reference_sequence(golden) -> None:
    arrays = golden("image_pool.npz")
    counts = {0: 0, 1: 0}
    record = {}
    for kind, value in zip(arrays["draw_kind"].tolist(), arrays["draw_value"], strict=True):
        record[f"step0/{('uniform', 'index')[kind]}_{counts[kind]:02d}"] = value
        counts[kind] += 1
    draws = RecordedDraws(record, 0)
    pool = ImagePool(int(arrays["pool_size"]))
    shown = [
        float(exchange(pool, torch.full((1, 1, 1, 1), query), step, draws))
        for step, query in enumerate(arrays["queries"].tolist())
    ]
    draws.finish()
    assert shown == arrays["returned"].tolist()
    assert pool.images.flatten().tolist() == arrays["final_pool"].tolist()


def as_the_original(pool: list[Tensor], size: int, image: Tensor, draws: Draws) -> Tensor:
    """junyanz/pytorch-CycleGAN-and-pix2pix, util/image_pool.py, which draws while it exchanges."""
    if len(pool) < size:
        pool.append(image)
        return image
    if draws.uniform("pool.uniform") > 0.5:
        index = draws.integer("pool.index", size)
        shown, pool[index] = pool[index], image
        return shown
    return image


def test_a_minibatch_is_exchanged_image_by_image() -> None:
    pool, original = ImagePool(3), []
    for step in range(20):  # the second step is half filling, half exchanging
        batch = torch.randn(2, 3, 4, 4)
        draws = Draws(0).at(step)
        expected = torch.cat([as_the_original(original, 3, image, draws) for image in batch.split(1)])
        assert torch.equal(exchange(pool, batch, step), expected)
        assert torch.equal(pool.images, torch.cat(original))


def test_one_place_may_be_exchanged_twice_in_a_minibatch() -> None:
    pool = ImagePool(1)
    exchange(pool, torch.zeros(1, 1, 1, 1), 0)
    batch = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1)
    shown = pool(batch, torch.tensor([True, True]), torch.tensor([0, 0]))
    assert shown.flatten().tolist() == [0, 1]
    assert pool.images.item() == 2


def test_it_says_when_it_is_full() -> None:
    assert [ImagePool(3).fills(step, 2) for step in range(4)] == [True, True, False, False]
    assert not ImagePool(0).fills(0, 1)


def test_the_pool_survives_a_restart() -> None:
    pool = ImagePool(4)
    for step in range(3):
        exchange(pool, torch.randn(1, 3, 4, 4), step)
    again = ImagePool(4)
    again.load_state_dict(pool.state_dict())
    assert torch.equal(again.images, pool.images)
    for step in range(3, 12):
        image = torch.randn(1, 3, 4, 4)
        assert torch.equal(exchange(pool, image, step), exchange(again, image, step))


def test_what_comes_out_is_not_changed_by_what_goes_in_later() -> None:
    pool = ImagePool(1)
    exchange(pool, torch.zeros(1, 1, 1, 1), 0)
    shown = [exchange(pool, torch.full((1, 1, 1, 1), float(step)), step) for step in range(1, 20)]
    before = [image.item() for image in shown]
    exchange(pool, torch.full((1, 1, 1, 1), 99.0), 30)
    assert [image.item() for image in shown] == before


def test_size_zero_switches_the_pool_off() -> None:
    image = torch.randn(1, 3, 4, 4, requires_grad=True)
    shown = exchange(ImagePool(0), image, 0, RecordedDraws({}, 0))
    assert torch.equal(shown, image)
    assert not shown.requires_grad
