"""Write the methods' reference numbers anew from the tests' records: `python -m methods.references.make tests/golden`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NUMBERS, STEP = HERE / "numbers.npz", HERE / "cut_step.safetensors"

# group in numbers.npz -> record, and our name -> the record's
_COPIED = {
    # the records of three losses share their rows
    "rows": ("unpaired/patchnce_b1.npz", {"q": "q", "k": "k"}),
    "patchnce": ("unpaired/patchnce_b1.npz", {"losses": "loss_vec", "gradient": "grad_q"}),
    "negcut": (
        "unpaired/negcut_nce.npz",
        {
            "negatives": "neg",
            "losses": "loss_vec",
            "gradient_q": "grad_q",
            "gradient_negatives": "grad_neg",
        },
    ),
    "src_hdce": (
        "unpaired/src_hdce.npz",
        {
            "losses": "g50_ep1__hdce_effective_vec",
            "gradient": "g50_ep1__grad_q_hdce",
            "relation": "g50_ep1__loss_src",
            "relation_gradient": "g50_ep1__grad_q_src",
        },
    ),
    "cfl": (
        "cfl_spade/cfl_nce_unidirectional.npz",
        {
            "q": "raw_q",
            "k": "raw_k",
            "losses": "fakeneg_fullgrad_loss_per_query",
            "gradient_q": "fakeneg_fullgrad_grad_raw_q",
            "gradient_k": "fakeneg_fullgrad_grad_raw_k",
        },
    ),
    "dual": (
        "stylegan2/dual_contrastive.npz",
        {
            "real": "n8_big__real",
            "fake": "n8_big__fake",
            "loss": "n8_big__loss_D",
            "gradient_real": "n8_big__dlossD_dreal",
            "gradient_fake": "n8_big__dlossD_dfake",
        },
    ),
    "lsgan": (
        "unpaired/gan_lsgan.npz",
        {
            "real": "pred_real",
            "fake": "pred_fake",
            "loss_D": "loss_D",
            "loss_G": "loss_G",
            "gradient_D": "grad_D_pred_fake",
            "gradient_G": "grad_G_pred_fake",
        },
    ),
}


def collect(golden: Path) -> dict[str, np.ndarray]:
    """Everything in numbers.npz.

    Args:
        golden: tests/golden of the repository.
    """
    numbers: dict[str, np.ndarray] = {}
    for group, (file, names) in _COPIED.items():
        with np.load(golden / file) as arrays:
            numbers |= {f"{group}/{ours}": arrays[theirs] for ours, theirs in names.items()}
    return numbers


def step(golden: Path) -> dict[str, np.ndarray]:
    """Everything in cut_step.safetensors."""
    with np.load(golden / "unpaired" / "trainstep_cut.npz") as record:
        arrays = {key: record[key] for key in record.files if key.startswith(("init/", "step0/", "grad_step0/"))}
    images = {"step0/fake_B", "step0/idt_B"}  # the losses tell as much
    return {
        key: value.astype(np.float32) if key.startswith(("init/", "grad_step0/")) else value
        for key, value in arrays.items()
        if key not in images
    }


def main(golden: Path) -> None:
    """Write both files."""
    from safetensors.numpy import save_file

    np.savez_compressed(NUMBERS, **collect(golden))  # type: ignore[arg-type]
    save_file(step(golden), STEP)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
