"""Draw where the self-attention of a finished dual_contrastive run looks, as the paper's figures 6 to 9 do.

    python examples/attention_maps.py RUN --home runs --out attention.png

RUN is the run's name in `contrastbench status`, or the beginning of it; each row is an image, then the same image with the
attention of one position (red) at a time. Attention reaches the window around its position and nothing else.
"""

import argparse
from pathlib import Path

import torch

from bench.base.errors import BenchError
from bench.base.home import Home
from bench.data.contact_sheet import contact_sheet
from bench.data.transforms import quantise
from bench.ledger.difference import find_run
from bench.run.restore import restore_method
from methods.attention_maps import attention_overlay, self_attention_maps

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("run")
parser.add_argument("--home", type=Path, default=Path("runs"))
parser.add_argument("--data", type=Path, default=Path("datasets"))
parser.add_argument("--out", type=Path, default=Path("attention.png"))
parser.add_argument("--images", type=int, default=4)
arguments = parser.parse_args()

home = Home.open(arguments.home, arguments.data)
try:
    method = restore_method(home, find_run(home, arguments.run).key)
except BenchError as error:
    raise SystemExit(f"error: {error}") from None
side = getattr(method.config, "self_attention", None)
if side is None:
    raise SystemExit(f"error: {arguments.run} has no self-attention in its generator; choose a run that has")
places = [(side * row // 4, side * column // 4) for row, column in ((1, 1), (1, 3), (2, 2), (3, 1), (3, 3))]
z = torch.randn((arguments.images, method.config.z_dim), generator=torch.Generator().manual_seed(0))
images, maps = self_attention_maps(method.netG_ema, z, places)
rows = []
for number, (image, attention) in enumerate(zip(quantise(images, nearest=True), maps, strict=True)):
    overlays = [attention_overlay(image, kernel, place) for kernel, place in zip(attention, places, strict=True)]
    rows.append((f"image {number}", [image, *overlays]))
contact_sheet(rows, f"self-attention at {side}x{side}, window {method.config.san_kernel}").save(arguments.out)
