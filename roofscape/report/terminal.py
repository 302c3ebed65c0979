"""Tables that fit a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from magnitudes.units import show
from roofscape.report.inputs import (
    EXTRAPOLATED,
    MAPPINGS,
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

BARS = " ▏▎▍▌▋▊▉█"


def console() -> Console:
    """The terminal; a wide one where output is not a terminal, so that nothing is cut."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=140)


def bar(share: float, width: int = 16) -> str:
    """A share of one as a bar of that many characters."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return ("█" * (eighths // 8) + BARS[eighths % 8]).strip().ljust(width)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table with its title; cells are plain words, or text with a style."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    numeric = {i for i in range(len(columns)) if rows and all(_is_number(str(r[i])) for r in rows)}
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    out = console()
    out.print(Text(title, style="bold"))  # not the table's own title, which wraps at its width
    out.print(table)


def _is_number(cell: str) -> bool:
    """Whether a cell is a number, perhaps with its unit."""
    return (cell[:1].isdigit() or cell[:1] in "+-.·") and len(cell.split()) <= 2


def show_design(design: Mapping[str, Any]) -> None:
    """One design: the answer, then operators, memory and what each hardware parameter is worth."""
    out = console()
    out.print(Text(headline(design), style="bold"))
    out.print(Text("\n".join(_answers(design))))
    extrapolated = [EXTRAPOLATED] if design.get("extrapolated") else []
    for note in [*design["notes"], *extrapolated]:
        out.print(Text(f"note: {note}", style="yellow"))
    if design["reason"]:
        out.print(Text(f"infeasible: {design['reason']}", style="red"))
    out.print()
    _show_operators(design)
    _show_mappings(design)
    out.print()
    _show_memory(design)
    if design.get("elasticities"):
        out.print()
        _show_elasticities(design["elasticities"])


def headline(design: Mapping[str, Any]) -> str:
    """Model, machine, scenario and cut in one line."""
    sizes = [f"{k.replace('_', '-')} {design[k]:g}" for k in SIZES if k in design]
    cut = [f"{k} {design[k]:g}" for k in ("tp", "pp", "ep", "dp") if design[k] != 1.0]
    how = f"{design['fidelity']} fidelity, {design['timing']} timing"
    return f"{design['model']} on {design['system']}: {design['phase']}, {', '.join(sizes + cut)} ({how})"


def _answers(design: Mapping[str, Any]) -> list[str]:
    """The figures that were asked for, each with its definition."""
    unit = throughput_unit(design["phase"])
    lines = []
    if design["ttft_s"] is not None:
        lines.append(f"  TTFT        {show(design['ttft_s'], 's'):>10}{_interval(design, 'ttft_s')}   time to first token: the prefill pass, which yields it")
    if design["tpot_s"] is not None:
        meaning = "time per output token: mean decode step, the first token not counted"
        lines.append(f"  TPOT        {show(design['tpot_s'], 's'):>10}{_interval(design, 'tpot_s')}   {meaning}")
    if "speculation_speedup" in design:
        lines.append(f"  speculation {design['speculation_speedup']:>9.2f}x   TPOT without the draft over TPOT with it")
    what = "one step" if design["phase"] == "train" else "the whole scenario"
    lines.append(f"  time        {show(design['time_s'], 's'):>10}{_interval(design, 'time_s')}   {what}")
    rate = f"{_rate(design['throughput_token_per_s'], unit):>10}{_interval(design, 'throughput_token_per_s', '')}"
    lines.append(f"  throughput  {rate}   over {design['chips']:g} chip{'s' if design['chips'] > 1 else ''}")
    if "mfu" in design:
        again = f", with what is computed again {design['hfu']:.1%}" if design["recompute"] else ""
        lines.append(f"  MFU         {design['mfu']:>10.1%}   of the chips' peak is work of the model{again}")
    shares = sorted(design["bounds"].items(), key=lambda item: -item[1])
    lines.append(f"  bound       {design['bound']:>10}   " + ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005))
    near = near_memory_line(design)
    return [*lines, f"  rows        {near}"] if near else lines


def _interval(design: Mapping[str, Any], key: str, unit: str = "s") -> str:
    """The 90 % interval of a figure, where one is known, and whether nothing like it was measured."""
    told = _span((design.get("interval90") or {}).get(key), unit)
    return f"  [{told}] 90 % (extrapolated: {'yes' if design['extrapolated'] else 'no'})" if told else ""


def _span(ends: Sequence[float] | None, field: str) -> str:
    """The two ends of an interval, with their unit once where it is the same."""
    if not ends:
        return ""
    low, high = show(ends[0], field), show(ends[1], field)
    number, _, unit = low.partition(" ")
    return f"{number if unit == high.partition(' ')[2] else low}, {high}"


def _rate(value: float, unit: str) -> str:
    return f"{show(value, '')} {unit}"


def _show_operators(design: Mapping[str, Any]) -> None:
    operators = design["operators"]
    whole = {p: sum(o["count"] * o["time_s"] for o in operators if o["phase"] == p) for p in {o["phase"] for o in operators}}
    placed = several_engines(design)
    rows = []
    for o in operators:
        share = o["count"] * o["time_s"] / whole[o["phase"]]
        rows.append(
            [
                o["phase"],
                o["name"],
                f"{o['count']:g}",
                show(o["time_s"], "s"),
                f"{share:.1%}",
                bar(share),
                o["bound"],
                *([o["engine"], others(o)] if placed else [show(o["flop"], "flop"), show(o["byte"], "byte")]),
            ]
        )
    columns = ["phase", "operator", "count", "time each", "share", "", "bound", *(["runs on", "elsewhere"] if placed else ["flop", "bytes"])]
    if len(whole) == 1:
        columns, rows = columns[1:], [r[1:] for r in rows]
    show_table("Operators (one chip)", columns, rows)


def _show_mappings(design: Mapping[str, Any]) -> None:
    """How layers lie on the array, where that was searched or given."""
    if not (rows := mapping_rows(design)):
        return
    console().print()
    show_table(MAPPINGS, mapping_columns(design), rows)


def _show_memory(design: Mapping[str, Any]) -> None:
    use = design["memory"]
    capacity = use["capacity_byte"]
    named = purposes(use)
    rows = [[name, show(use[key], "byte"), f"{use[key] / capacity:.1%}", bar(use[key] / capacity)] for key, name in named.items()]
    total = design["memory_byte"]
    rows.append(["all", show(total, "byte"), f"{total / capacity:.1%}", bar(total / capacity)])
    show_table(f"Memory of one chip ({show(capacity, 'byte')})", ["purpose", "size", "share", ""], rows)
    if len(use["tiers"]) > 1:
        out = console()
        out.print()
        cells = [[t["name"], *(show(t[key], "byte") for key in named), show(t["capacity_byte"], "byte")] for t in use["tiers"]]
        show_table("What lies where", ["tier", *named.values(), "capacity"], cells)


def _show_elasticities(elasticities: Mapping[str, float]) -> None:
    rows = [[path, f"{value:+.3f}", bar(abs(value))] for path, value in elasticities.items() if abs(value) >= 0.0005]
    show_table("Elasticities: percent of time per percent more of", ["parameter", "elasticity", ""], rows)


def show_designs(designs: Sequence[Mapping[str, Any]]) -> None:
    """Several designs, a row each: what differs between them, and the answers."""
    varying, told = differing(designs), any((d.get("interval90") or {}).get("time_s") for d in designs)
    times = ["MFU"] if all("mfu" in d for d in designs) else ["TTFT", "TPOT"]
    columns = [*varying, "fidelity", *times, "time", *(["90 % interval"] if told else []), "throughput /s", "bound", "memory", "fits"]
    rows = []
    for d in designs:
        answers = [_share(d["mfu"]) if t == "MFU" else _time(d[f"{t.lower()}_s"]) for t in times]
        answers += [_time(d["time_s"]), *([_span((d.get("interval90") or {}).get("time_s"), "s") or "-"] if told else [])]
        uses = [show(d["throughput_token_per_s"], ""), d["bound"], show(d["memory_byte"], "byte"), "yes" if d["feasible"] else "no"]
        rows.append([*(_asked(d, k) for k in varying), d["fidelity"], *answers, *uses])
    show_table(headline(designs[0]) if len(designs) == 1 else f"{designs[0]['model']}: {designs[0]['phase']}, {designs[0]['timing']} timing", columns, rows)
    for note in dict.fromkeys(n for d in designs for n in [*d["notes"], *([f"{d['system']}: {d['reason']}"] if d["reason"] else [])]):
        console().print(Text(f"note: {note}", style="yellow"))


def _asked(design: Mapping[str, Any], name: str) -> str:
    """What was asked, also where it is the usual."""
    return inputs_of(design).get(name) or (f"{design[name]:g}" if isinstance(design.get(name), float) else "-")


def _share(value: float) -> str:
    return f"{value:.1%}"


def _time(value: float | None) -> str:
    return "-" if value is None else show(value, "s")
