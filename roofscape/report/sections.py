"""The parts of a page about one design, and of the comparison of several, from the plain data of an estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from magnitudes.units import show
from roofscape.report.html import element, table, text
from roofscape.report.inputs import (
    EXTRAPOLATED,
    SIZES,
    differing,
    inputs_of,
    mapping_columns,
    mapping_rows,
    near_memory_line,
    others,
    purposes,
    several_engines,
    throughput_unit,
)

Design = Mapping[str, Any]
NBSP = "\u00a0"
DEFINITIONS = {
    "ttft_s": ("TTFT", "time to first token: the prefill pass, which yields it"),
    "tpot_s": ("TPOT", "time per output token: mean decode step, the first token not counted"),
    "time_s": ("time", "of the whole scenario"),
}


def title_of(design: Design) -> str:
    """Model and machine."""
    return f"{design['model']} on {design['system']}"


def sizes_of(design: Design) -> str:
    """Scenario, cut and way of estimating in a line."""
    sizes = [f"{k.replace('_', '-')} {design[k]:,g}" for k in SIZES if k in design]
    cut = [f"{k} {design[k]:g}" for k in ("tp", "pp", "ep", "dp") if design[k] != 1.0]
    given = [str(design["dtype"]) if "dtype" in design else ""] + [f"{k} {v}" for k, v in inputs_of(design).items() if k in design.get("set", {})]
    return f"{design['phase']}: {', '.join(w for w in sizes + cut + given if w)} · {design['fidelity']} fidelity, {design['timing']} timing"


def cards(design: Design) -> str:
    """The headline figures, each with its definition, and its 90 % interval where one is known."""
    unit = throughput_unit(design["phase"])
    intervals = design.get("interval90") or {}
    made = []
    for key, (name, definition) in DEFINITIONS.items():
        if design[key] is not None and not (key == "time_s" and (design["ttft_s"] == design["time_s"] or design["tpot_s"] == design["time_s"])):
            made.append(_card(name, show(design[key], "s"), definition, _interval(intervals.get(key), "s")))
    chips = f"over {design['chips']:g} chip{'s' if design['chips'] > 1 else ''}"
    rate = show(design["throughput_token_per_s"], "")
    made.append(_card("throughput", f"{rate} {unit}", chips, _interval(intervals.get("throughput_token_per_s"), "")))
    shares = sorted(((s, n) for n, s in design["bounds"].items() if s >= 0.005), reverse=True)
    made.append(_card("bound", design["bound"], ", ".join(f"{n} {s:.0%}" for s, n in shares) + " of the time"))
    use = design["memory"]
    share = f"{show(design['memory_byte'], 'byte')} of {show(use['capacity_byte'], 'byte')} a chip"
    made.append(_card("fits", "yes" if design["fits"] else "no", share, state="good" if design["fits"] else "bad"))
    return element("div", "".join(made), class_="cards")


def _interval(span: Sequence[float] | None, field: str) -> str:
    return f"90 %: {show(span[0], field)} to {show(span[1], field)}" if span else ""


def _card(name: str, value: str, definition: str, interval: str = "", state: str = "") -> str:
    extra = text("span", interval, class_="interval") if interval else ""
    return element("div", text("span", name, class_="name") + text("strong", value) + extra + text("small", definition), class_=f"card {state}".strip())


def remarks(design: Design) -> str:
    """What a reader must know: why a design is infeasible, what its law leaves out, whether it was extrapolated."""
    lines = [text("p", f"infeasible: {design['reason']}", class_="remark bad")] if design["reason"] else []
    if design.get("extrapolated"):
        lines.append(
            text(
                "p",
                EXTRAPOLATED,
                class_="remark",
            )
        )
    if near := near_memory_line(design):
        lines.append(text("p", near, class_="remark"))
    return "".join([*lines, *(text("p", note, class_="remark") for note in design["notes"])])


def operator_table(design: Design) -> str:
    """All operators of all phases: counts, time, bound, work and the time that each resource alone would need."""
    operators = design["operators"]
    whole: dict[str, float] = {}
    for o in operators:
        whole[o["phase"]] = whole.get(o["phase"], 0.0) + o["count"] * o["time_s"]
    intervals, placed = any(o.get("interval90") for o in operators), several_engines(design)
    rows = []
    for o in operators:
        time = [show(o["time_s"], "s")]
        if intervals:
            told = _interval(o.get("interval90"), "s").removeprefix("90 %: ").replace(" ", NBSP)  # in one line, however narrow the page
            time.append(told + (" (extrapolated)" if o.get("extrapolated") else ""))
        work = [show(o["flop"], "flop"), show(o["byte"], "byte"), _intensity(o), show(o["flop"] / o["time_s"], "flop/s") if o["time_s"] and o["flop"] else "-"]
        share = o["count"] * o["time_s"] / whole[o["phase"]]
        rows.append(
            [o["phase"], o["name"], o["kind"], f"{o['count']:g}", *time, f"{share:.1%}", o["bound"], *([o["engine"], others(o)] if placed else []), *work]
        )
    times = ["time each", "90 % interval"] if intervals else ["time each"]
    columns = [
        "phase",
        "operator",
        "kind",
        "count",
        *times,
        "share",
        "bound",
        *(["runs on", "elsewhere"] if placed else []),
        "FLOP",
        "bytes",
        "FLOP/B",
        "reaches",
    ]
    skip = 1 if len(whole) == 1 else 0
    numeric = [i - skip for i, c in enumerate(columns) if c not in ("phase", "operator", "kind", "bound", "runs on", "elsewhere", "90 % interval")]
    return table(columns[skip:], [r[skip:] for r in rows], numeric)


def mapping_table(design: Design) -> str:
    """How layers lie on an array; empty where that was neither searched nor given."""
    rows = mapping_rows(design)
    return table(mapping_columns(design), rows, (5, 6)) if rows else ""


def _intensity(o: Design) -> str:
    return show(o["flop"] / o["byte"], "") if o["flop"] and o["byte"] else "-"


def memory_table(design: Design) -> str:
    """What lies in one chip's main memory, by purpose, against what it holds."""
    use = design["memory"]
    named = purposes(use)
    sizes = [(name, use[key]) for key, name in named.items()] + [("all", design["memory_byte"]), ("capacity", use["capacity_byte"])]
    if use["spilled_byte"]:
        sizes.append(("of it in the tier behind", use["spilled_byte"]))
    rows = [[name, show(byte, "byte"), f"{byte / use['capacity_byte']:.1%}"] for name, byte in sizes]
    whole = table(["purpose", "size", "of capacity"], rows, (1, 2))
    if len(use["tiers"]) == 1:
        return whole
    cells = [[t["name"], *(show(t[key], "byte") for key in named), show(t["capacity_byte"], "byte")] for t in use["tiers"]]
    return whole + table(["tier", *named.values(), "capacity"], cells, range(1, len(named) + 2))


def comparison_table(designs: Sequence[Design]) -> str:
    """A row a design: what differs, and the answers."""
    names, asked = differing(designs), [inputs_of(d) for d in designs]
    inputs = {name: [i.get(name, "-") for i in asked] for name in names}
    times = {name: [show(d[key], "s") if d[key] is not None else "-" for d in designs] for key, (name, _) in DEFINITIONS.items()}
    times["90 % interval"] = [_interval((d.get("interval90") or {}).get("time_s"), "s").removeprefix("90 %: ") or "-" for d in designs]
    kept = {name: cells for name, cells in times.items() if set(cells) != {"-"}}
    if len(kept.keys() & {"TTFT", "TPOT", "time"}) == 2 and kept["time"] in (kept.get("TTFT"), kept.get("TPOT")):
        del kept["time"]
    share = [f"{show(d['memory_byte'], 'byte')} ({d['memory_byte'] / d['memory']['capacity_byte']:.0%})" for d in designs]
    answers = {
        "throughput /s": [show(d["throughput_token_per_s"], "") for d in designs], "bound": [d["bound"] for d in designs], "memory a chip": share,
        "feasible": ["yes" if d["feasible"] else "no" for d in designs], "fidelity": [d["fidelity"] for d in designs],
    }  # fmt: skip
    columns = {**inputs, **kept, **answers}
    numeric = [i for i, k in enumerate(columns) if k in kept or k == "throughput /s" or isinstance(designs[0].get(k), float) or k in designs[0].get("set", {})]
    return table(list(columns), list(zip(*columns.values(), strict=True)), numeric, class_="compare")
