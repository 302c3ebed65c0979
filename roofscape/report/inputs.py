"""What was asked of a design, as people read it, and in which of it several designs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from hardware_specs.schema import ENGINES, Chip, Link, Tier
from magnitudes.units import bare_name, show

Design = Mapping[str, Any]
NAMES = (
    "model", "system", "phase", "batch", "prompt", "output", "context",
    "sequence", "micro_batch", "zero", "recompute", "interleave", "sequence_parallel", "hidden_exchange", "gradient_byte", "optimizer_byte",
    "chunk", "cached_prompt", "kv_keep", "speculate", "acceptance", "steps", "tp", "pp", "ep", "dp", "dtype", "sparsity", "timing",
)  # fmt: skip
UNUSUAL = {"cached_prompt": 0.0, "acceptance": 0.0, "interleave": 1.0, "sequence_parallel": 0.0, "hidden_exchange": 0.0}  # told where they are something else
SIZES = ("batch", "prompt", "output", "context", "chunk", "steps", "sequence", "micro_batch", "zero", "recompute")  # of a headline
PURPOSES = {"weight_byte": "weights", "gradient_byte": "gradients", "optimizer_byte": "optimizer", "state_byte": "keys and values",
            "activation_byte": "activations", "workspace_byte": "runtime"}  # fmt: skip

NEAR = {"bank": "columns are read", "activate": "rows are changed", "refresh": "refresh takes", "bus": "the bus carries", "companion": "the companion works"}
MAPPINGS = "Mappings (loops innermost first: k, c channels out and in, x, y results, r, s filter, b images; the floor is one that no mapping is under)"
EXTRAPOLATED = (
    "extrapolated: a part that matters is like nothing measured (its operator, size, format, generation or execution model); the interval is the widest known"
)


def throughput_unit(phase: str) -> str:
    """What a model's throughput counts in a phase."""
    return {"images": "images/s", "diffusion": "images/s", "samples": "samples/s"}.get(phase, "token/s")


def purposes(use: Mapping[str, Any]) -> dict[str, str]:
    """What a memory holds, in words by key: gradients and the optimizer's states in training, keys and values otherwise."""
    return {key: words for key, words in PURPOSES.items() if key in use and not (key == "state_byte" and "optimizer_byte" in use)}


def several_engines(design: Design) -> bool:
    """Whether any operator might have run on another engine."""
    return any(len(o["engines"]) > 1 for o in design["operators"])


def others(operator: Mapping[str, Any]) -> str:
    """What an operator would take on the engines that it does not run on."""
    return ", ".join(f"{way} {show(time_s, 's')}" for way, time_s in operator["engines"].items() if way != operator["engine"])


def near_memory_line(design: Design) -> str:
    """How well units near memory use its rows and their time; empty where there are none, or the law counts no commands."""
    counted = [o for o in design["operators"] if o["counts"].get("columns")]
    if not counted:
        return ""
    columns, rows = (sum(o["count"] * o["counts"][kind] for o in counted) for kind in ("columns", "rows"))
    whole = sum(o["count"] * o["time_s"] for o in design["operators"])
    busy = {word: sum(o["count"] * s for o in design["operators"] for name, s in o["parts"].items() if name.split()[-1] == part) for part, word in NEAR.items()}
    rest = ", ".join(f"{word} {s / whole:.0%}" for word, s in busy.items() if s / whole >= 0.005)
    return f"{1.0 - rows / columns:.1%} of column accesses near memory hit an open row; of all time {rest}"


def mapping_rows(design: Design) -> list[list[str]]:
    """How each layer lies on the array, where that was searched or given: loops by block, the innermost first."""
    rows = []
    for o in design["operators"]:
        if m := o.get("mapping"):
            sides = " ".join(f"{loop}{n:g}" for loop, n in m["unrolled"].items()) or "-"
            blocks = [" ".join(f"{loop}{n:g}" for loop, n in m[block]) or "-" for block in ("element", "buffer", "memory")]
            floor = "given" if m["times_floor"] is None else f"{m['times_floor']:.2f}x"
            rows.append([o["name"], sides, *blocks, floor, f"{m['compared']:,}"])
    return rows


def mapping_columns(design: Design) -> list[str]:
    """What `mapping_rows` shows."""
    found = next(o["mapping"] for o in design["operators"] if o.get("mapping"))
    buffer, memory = found["tiers"]
    goal = found["goal"].replace("energy_delay", "energy x delay")
    return ["operator", "side by side", "in an element", f"tile in {buffer}", f"around, from {memory}", f"{goal} over floor", "compared"]


def inputs_of(design: Design) -> dict[str, str]:
    """What was asked, by name: scenario, cut, formats, and the hardware numbers that were set."""
    said = [n for n in NAMES if design.get(n) is not None and design[n] != UNUSUAL.get(n)]
    plain = {name: f"{design[name]:,g}" if isinstance(design[name], float) else str(design[name]) for name in said}
    return plain | {path: show(value, _field(path)) for path, value in design.get("set", {}).items()}


def differing(designs: Sequence[Design]) -> list[str]:
    """The inputs in which designs differ; the system, where they do not."""
    inputs = [inputs_of(d) for d in designs]
    names = dict.fromkeys(name for i in inputs for name in i)
    return [name for name in names if len({i.get(name) for i in inputs}) > 1] or ["system"]


def labels_of(designs: Sequence[Design]) -> list[str]:
    """What tells designs apart, a label each, with as few of the inputs as it takes; they are numbered where nothing does."""
    names, inputs = differing(designs), [inputs_of(d) for d in designs]
    labels: list[str] = []
    for count in range(1, len(names) + 1):
        labels = [", ".join(_labelled(n, i.get(n, "-")) for n in names[:count]) for i in inputs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{i + 1}: {label}" for i, label in enumerate(labels)]


def _labelled(name: str, value: str) -> str:
    return value if name in ("model", "system", "phase", "dtype", "timing") else f"{name} {value}"


def _field(path: str) -> str:
    """The schema's name of the field behind a path, which tells its unit."""
    key = path.split(".")[1] if "." in path else path
    return _fields().get(key, key)


@cache
def _fields() -> dict[str, str]:
    return {bare_name(f.name): f.name for kind in (Tier, Link, Chip, *ENGINES.values()) for f in fields(kind)}
