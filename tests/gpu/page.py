"""The page docs/gpu.md, of what was measured; or of nothing, as long as nothing was: `python -m tests.gpu.page`."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

INTRODUCTION = """# On a card

Written by `python -m tests.gpu`. {when}

    python -m tests.gpu --device cuda --out build/gpu

takes less than eight minutes on one H100 or H200 and needs torch 2.11 or newer, torchvision, numpy, safetensors, the files
of this repository and no network. It writes `results.json` (every number), `rows.jsonl` (the same as it came), `log.txt`,
and this page as `gpu.md`. `--device cpu --small` tries the same checks in a minute without a card; its times say nothing.

* `rates`: card, driver and versions; what the card reaches in a copy, in a matrix product, and in the convolution of a
  residual block (256 channels, 64 x 64), forward and backward, in each precision.
* `replays`: every record of `tests/golden` computed again, within 1e-8 in float64 and 2e-4 in float32 of the largest
  entry: losses, images, gradients of the first step (of gradients the largest of their network); torch's own instance norm.
* `graphs`: a step recorded as a CUDA graph equals the eager step to the bit, for every method and phase; operations for
  which torch has no deterministic algorithm, by name.
* `resume`: a run that is killed and goes on equals one that was not, to the bit.
* `speed`: ms per step at 256 pixels, width 64, batch 1 (dual_contrastive: 128 pixels, batch 8; contrastive_feature: as its
  paper): the plain eager step with torch's default Adam against ours, in each precision; waits of the host, memory, the ten
  kernels that take the most time.
* `sharing`: steps per second, together, of one, two and three runs on the card.
* `differences`: how far the card's digits are from the CPU's after 1, 5 and 20 steps.

Targets: CUT at least 2 times the plain eager step in fp32, or within 15 % of the card's measured fp32 convolution rate; 4
times in tf32. What is recorded and why, and the precisions: [running-elsewhere.md](running-elsewhere.md).
"""
NOTHING = "**Nothing has been measured yet**: there was no card. The figures below are missing, not zero."


def page(results: dict[str, Any] | None) -> str:
    """The page.

    Args:
        results: what results.json holds; None: nothing was measured.
    """
    if results is None:
        return INTRODUCTION.format(when=NOTHING)
    machine = results["machine"]
    card = machine.get("card", "the CPU, where times say nothing")
    versions = ", ".join(
        f"{key} {machine[key]}" for key in ("driver", "torch", "cuda", "cudnn", "python") if key in machine
    )
    when = f"Measured on {card}, {machine.get('date', 'no date')} ({versions}), in {results['seconds']:.0f} s."
    rows: list[Row] = results["rows"]
    sections = [_summary, _rates, _replays, _graphs, _speed, _where, _sharing, _differences, _problems]
    return INTRODUCTION.format(when=when) + "".join(section(rows) for section in sections)


def in_short(rows: list[Row]) -> str:
    """What a reader in a hurry wants: how many checks passed, targets, speed."""
    return "".join(section(rows) for section in (_summary, _rates, _speed, _sharing))


def _table(head: list[str], lines: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |\n" for row in rows)


def _of(rows: list[Row], part: str) -> list[Row]:
    return [row for row in rows if row["part"] == part]


def _value(rows: list[Row], part: str, name: str, key: str) -> float | None:
    for row in _of(rows, part):
        if row["name"] == name and key in row["values"]:
            return float(row["values"][key])
    return None


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _summary(rows: list[Row]) -> str:
    parts = dict.fromkeys(row["part"] for row in rows)
    states = ("passed", "measured", "failed", "broken", "skipped")
    lines = [[part, *(str(sum(row["state"] == s for row in _of(rows, part))) for s in states)] for part in parts]
    return "\n## In short\n\n" + _table(["part", *states], lines) + _targets(rows)


def _targets(rows: list[Row]) -> str:
    """Each target, what was reached, and whether that is enough."""

    def ratio(precision: str) -> float | None:
        plain, ours = (_value(rows, "speed", f"cut: {kind}{precision}", "ms_per_step") for kind in ("plain", "ours"))
        return plain / ours if plain and ours else None

    fp32, tf32, share = ratio(""), ratio(", tf32"), _share(rows, "cut", "ours", "fp32")
    lines = [
        ["CUT, fp32", "2 times plain, or 85 % of the convolution rate",
         f"{_number(fp32)} times, {_number(None if share is None else 100 * share)} %",
         _verdict(None if fp32 is None else fp32 >= 2 or (share or 0) >= 0.85)],
        ["CUT, tf32", "4 times plain in tf32", f"{_number(tf32)} times", _verdict(None if tf32 is None else tf32 >= 4)],
    ]  # fmt: skip
    return "\n" + _table(["target", "asked for", "reached", ""], lines)


def _verdict(met: bool | None) -> str:
    return "not measured" if met is None else "met" if met else "missed"


def _share(rows: list[Row], method: str, kind: str, precision: str) -> float | None:
    """The rate of a step's operations, over the card's rate in a residual block's convolution at the step's batch of 2."""
    work = _value(rows, "speed", f"{method}: work of a step", "TFLOP")
    spent = _value(rows, "speed", f"{method}: {kind}", "ms_per_step")
    rate = _value(rows, "rates", f"convolution of a residual block, {precision}, batch 2", "TFLOP_per_s")
    return None if not (work and spent and rate) else 1000 * work / spent / rate


def _rates(rows: list[Row]) -> str:
    lines = [
        [row["name"], *(f"{_number(v, 4)} {k.replace('_per_', '/').replace('_', ' ')}" for k, v in _shown(row).items())]
        for row in _of(rows, "rates")
        if row["name"] != "machine" and row["state"] == "measured"
    ]
    return "\n## The card's rates\n\n" + _table(["what", "reached"], lines)


def _shown(row: Row) -> dict[str, float]:
    return {key: value for key, value in row["values"].items() if key in ("TB_per_s", "TFLOP_per_s")}


def _replays(rows: list[Row]) -> str:
    lines = []
    for row in _of(rows, "replays"):
        values = row["values"]
        told = values.get("note") or values.get("problem") or ""
        errors = {k: v for k, v in values.items() if isinstance(v, float)}
        figures = ", ".join(f"{k} {v:.1e}" if v < 0.5 else f"{k} {v:.6f}" for k, v in errors.items())
        lines.append([row["name"], "-" if "note" in values and not errors else row["state"], figures or told])
    return "\n## Records\n\n" + _table(["record", "", "largest errors"], lines)


def _graphs(rows: list[Row]) -> str:
    lines = []
    for row in [*_of(rows, "graphs"), *_of(rows, "resume")]:
        values = row["values"]
        if "operations" in values:
            told = ", ".join(values["operations"]) or "none"
        elif "problem" in values:
            told = str(values["problem"])
        else:
            told = f"{values['differing']} of {values['tensors']} tensors differ, by {values['largest_difference']:.1e}"
            told += f"; recorded: {', '.join(values['recorded'])}" if values.get("recorded") else ""
            told += "".join(f"; eager: {phase} ({why})" for phase, why in values.get("eager", {}).items())
        lines.append([f"{row['part']}: {row['name']}", row["state"], told])
    return "\n## Recorded steps and resumed runs\n\n" + _table(["check", "", "found"], lines)


def _speed(rows: list[Row]) -> str:
    lines, plain = [], {}
    for row in _of(rows, "speed"):
        values = row["values"]
        if "ms_per_step" not in values:
            continue
        method, _, variant = row["name"].partition(": ")
        precision = next((name for name in ("tf32", "bf16") if name in variant), "fp32")
        if variant.startswith("plain") and "again" not in variant:
            plain[method, precision] = values["ms_per_step"]
        share = _share(rows, method, variant, precision)
        ratio = plain[method, precision] / values["ms_per_step"] if (method, precision) in plain else None
        spread = " to ".join(_number(values[name], 4) for name in ("least_ms", "most_ms"))
        lines.append([
            method, variant, _number(values["ms_per_step"], 4), spread,
            _number(ratio), _number(values["host_ms"]), "-" if share is None else f"{100 * share:.0f} %",
            _number(values.get("peak_GB")),
        ])  # fmt: skip
    head = [
        "method",
        "variant",
        "ms per step",
        "least to most",
        "times plain",
        "host, ms",
        "of the convolution rate",
        "GB",
    ]
    return "\n## Speed\n\n" + _table(head, lines)


def _where(rows: list[Row]) -> str:
    text = "\n## Where the time goes\n\n"
    for row in _of(rows, "speed"):
        values = row["values"]
        if "TFLOP" in values:
            told = ", ".join(f"{key} {value:.3g}" for key, value in values.items())
            text += f"* {row['name']}: {told}\n"
        elif "waiting" in row["name"]:
            text += f"* {row['name']}, times a step: " + ", ".join(f"{k} {v}" for k, v in values.items()) + "\n"
    for row in _of(rows, "speed"):
        if "top" in row["values"]:
            lines = [
                [f"`{one['kernel']}`", f"{100 * one['share']:.1f} %", str(one["calls"])] for one in row["values"]["top"]
            ]
            text += f"\nCUT's recorded step, {row['values']['kernels']:.0f} kernels a step:\n\n"
            text += _table(["kernel", "share", "calls in five steps"], lines)
    return text


def _sharing(rows: list[Row]) -> str:
    lines = [
        [row["name"], phase, _number(rate)]
        for row in _of(rows, "sharing")
        for phase, rate in row["values"].get("steps_per_second", {}).items()
    ]
    return "\n## Several runs on one card\n\n" + _table(["runs", "", "steps per second, together"], lines)


def _differences(rows: list[Row]) -> str:
    lines = [
        [row["name"], after, _number(values["losses"], 2), _number(values["weights"], 2)]
        for row in _of(rows, "differences")
        for after, values in row["values"].items()
        if isinstance(values, dict)
    ]
    return "\n## Against the CPU\n\n" + _table(["method", "after", "losses, relative", "weights, relative"], lines)


def _problems(rows: list[Row]) -> str:
    bad = [row for row in rows if row["state"] in ("failed", "broken", "skipped")]
    if not bad:
        return "\nNothing failed, broke or was skipped.\n"
    lines = [[row["part"], row["name"], row["state"], str(row["values"].get("problem", ""))[:200]] for row in bad]
    return "\n## Failed, broken, skipped\n\n" + _table(["part", "check", "", "problem"], lines)


if __name__ == "__main__":
    print(page(None), end="")
