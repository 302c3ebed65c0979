"""Energy, power and area for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from magnitudes.units import show
from roofscape.report.inputs import throughput_unit
from roofscape.report.terminal import bar, console, show_table

Design = Mapping[str, Any]
MM2 = 1e-6


def _each(design: Design) -> str:
    """One of what comes out, in words: a token, an image."""
    thing = throughput_unit(design["phase"]).partition("/")[0].removesuffix("s")
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def energy_lines(design: Design) -> list[tuple[str, str, str]]:
    """Headline figures: name, value and what it means."""
    energy = design["energy"]
    limit = "no limit published" if energy["tdp_w"] is None else f"limit {show(energy['tdp_w'], 'w')}, {energy['headroom']:.0%} left"
    return [
        ("energy", show(energy["energy_j"], "j"), f"of the whole scenario on all chips; {show(energy['j_per_token'], 'j')} {_each(design)}"),
        ("power", show(energy["chip_power_w"], "w"), f"mean of a chip ({limit}); {show(energy['static_w'], 'w')} of it static"),
        ("area", f"{energy['area_m2'] / MM2:,.4g} mm2", f"of a chip; units and memories alone {sum(energy['area_template_m2'].values()) / MM2:,.3g} mm2"),
    ]


def energy_rows(energy: Design) -> list[tuple[str, float, float]]:
    """Parts by what they take: name, energy and share."""
    whole = energy["energy_j"]
    parts = sorted(((name, j) for name, j in energy["parts"].items() if j > 0.0), key=lambda item: -item[1])
    return [(name, j, j / whole) for name, j in parts]


def show_energy(design: Design) -> None:
    """The energy of one design: the answer, where it goes, and each operator's."""
    energy = design["energy"]
    out = console()
    for name, value, meaning in energy_lines(design):
        out.print(Text(f"  {name:<10}  {value:>10}   {meaning}"))
    for note in energy["notes"]:
        out.print(Text(f"note: {note}", style="yellow"))
    out.print()
    rows = [[name, show(j, "j"), f"{share:.1%}", bar(share)] for name, j, share in energy_rows(energy)]
    show_table("Energy of the scenario, all chips", ["where", "energy", "share", ""], rows)
    out.print()
    show_table("Energy of operators (one call, one chip, without static draw)", ["operator", "phase", "energy", "most of it"], operator_rows(design))


def operator_rows(design: Design) -> list[list[str]]:
    """Each operator's energy, and where most of it goes."""
    rows = []
    for o, e in zip(design["operators"], design["energy"]["operators"], strict=True):
        largest = sorted(((j, name) for name, j in e["parts"].items() if j > 0.0), reverse=True)[:3]
        most = ", ".join(f"{name} {j / e['energy_j']:.0%}" for j, name in largest)
        rows.append([o["name"], o["phase"], show(e["energy_j"], "j"), most])
    return rows


def show_energies(designs: Sequence[Design], labels: Sequence[str]) -> None:
    """Several designs, a row each."""
    columns = ["design", "energy", f"J {_each(designs[0])}", "power a chip", "limit", "area a chip", "most of it"]
    rows = []
    for label, d in zip(labels, designs, strict=True):
        e = d["energy"]
        most = ", ".join(f"{name} {share:.0%}" for name, _, share in energy_rows(e)[:3])
        limit = "-" if e["tdp_w"] is None else show(e["tdp_w"], "w")
        rows.append([label, show(e["energy_j"], "j"), show(e["j_per_token"], "j"), show(e["chip_power_w"], "w"), limit, f"{e['area_m2'] / MM2:,.4g} mm2", most])
    show_table("Energy", columns, rows)
    for note in dict.fromkeys(n for d in designs for n in d["energy"]["notes"]):
        console().print(Text(f"note: {note}", style="yellow"))
