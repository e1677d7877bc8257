"""Draw docs/images/house.svg from the real imports: `python docs/draw_house.py` in the repository's root.

Each room is a box on its floor; an arrow goes from a room to one it imports, wider the more imports there are. Every arrow
points down, or tests/test_layers.py fails. The picture's description lists the arrows: by them a test sees a stale picture.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "house.svg"
sys.path.insert(0, str(ROOT / "tests"))

from test_layers import FLOORS, files, imports, package  # noqa: E402

WIDTH, STEP = 10.0, 1.0  # of the house, and from floor to floor
BOX = 1.7, 0.5
SHIFTS = (-1.7, 3.2, -3.3, 1.5)  # of single rooms from the middle
COLOURS = (
    "#7f5539",
    "#33658a",
    "#2a9d8f",
    "#8a5a9e",
    "#c1666b",
)  # of the groups, from the ground up
GROUPS = (("base", "plugin"), ("features", "schema", "methods"), ("data", "metrics", "tasks", "ledger"))
MIDDLE = ("run", "checks", "tracking", "plan", "verdict")


def arrows() -> dict[str, int]:
    """`ROOM -> ROOM` and how many modules of the one import something of the other."""
    found: Counter[str] = Counter()
    for path, module in files():
        own = package(module)
        others = {package(name) for name in imports(path, module)} - {own, None}
        found.update(f"{own} -> {other}" for other in others if own)
    return dict(sorted(found.items()))


def recorded(picture: Path = PICTURE) -> dict[str, int]:
    """The arrows that a drawn picture says it has."""
    text = re.search(r"<dc:description>(.*?)</dc:description>", picture.read_text(encoding="utf-8"), re.DOTALL)
    return {} if text is None else json.loads(text.group(1).replace("&quot;", '"').replace("&gt;", ">"))


def places() -> dict[str, tuple[float, float]]:
    """The centre of every room; single ones take turns from side to side, so that arrows pass by them."""
    found: dict[str, tuple[float, float]] = {}
    singles = 0
    for number, floor in enumerate(FLOORS):
        if len(floor) == 1:
            shift = 0.0 if number in (0, len(FLOORS) - 1) else SHIFTS[singles % len(SHIFTS)]
            singles += number > 0
            found[floor[0]] = (WIDTH / 2 + shift, number * STEP)
        else:
            for index, room in enumerate(floor):
                found[room] = (WIDTH / 2 + (index - (len(floor) - 1) / 2) * WIDTH / 2.9, number * STEP)
    return found


def ends(where: dict[str, tuple[float, float]], found: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Where each arrow leaves its room and reaches the other: side by side, in the order of where they lead."""
    leaving, reaching = {}, {}
    pairs = [(arrow, *arrow.split(" -> ")) for arrow in found]
    for room, (x, _) in where.items():
        out = sorted((where[end][0], arrow) for arrow, start, end in pairs if start == room)
        into = sorted((where[start][0], arrow) for arrow, start, end in pairs if end == room)
        for ports, edge in ((out, leaving), (into, reaching)):
            for index, (_, arrow) in enumerate(ports):
                edge[arrow] = x + BOX[0] * 0.84 * ((index + 0.5) / len(ports) - 0.5)
    return {arrow: (leaving[arrow], reaching[arrow]) for arrow in found}


def colour(room: str) -> str:
    """One for each group of floors."""
    short = room.removeprefix("bench.")
    groups = (*GROUPS, MIDDLE)
    return COLOURS[next((index for index, group in enumerate(groups) if short in group), len(groups))]


def draw() -> None:
    """Write the picture."""
    where, found = places(), arrows()
    joints = ends(where, found)
    style = {"font.family": "DejaVu Sans", "svg.fonttype": "path", "svg.hashsalt": "house"}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(figsize=(10, 12))
        for number in range(0, len(FLOORS), 2):
            axes.axhspan(number - STEP / 2, number + STEP / 2, color="#f6f4ef", zorder=0, linewidth=0)
        for arrow, count in found.items():
            start, end = (where[room] for room in arrow.split(" -> "))
            (left, right), common = joints[arrow], arrow.endswith((".base", ".plugin"))
            axes.add_patch(
                FancyArrowPatch(
                    (left, start[1] - BOX[1] / 2), (right, end[1] + BOX[1] / 2), connectionstyle="arc3,rad=0.04",
                    arrowstyle="-|>,head_length=0.35,head_width=0.16", mutation_scale=10, shrinkA=0, shrinkB=1,
                    linewidth=0.5 + 0.5 * count**0.5, zorder=1,
                    # nearly every room stands on the ground floors: those arrows stay in the background
                    color="#9a9aa5" if common else colour(arrow.split(" -> ")[0]), alpha=0.3 if common else 0.6,
                )
            )  # fmt: skip
        for room, (x, y) in where.items():
            axes.add_patch(
                FancyBboxPatch(
                    (x - BOX[0] / 2, y - BOX[1] / 2), *BOX, boxstyle="round,pad=0,rounding_size=0.12",
                    facecolor="white", edgecolor=colour(room), linewidth=1.6, zorder=2,
                )
            )  # fmt: skip
            axes.text(
                x, y, room.removeprefix("bench."), ha="center", va="center", fontsize=12.5, zorder=3, color="#22223b"
            )
        axes.set(xlim=(0, WIDTH), ylim=(-0.6, len(FLOORS) - 0.4))
        axes.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        about = {
            "Title": "The rooms of contrastbench and what they import",
            "Description": json.dumps(found),
            "Date": None,
        }
        figure.savefig(PICTURE, metadata=about)
        plt.close(figure)


if __name__ == "__main__":
    draw()
    print(f"{PICTURE.relative_to(ROOT)}: {len(places())} rooms, {len(arrows())} arrows")
