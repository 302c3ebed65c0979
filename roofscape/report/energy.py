"""Energy, power and area on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from magnitudes.units import show
from roofscape.report.energy_terminal import energy_lines, energy_rows, operator_rows
from roofscape.report.figures.style import BOTTOM, TOP, axis, colour_of, figure, hover
from roofscape.report.html import element, section, table, text

Design = Mapping[str, Any]


def energy_figure(designs: Sequence[Design], labels: Sequence[str]) -> go.Figure:
    """Energy of each design, stacked by where it goes."""
    parts = list(dict.fromkeys(name for d in designs for name, _, _ in energy_rows(d["energy"])))
    fig = figure(height=TOP + BOTTOM + 34 * len(designs), barmode="stack")
    for name in parts:
        values = [d["energy"]["parts"].get(name, 0.0) for d in designs]
        details = [
            hover({label: "", name: show(j, "j"), "share": f"{j / d['energy']['energy_j']:.1%}"}) for label, j, d in zip(labels, values, designs, strict=True)
        ]
        fig.add_bar(
            y=list(labels), x=values, orientation="h", name=name, marker={"color": colour_of(name), "line": {"width": 0}}, hovertext=details, hoverinfo="text",
        )  # fmt: skip
    shown = axis("", autorange="reversed", type="category", showticklabels=len(designs) > 1)
    fig.update_layout(xaxis=axis("energy [J]", rangemode="tozero"), yaxis=shown)
    return fig


def energy_section(design: Design, drawn: str) -> str:
    """The energy of one design; `drawn` is its figure's place in the page."""
    energy = design["energy"]
    cards = "".join(
        element("div", text("span", name, class_="name") + text("strong", value) + text("small", meaning), class_="card")
        for name, value, meaning in energy_lines(design)
    )
    notes = "".join(text("p", note, class_="remark") for note in energy["notes"])
    rows = [[name, show(j, "j"), f"{share:.1%}"] for name, j, share in energy_rows(energy)]
    inner = element("div", cards, class_="cards") + notes + drawn + table(["where", "energy", "share"], rows, (1, 2))
    inner += table(["operator", "phase", "energy of one call", "most of it"], operator_rows(design), (2,))
    return section("Energy", inner, "Each action at its published energy, scaled to the chip's node; static is what chips draw meanwhile.", class_="long")
