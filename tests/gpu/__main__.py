"""`python -m tests.gpu --device cuda --out FOLDER`: is everything right on this card, and how fast?

Every part has a process of its own and a share of the time, and writes each result as soon as it has it: one that fails,
hangs or takes the device down leaves the others alone. In the folder: rows.jsonl (results as they came), results.json (all
of them, with the machine) and gpu.md, the page that docs/gpu.md is. Exit status 0: nothing failed and nothing broke.

Needs torch 2.11 or newer, torchvision, numpy, safetensors, and no network.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.gpu.page import in_short, page
from tests.gpu.setting import read, write

# part -> seconds by which it has to be over, after the start; what one does not use is the next one's
PARTS = {"rates": 45, "replays": 150, "graphs": 225, "resume": 300, "speed": 405, "sharing": 445, "differences": 465}
ATTEMPTS = 4  # of a part whose process dies; each goes on behind the check that it died in


def main() -> int:
    """Run all parts and write what they found."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="every check in the least size: a test of the checks")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    rows = out / "rows.jsonl"
    rows.unlink(missing_ok=True)
    started = time.time()
    chosen = arguments.only or list(PARTS)
    with (out / "log.txt").open("w") as log:
        # a process takes longer to start than a small part takes
        for names in [chosen] if arguments.small else [[name] for name in chosen]:
            _run(names, arguments, started, out, log)
            results = _write(out, arguments, started)
    bad = [row for row in results["rows"] if row["state"] in ("failed", "broken")]
    print(in_short(results["rows"]))
    for row in bad:
        print(f"{row['state']}: {row['part']}: {row['name']}: {json.dumps(row['values'])[:400]}")
    print(
        f"{len(results['rows'])} results in {time.time() - started:.0f} s, {len(bad)} of them failed or broken; {out}"
    )
    return 1 if bad or not results["rows"] else 0


def _run(names: list[str], arguments: argparse.Namespace, started: float, out: Path, log: Any) -> None:
    """Run parts in a process, and again where it dies before it is through."""
    until = started + PARTS[names[-1]]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    for _ in range(ATTEMPTS):
        left = until - time.time()
        if left < 3:
            write(out / "rows.jsonl", _row(names[0], "the part", "skipped", "no time was left"))
            return
        command = [sys.executable, "-m", "tests.gpu.part", ",".join(names), arguments.device]
        command += [str(int(arguments.small)), str(until - 2), str(out)]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        before = len(read(out / "rows.jsonl"))
        try:
            status = process.wait(left + 5)  # a check that has begun may end
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            write(out / "rows.jsonl", _row(names[-1], "the part", "broken", "out of time"))
            return
        if status == 0:
            return
        if len(read(out / "rows.jsonl")) == before:
            write(out / "rows.jsonl", _row(names[0], "the part", "broken", f"its process ended with {status}"))
            return


def _row(part: str, name: str, state: str, problem: str) -> dict[str, Any]:
    return {"part": part, "name": name, "state": state, "seconds": 0.0, "values": {"problem": problem}}


def _write(out: Path, arguments: argparse.Namespace, started: float) -> dict[str, Any]:
    """Everything found so far, for programs and for people."""
    found = read(out / "rows.jsonl")
    ended = [row for row in found if row["state"] != "begun"]
    known = {(row["part"], row["name"]) for row in ended}
    ended += [
        row | {"state": "broken", "seconds": 0.0, "values": {"problem": "did not end"}}
        for row in found
        if row["state"] == "begun" and (row["part"], row["name"]) not in known
    ]
    results = {
        "device": arguments.device,
        "small": arguments.small,
        "seconds": round(time.time() - started, 1),
        "machine": next((row["values"] for row in ended if row["name"] == "machine"), {}),
        "rows": ended,
    }
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    try:
        text = page(results)
    except Exception as error:  # the results are there whatever becomes of the page
        text = f"The page could not be made: {type(error).__name__}: {error}\n"
    (out / "gpu.md").write_text(text)
    return results


if __name__ == "__main__":
    sys.exit(main())
