"""What exploring looks like: the best found so far, and fronts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorers.space.space import DesignSpace
from explorers.study import Study
from magnitudes.arrays import Column
from roofscape.report.figures.style import axis, figure

PALETTE = ("#4477cc", "#d9772f", "#2a9d8f", "#c2558f", "#c9a227", "#8d6e63", "#9467bd", "#5b8c5a", "#8a93a3", "#b55d60", "#3f7f9f", "#7a6fbe")
POINTS = 400  # of a curve
FRONT_POINTS = 2000


def colours(studies: Sequence[Study]) -> dict[str, str]:
    """A colour an explorer."""
    names = list(dict.fromkeys(s.explorer for s in studies))
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def convergence_figure(space: DesignSpace, studies: Sequence[Study]) -> go.Figure:
    """The best first objective found after each distinct evaluation: the median of the seeds, and the range of their middle half."""
    goal = space.objectives[0]
    fig = figure(height=420)
    for name, colour in colours(studies).items():
        runs = [s for s in studies if s.explorer == name]
        if all(s.evaluations == len(s.places) for s in runs):
            _curve(fig, name, colour, [goal.sign * s.so_far() for s in runs])
        elif runs[0].best is not None:  # it ended with a proof: a level
            level = runs[0].best["objective"]
            fig.add_scatter(
                x=[1, max(len(s.places) for s in studies)], y=[level, level], mode="lines", name=name, marker={"color": colour},
                line={"color": colour, "width": 1.6, "dash": "dash"}, hovertemplate=f"{name}: %{{y:.5g}}<extra></extra>",
            )  # fmt: skip
    fig.update_layout(xaxis=axis("distinct designs evaluated", type="log"), yaxis=axis(goal.text))
    return fig


def _curve(fig: go.Figure, name: str, colour: str, runs: Sequence[Column]) -> None:
    length = max(len(r) for r in runs)
    padded = np.array([np.concatenate([r, np.full(length - len(r), r[-1])]) for r in runs])
    at = np.unique(np.geomspace(1, length, min(POINTS, length)).astype(int)) - 1
    known = ~np.isnan(padded[:, at]).any(axis=0)
    at = at[known]
    if len(at) == 0:
        return
    low, middle, high = np.quantile(padded[:, at], [0.25, 0.5, 0.75], axis=0)
    x = (at + 1).tolist()
    if len(runs) > 1:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        band = {"color": f"rgba({red},{green},{blue},0.15)"}
        fig.add_scatter(
            x=x + x[::-1], y=[*high.tolist(), *low[::-1].tolist()], mode="lines", fill="toself", fillcolor=band["color"], line={"width": 0}, hoverinfo="skip"
        )
    fig.add_scatter(
        x=x, y=middle.tolist(), mode="lines", name=name, line={"color": colour, "width": 2}, marker={"color": colour},
        hovertemplate=f"{name} after %{{x}}: %{{y:.5g}}<extra></extra>",
    )  # fmt: skip


def front_figure(space: DesignSpace, studies: Sequence[Study]) -> go.Figure:
    """The fronts that explorers found, in the first two objectives; all seeds of one together."""
    first, second = space.objectives[:2]
    fig = figure(height=460)
    for name, colour in colours(studies).items():
        rows = np.concatenate([s.scores.objectives[s.front_rows][:, :2] for s in studies if s.explorer == name])
        if len(rows) == 0:
            continue
        rows = rows[:: max(1, len(rows) // FRONT_POINTS)] * [first.sign, second.sign]
        fig.add_scattergl(
            x=rows[:, 0].tolist(), y=rows[:, 1].tolist(), mode="markers", name=name, marker={"size": 6, "color": colour, "opacity": 0.7},
            hovertemplate=f"{name}<br>{first.name} %{{x:.4g}}<br>{second.name} %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    fig.update_layout(xaxis=axis(first.text), yaxis=axis(second.text))
    return fig


def rows_figure(x: Column, y: Column, names: tuple[str, str], labels: Sequence[str]) -> go.Figure:
    """Rows of results in two of their columns."""
    fig = figure(height=460)
    fig.add_scattergl(
        x=x.tolist(), y=y.tolist(), mode="markers", marker={"size": 6, "color": PALETTE[0], "opacity": 0.7}, text=list(labels),
        hovertemplate=f"%{{text}}<br>{names[0]} %{{x:.4g}}<br>{names[1]} %{{y:.4g}}<extra></extra>",
    )  # fmt: skip
    fig.update_layout(xaxis=axis(names[0]), yaxis=axis(names[1]))
    return fig
