import torch
from scipy.spatial.distance import jensenshannon
from torch.nn.functional import normalize

from methods.losses.semantic_relation import self_similarity, semantic_relation


def test_reference_values_and_gradient(golden) -> None:
    record = golden("src_hdce.npz")
    q = record["q"][None].requires_grad_()
    k = record["k"][None].requires_grad_()
    relation = semantic_relation(q, k)
    torch.testing.assert_close(relation.detach(), record["g50_ep1__loss_src"], rtol=1e-11, atol=0)
    relation.sum().backward()
    torch.testing.assert_close(q.grad[0], record["g50_ep1__grad_q_src"], rtol=1e-9, atol=1e-15)
    assert k.grad is None


def test_it_is_a_sum_of_jensen_shannon_divergences() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = (normalize(torch.randn(2, 12, 8, generator=generator, dtype=torch.float64), dim=2) for _ in "qk")
    found = semantic_relation(q, k)
    for image in range(2):
        rows = [torch.softmax(x[image] @ x[image].T, 1).numpy() for x in (q, k)]
        expected = sum(jensenshannon(p, r) ** 2 for p, r in zip(*rows, strict=True))
        torch.testing.assert_close(float(found[image]), expected, rtol=1e-5, atol=0)


def test_equal_relations_cost_nothing() -> None:
    """A rotation moves every vector and keeps every similarity."""
    generator = torch.Generator().manual_seed(0)
    k = normalize(torch.randn(1, 12, 8, generator=generator, dtype=torch.float64), dim=2)
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))
    assert float(semantic_relation(k @ rotation, k)) < 1e-12
    torch.testing.assert_close(self_similarity(k).diagonal(dim1=1, dim2=2), torch.ones(1, 12).double())
