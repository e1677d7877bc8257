"""`python -m tests.rehearsal [--method cut]...`: the first day at paper scale, on made-up data, and docs/rehearsal.md.

Makes what it needs below --folder, plans the whole table, then rehearses method by method. Results go to a file line by
line: the same command again goes on where it stopped. It takes hours on two cores; `--images 2 --test-images 8` is quick.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.rehearsal.commands import ROOT, Failed, Stage
from tests.rehearsal.page import write_page
from tests.rehearsal.paper import METHODS, PROTOCOLS, WHOLE, Length, original, protocol, tables, write_package
from tests.rehearsal.pictures import write_pictures
from tests.rehearsal.rehearse import append, read, rehearse
from tests.rehearsal.weights import LAYOUTS, write_weights

FIRST = ("cut", "cyclegan")  # what most people will begin with
EVERY = 500  # pictures between two lines


def methods() -> list[str]:
    """Every method of the rehearsal, in its order."""
    rows = [row["method"] for row in tables()[WHOLE]["rows"]]
    return [*FIRST, *(name for name in rows if name not in FIRST), METHODS["drn"]]


def say(line: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def prepare(stage: Stage, length: Length, data: Iterable[str], weights: Iterable[str] = LAYOUTS) -> None:
    """Make what is missing of data, weights and package; pictures of Cityscapes' size and VGG16 take minutes."""
    for name in data:
        content, published = protocol(name, length), original(name)["data"]["name"]

        def told(done: int, total: int, name: str = content["data"]["name"]) -> None:
            if done % EVERY == 0:
                say(f"{name}: {done} of {total} pictures")

        write_pictures(stage.data, content, published, told)
    write_package(stage.site, write_weights(stage.weights, weights, say), length)


def plan_whole(stage: Stage) -> dict[str, Any]:
    """Plan the whole made-up table at paper scale, and the published one, whose data nobody has here."""
    began = time.monotonic()
    made = stage.ask(["plan", WHOLE, "--scale", "paper"], stage.root / "homes" / "whole")
    seconds = time.monotonic() - began
    theirs = stage.ask(["plan", "src-hdce/main", "--scale", "paper"], stage.root / "homes" / "whole")
    return {
        "seconds": round(seconds),
        "runs": len(made["runs"]),
        "totals": made["totals"],
        "published": theirs["totals"],
        "waiting": sorted({one["reason"] for one in theirs["waiting"]}),
    }


def main() -> None:
    """Rehearse what is not known yet, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("--method", action="append", choices=methods(), help="only this one; may be repeated")
    parser.add_argument("--images", type=int, default=Length.images, metavar="N", help="of an epoch (default: 8)")
    parser.add_argument("--test-images", type=int, metavar="N", help="scored at each checkpoint; default: all")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "rehearsal", help="where everything is made")
    parser.add_argument(
        "--no-cityscapes", action="store_true", help="neither plan the whole table nor rehearse the DRN"
    )
    parser.add_argument("--fresh", action="store_true", help="rehearse again what is known")
    parser.add_argument("--report", action="store_true", help="write the page of what is known and rehearse nothing")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "rehearsal.md", help="the page")
    arguments = parser.parse_args()
    stage, length = Stage(arguments.folder.absolute()), Length(arguments.images, arguments.test_images)
    results, whole = stage.root / "results.jsonl", stage.root / "whole.json"
    chosen = arguments.method or [name for name in methods() if not (arguments.no_cityscapes and name.endswith("drn"))]
    if not arguments.report:
        prepare(stage, length, PROTOCOLS[:1] if arguments.no_cityscapes else PROTOCOLS)
        if not arguments.no_cityscapes and (arguments.fresh or not whole.is_file()):
            say(f"plan {WHOLE} --scale paper")
            whole.write_text(json.dumps(plan_whole(stage)))
        known = {} if arguments.fresh else read(results)
        left = [name for name in chosen if name not in known or known[name].problem]
        took: list[float] = []
        for number, name in enumerate(left, 1):
            more = f", about {sum(took) / len(took) * (len(left) - number + 1) / 60:.0f} min left" if took else ""
            say(f"[{number}/{len(left)}] {name}{more}")
            row = rehearse(stage, name, length, lambda line, name=name: say(f"  {name}: {line}"))
            append(results, row)
            took.append(row.wall)
            say(f"  {name}: {row.problem or 'done'} ({row.wall:.0f} s)")
    found = read(results)
    write_page(arguments.page, methods(), found, json.loads(whole.read_text()) if whole.is_file() else None)
    say(f"written to {arguments.page}")
    sys.exit(int(any(found[name].problem for name in chosen if name in found)))


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(str(error))
