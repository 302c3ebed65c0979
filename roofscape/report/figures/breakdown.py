"""Where the time goes: by the resource that bounds it, and by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from magnitudes.units import show
from roofscape.report.figures.style import BOTTOM, TOP, axis, colour_of, figure, hover

Design = Mapping[str, Any]
ROW = 27  # pixels a bar takes
PASSES = {"images": "image", "samples": "sample"}  # what a pass is called, where a phase is named by what it counts


def bounds_figure(designs: Sequence[Design], labels: Sequence[str]) -> go.Figure:
    """Time of each design, stacked by the resource that bounds it.

    Parameters
    ----------
    designs : sequence of dict
        With ``time_s`` and ``bounds``.
    labels : sequence of str
        What tells the designs apart; shown where there are several.
    """
    resources = ordered_resources([d["bounds"] for d in designs])
    fig = figure(height=TOP + BOTTOM + (ROW + 7) * len(designs), barmode="stack", uniformtext={"minsize": 10, "mode": "hide"})
    scale, unit = time_unit(max(d["time_s"] for d in designs))
    for name in resources:
        values = [d["bounds"].get(name, 0.0) * d["time_s"] for d in designs]
        texts = [f"{name} {d['bounds'].get(name, 0.0):.0%}" if d["bounds"].get(name, 0.0) >= 0.12 else "" for d in designs]
        details = [hover({label: "", name: show(v, "s"), "share": f"{v / d['time_s']:.1%}"}) for label, v, d in zip(labels, values, designs, strict=True)]
        fig.add_bar(
            y=list(labels), x=[v / scale for v in values], orientation="h", name=name, marker={"color": colour_of(name), "line": {"width": 0}},
            text=texts, textposition="inside", insidetextanchor="middle", textangle=0, textfont={"color": "#fff"}, constraintext="inside",
            hovertext=details, hoverinfo="text",
        )  # fmt: skip
    fig.update_layout(
        xaxis=axis(f"time [{unit}]", rangemode="tozero"),
        yaxis=axis("", autorange="reversed", type="category", showticklabels=len(designs) > 1),
    )
    return fig


def operators_figure(design: Design, phase: str) -> go.Figure:
    """Time of each operator in one pass of a phase, longest first, coloured by its bound, with its 90 % interval where it is known."""
    operators = sorted((o for o in design["operators"] if o["phase"] == phase), key=lambda o: -o["count"] * o["time_s"])
    whole = sum(o["count"] * o["time_s"] for o in operators)
    fig = figure(height=TOP + BOTTOM + ROW * len(operators), barmode="overlay", bargap=0.22)
    scale, unit = time_unit(operators[0]["count"] * operators[0]["time_s"])
    for bound in dict.fromkeys(o["bound"] for o in operators):
        own = [o for o in operators if o["bound"] == bound]
        fig.add_bar(
            y=[o["name"] for o in own], x=[o["count"] * o["time_s"] / scale for o in own], orientation="h", name=bound,
            marker={"color": colour_of(bound)}, error_x=_errors(own, scale), hovertext=[_hover(o, whole) for o in own], hoverinfo="text",
        )  # fmt: skip
    ends = [o["count"] * _span(o)[1] / scale for o in operators]
    fig.add_scatter(  # shares stand behind the intervals, not across them
        y=[o["name"] for o in operators], x=ends, mode="text", text=[f" {o['count'] * o['time_s'] / whole:.1%}" for o in operators],
        textposition="middle right", cliponaxis=False, hoverinfo="skip", name="",
    )  # fmt: skip
    fig.update_layout(
        xaxis=axis(f"time in one {PASSES.get(phase, phase)} pass [{unit}]", range=[0, max(ends) * 1.18]),
        yaxis=axis("", type="category", categoryorder="array", categoryarray=[o["name"] for o in reversed(operators)]),
    )
    return fig


def ordered_resources(bounds: Sequence[Mapping[str, float]]) -> list[str]:
    """The resources that bound any share at all, those of the largest shares first."""
    most: dict[str, float] = {}
    for shares in bounds:
        for name, share in shares.items():
            most[name] = max(most.get(name, 0.0), share)
    return sorted((n for n, share in most.items() if share > 0.0), key=lambda n: -most[n])


def time_unit(longest_s: float) -> tuple[float, str]:
    """The unit in which a time axis reads well: its size in seconds, and its name."""
    return next(((size, name) for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")) if longest_s >= size), (1e-9, "ns"))


def _hover(o: Mapping[str, Any], whole: float) -> str:
    lines = {o["name"]: "", "bound": o["bound"], "time": f"{o['count']:g} x {show(o['time_s'], 's')} ({o['count'] * o['time_s'] / whole:.1%})"}
    parts = {f"{name} alone": show(part, "s") for name, part in sorted(o["parts"].items(), key=lambda item: -item[1]) if part > 0}
    return hover(lines | parts)


def _span(o: Mapping[str, Any]) -> Sequence[float]:
    """The 90 % interval of one call; the time alone, where there is none."""
    return o.get("interval90") or (o["time_s"], o["time_s"])


def _errors(operators: Sequence[Mapping[str, Any]], scale: float) -> dict[str, Any] | None:
    """Error bars of the 90 % intervals, where the operators have them."""
    if not any(o.get("interval90") for o in operators):
        return None
    spans = [_span(o) for o in operators]
    up = [o["count"] * (s[1] - o["time_s"]) / scale for o, s in zip(operators, spans, strict=True)]
    down = [o["count"] * (o["time_s"] - s[0]) / scale for o, s in zip(operators, spans, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3}
