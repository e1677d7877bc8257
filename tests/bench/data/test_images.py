from bench.data.images import evenly_spaced


def test_subsets_are_spread_over_the_whole_set() -> None:
    assert evenly_spaced(10, None) == list(range(10))
    assert evenly_spaced(10, 20) == list(range(10))
    assert evenly_spaced(10, 4) == [0, 2, 5, 7]
