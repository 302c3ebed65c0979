"""What lies in which tier of memory, and how much room is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from magnitudes.units import show
from roofscape.report.figures.style import BOTTOM, FREE, HOST, PURPOSES, TOP, axis, figure, hover
from roofscape.report.inputs import purposes


def memory_figure(designs: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> go.Figure:
    """Main memory of one chip by purpose, a bar a design, with a mark at its capacity; what spills lies behind.

    Parameters
    ----------
    designs : sequence of dict
        With ``memory`` and its parts.
    labels : sequence of str
    """
    uses = [d["memory"] for d in designs]
    fig = figure(height=TOP + BOTTOM + 38 * len(designs), barmode="stack")
    kept = purposes({key: 0.0 for use in uses for key in use})
    for key, (name, colour) in ((k, v) for k, v in PURPOSES.items() if k in kept):
        _segment(fig, labels, [u.get(key, 0.0) for u in uses], name, colour, uses)
    if any(u["spilled_byte"] > 0 for u in uses):
        spilled = [hover({label: "", "of this in the tier behind": show(u["spilled_byte"], "byte")}) for label, u in zip(labels, uses, strict=True)]
        fig.add_scatter(
            y=list(labels), x=[(u["capacity_byte"] + u["spilled_byte"] / 2) / 1e9 for u in uses], mode="markers", name="spilled",
            marker={"symbol": "diamond", "size": 11, "color": HOST}, hovertext=spilled, hoverinfo="text",
        )  # fmt: skip
    free = [max(u["capacity_byte"] - _used(u), 0.0) for u in uses]
    _segment(fig, labels, free, "free", FREE, uses)
    fig.add_scatter(
        y=list(labels), x=[u["capacity_byte"] / 1e9 for u in uses], mode="markers", name="",
        marker={"symbol": "line-ns", "size": 26, "line": {"width": 3, "color": "#8a93a3"}},
        hovertext=[hover({label: "", "capacity": show(u["capacity_byte"], "byte")}) for label, u in zip(labels, uses, strict=True)], hoverinfo="text",
    )  # fmt: skip
    fig.update_layout(
        xaxis=axis("one chip's main memory [GB]", rangemode="tozero"),
        yaxis=axis("", autorange="reversed", type="category", showticklabels=len(designs) > 1),
    )
    return fig


def _segment(fig: go.Figure, labels: Sequence[str], byte: Sequence[float], name: str, colour: str, uses: Sequence[Mapping[str, float]]) -> None:
    details = [
        hover({label: "", name: show(b, "byte"), "of capacity": f"{b / u['capacity_byte']:.1%}"}) for label, b, u in zip(labels, byte, uses, strict=True)
    ]
    marker = {"color": colour, "line": {"width": 0}}
    fig.add_bar(y=list(labels), x=[b / 1e9 for b in byte], orientation="h", name=name, marker=marker, hovertext=details, hoverinfo="text")


def _used(use: Mapping[str, float]) -> float:
    return sum(use.get(key, 0.0) for key in PURPOSES)
