import pytest
import torch

from bench.base.errors import UsageError
from bench.base.precision import arithmetic, chosen_precision, deviations, prepare


def test_the_default_is_strict_and_names_are_checked():
    assert chosen_precision(None, "cpu") == chosen_precision(None, "cuda") == "fp32"
    assert chosen_precision("tf32", "cuda") == "tf32"
    assert chosen_precision("bf16", "cpu") == "bf16"
    with pytest.raises(UsageError, match=r"^--precision half: is none; write fp32, tf32 or bf16$"):
        chosen_precision("half", "cuda")
    with pytest.raises(
        UsageError, match=r"^--precision tf32: is arithmetic of NVIDIA's cards; with --device cpu write"
    ):
        chosen_precision("tf32", "cpu")


def test_only_what_was_not_published_deviates():
    assert [deviations(precision) for precision in ("fp32", "tf32")] == [[], []]
    assert deviations("bf16") == ["precision fp32 -> bf16 (autocast)"]


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_tf32_is_of_convolutions_and_only_where_it_is_asked_for(precision, tf32):
    before = torch.backends.cudnn.allow_tf32
    try:
        prepare("cpu", precision)
        assert torch.backends.cudnn.allow_tf32 == tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.are_deterministic_algorithms_enabled()  # the CPU's are, and the switch slows it
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_a_card_gives_the_same_bits_in_every_run(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        prepare("cuda:0", "fp32")
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.backends.cudnn.deterministic
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False


def test_autocast_is_of_bf16_alone():
    x = torch.randn(4, 4)
    with arithmetic("bf16", "cpu"):
        assert (x @ x).dtype == torch.bfloat16
    for precision in ("fp32", "tf32"):
        with arithmetic(precision, "cpu"):
            assert (x @ x).dtype == torch.float32
