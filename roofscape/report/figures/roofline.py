"""The hierarchical roofline: a roof a memory tier, the peaks of the matrix and vector units, and every operator under them.

Williams, Waterman and Patterson, CACM 52(4), 2009; one roof a tier as in Ilic et al., IEEE CAL 13(1), 2014.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from magnitudes.units import show
from roofscape.report.figures.style import axis, colour_of, decades, figure, hover
from simulator.machine import Machine

SYMBOLS = ("circle", "diamond", "square", "triangle-up")
NAMED = 0.09  # share of a pass from which an operator bears its name
CLOSE = 0.22  # decades within which operators share a label
ALONG = "along"
WIDE, NEAR = 0.25, 0.5  # share of the axis that the name of a level roof takes, and decades within which an operator comes near it


def roofline_figure(operators: Sequence[Mapping[str, Any]], machine: Machine, format_name: str) -> go.Figure:
    """Every operator at its arithmetic intensity and the rate that it reaches.

    Operators without arithmetic (look-ups, collectives) stand at the left edge, where their height against the roofs is their bandwidth.

    Parameters
    ----------
    operators : sequence of dict
        With ``name, phase, bound, count, time_s, flop, byte`` of one call on one chip.
    machine : Machine
    format_name : str
        Data type whose peaks are drawn.
    """
    peaks = _peaks(machine, format_name)
    tiers = {t.name: as_float(t.bandwidth_byte_per_s) for t in machine.tiers}
    left, right = _reach(operators, max(peaks.values()) / min(tiers.values()))
    points = _points(operators, left)
    fig = figure(height=460)
    _draw_roofs(fig, tiers, peaks, (left, right), points)
    _draw_operators(fig, points)
    lowest = min([p["y"] for p in points], default=left * min(tiers.values()))
    x_range, y_range = (math.log10(left), math.log10(right)), (math.log10(lowest / 4), math.log10(max(peaks.values()) * 4))
    fig.update_layout(
        xaxis=axis("arithmetic intensity [FLOP/byte]", type="log", range=x_range, **decades(*x_range, unit="")),
        yaxis=axis("", type="log", range=y_range, **decades(*y_range, unit="FLOP/s")),
    )
    return fig


def _peaks(machine: Machine, format_name: str) -> dict[str, float]:
    """Peak rates to draw: the matrix units' (where there are any) and the vector units'."""
    element = data_type(format_name)
    vector = as_float(machine.vector_flop_per_s(element))
    matrix = as_float(machine.matrix_flop_per_s(element))
    return {"matrix": matrix, "vector": vector} if matrix > vector else {"vector": vector}


def _reach(operators: Sequence[Mapping[str, Any]], ridge: float) -> tuple[float, float]:
    """The arithmetic intensities to draw: all operators, and the ridge of main memory with room beyond."""
    seen = [o["flop"] / o["byte"] for o in operators if o["flop"] > 0 and o["byte"] > 0]
    return min([*seen, 1.0]) / 4, max([*seen, ridge]) * 6


def _draw_roofs(
    fig: go.Figure, tiers: Mapping[str, float], peaks: Mapping[str, float], reach: tuple[float, float], points: Sequence[Mapping[str, Any]]
) -> None:
    (left, right), wide = reach, (reach[1] / reach[0]) ** WIDE
    top, fastest = max(peaks.values()), max(tiers.values())
    for name, rate in tiers.items():
        line = {"color": colour_of(name), "width": 2}
        fig.add_scatter(x=[left, top / rate], y=[left * rate, top], mode="lines", line=line, hoverinfo="skip", name="")
        along = left**0.62 * (top / fastest) ** 0.38  # all sloping names at the same intensity
        _label(fig, along, along * rate, f"{name} {show(rate, 'byte/s')}", ALONG, colour_of(name))
    for name, rate in peaks.items():
        line = {"color": colour_of(name), "width": 2, "dash": "solid" if rate == top else "dot"}
        fig.add_scatter(x=[rate / fastest, right], y=[rate, rate], mode="lines", line=line, hoverinfo="skip", name="")
        words, level, first = f"{name} {show(rate, 'flop/s')}", "above" if rate == top else "below", rate / fastest
        at_its_start = rate != top and not _clear(points, right / wide, right, rate) and _clear(points, first, first * wide, rate)
        _label(fig, first * 1.15 if at_its_start else right / 1.15, rate, words, level, colour_of(name), "left" if at_its_start else "right")


def _clear(points: Sequence[Mapping[str, Any]], first: float, last: float, rate: float) -> bool:
    """Whether no operator, with its name below it, comes near a level roof between two intensities."""
    return not any(first <= p["x"] <= last and abs(math.log10(p["y"] / rate)) < NEAR for p in points)


def _label(fig: go.Figure, x: float, y: float, words: str, name: str, colour: str, side: str = "right") -> None:
    """The name of a roof beside its line; the page turns those that bear the name `ALONG` to the slope that they have on the screen."""
    level = {"xanchor": side, "yanchor": "bottom" if name == "above" else "top", "yshift": 2 if name == "above" else -2}
    place = {"xanchor": "center", "yanchor": "middle"} if name == ALONG else level
    fig.add_annotation(x=math.log10(x), y=math.log10(y), text=words, showarrow=False, name=name, font={"color": colour, "size": 12}, **place)


def _draw_operators(fig: go.Figure, points: Sequence[Mapping[str, Any]]) -> None:
    """Draw the operators, one trace a phase and bound."""
    phases = list(dict.fromkeys(p["phase"] for p in points))
    names = _names(points)
    for phase, bound in dict.fromkeys((p["phase"], p["bound"]) for p in points):
        own = [p for p in points if (p["phase"], p["bound"]) == (phase, bound)]
        symbol = SYMBOLS[phases.index(phase) % len(SYMBOLS)]
        marker = {
            "color": colour_of(bound), "size": [p["size"] for p in own], "opacity": 0.85, "line": {"width": 1, "color": "#fff"},
            "symbol": [symbol if p["computes"] else f"{symbol}-open" for p in own],
        }  # fmt: skip
        fig.add_scatter(
            x=[p["x"] for p in own], y=[p["y"] for p in own], mode="markers+text", name=bound if len(phases) == 1 else f"{phase}: {bound}", marker=marker,
            text=[names.get((phase, p["name"]), "") for p in own], textposition=["bottom center" if p["computes"] else "middle right" for p in own],
            hovertext=[p["hover"] for p in own], hoverinfo="text", cliponaxis=False,
        )  # fmt: skip


def _names(points: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """What stands beside which operator: the heaviest bear their names, and those that lie close share one label."""
    heavy = sorted((p for p in points if p["share"] >= NAMED), key=lambda p: -p["share"])
    groups: list[list[Mapping[str, Any]]] = []
    for p in heavy:
        near = next((g for g in groups if abs(math.log10(p["x"] / g[0]["x"])) < CLOSE and abs(math.log10(p["y"] / g[0]["y"])) < CLOSE), None)
        if near is None:
            groups.append([p])
        else:
            near.append(p)
    return {(g[0]["phase"], g[0]["name"]): ", ".join(dict.fromkeys(p["name"] for p in g)) for g in groups}


def _points(operators: Sequence[Mapping[str, Any]], left: float) -> list[dict[str, Any]]:
    """Where each operator stands; those that take no time are left out."""
    whole: dict[str, float] = {}
    for o in operators:
        whole[o["phase"]] = whole.get(o["phase"], 0.0) + o["count"] * o["time_s"]
    return [_point(o, left, whole[o["phase"]]) for o in operators if o["time_s"] > 0]


def _point(o: Mapping[str, Any], left: float, whole: float) -> dict[str, Any]:
    """Where an operator stands, and what it says of itself."""
    share = o["count"] * o["time_s"] / whole
    computes = o["flop"] > 0 and o["byte"] > 0
    intensity = o["flop"] / o["byte"] if computes else left * 1.3
    rate = o["flop"] / o["time_s"] if computes else left * 1.3 * o["byte"] / o["time_s"]
    words = {
        f"{o['name']} ({o['phase']})": "", "time": f"{o['count']:g} x {show(o['time_s'], 's')} ({share:.1%})", "bound": o["bound"],
        "work": f"{show(o['flop'], 'flop')}, {show(o['byte'], 'byte')}",
        "reaches": f"{show(o['flop'] / o['time_s'], 'flop/s')}, {show(o['byte'] / o['time_s'], 'byte/s')}",
    }  # fmt: skip
    if not computes:
        words["stands"] = "at the left edge, at its bandwidth: it has no arithmetic"
    return {
        "name": o["name"], "phase": o["phase"], "bound": o["bound"], "x": intensity, "y": rate, "computes": computes, "share": share,
        "size": 8 + 26 * math.sqrt(share), "hover": hover(words),
    }  # fmt: skip
