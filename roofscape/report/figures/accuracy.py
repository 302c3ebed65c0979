"""Predictions beside measurements: all points about one line, and how far off they are by the size of the work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from magnitudes.arrays import Column
from magnitudes.units import show
from roofscape.report.figures.style import axis, colour_of, decades, figure

if TYPE_CHECKING:
    import pandas as pd

FAINT = "rgba(138,147,163,0.9)"
LARGEST_RATIO = 8.0  # points further off are drawn at the edge
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
DIGITS = 4  # of a point's coordinates: the page must stay small


def parity_figure(rows: pd.DataFrame) -> go.Figure:
    """Predicted against measured time, coloured by what bounds the prediction; the lines are equality and a factor of two either way.

    Parameters
    ----------
    rows : DataFrame
        Columns ``measured_us, predicted_us, bound, label``.
    """
    low = float(min(rows["measured_us"].min(), rows["predicted_us"].min())) * 1e-6
    high = float(max(rows["measured_us"].max(), rows["predicted_us"].max())) * 1e-6
    span = (np.log10(low) - 0.15, np.log10(high) + 0.15)
    fig = figure(height=520)
    ends = np.array([10.0 ** span[0], 10.0 ** span[1]])
    for factor, dash in ((1.0, "solid"), (2.0, "dot"), (0.5, "dot")):
        line = {"color": FAINT, "width": 1.2, "dash": dash}
        fig.add_scatter(x=ends, y=factor * ends, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for bound, some in _by_bound(rows):
        fig.add_scattergl(
            x=_short(some["measured_us"] * 1e-6), y=_short(some["predicted_us"] * 1e-6), mode="markers", name=bound,
            marker={"size": 4, "color": colour_of(bound), "opacity": 0.55}, text=some["label"].tolist(),
            hovertemplate="%{text}<br>measured %{x:.3~s}s, predicted %{y:.3~s}s<extra></extra>",
        )  # fmt: skip
    fig.update_layout(
        xaxis=axis("measured", type="log", range=span, **decades(*span, unit="s")), yaxis=axis("predicted", type="log", range=span, **decades(*span, unit="s"))
    )
    return fig


def residual_figure(rows: pd.DataFrame, size: str, title: str, unit: str) -> go.Figure:
    """Predicted over measured time against the size of the work.

    Parameters
    ----------
    size : str
        A column of `rows`; rows in which it is zero are not drawn.
    """
    rows = rows[rows[size] > 0.0]
    fig = figure(height=380)
    if rows.empty:
        return fig
    span = (np.log10(float(rows[size].min())) - 0.15, np.log10(float(rows[size].max())) + 0.15)
    for factor, dash in ((1.0, "solid"), (2.0, "dot"), (0.5, "dot")):
        line = {"color": FAINT, "width": 1.2, "dash": dash}
        fig.add_scatter(x=[10.0 ** span[0], 10.0 ** span[1]], y=[factor, factor], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for bound, some in _by_bound(rows):
        ratio = (some["predicted_us"] / some["measured_us"]).clip(1.0 / LARGEST_RATIO, LARGEST_RATIO)
        fig.add_scattergl(
            x=_short(some[size]), y=_short(ratio), mode="markers", name=bound, marker={"size": 4, "color": colour_of(bound), "opacity": 0.55},
            text=some["label"].tolist(), hovertemplate="%{text}<br>predicted is %{y:.2f} of measured<extra></extra>",
        )  # fmt: skip
    y = {
        "type": "log",
        "range": (np.log10(1.0 / LARGEST_RATIO) - 0.05, np.log10(LARGEST_RATIO) + 0.05),
        "tickvals": RATIOS,
        "ticktext": [f"{r:g}" for r in RATIOS],
    }
    fig.update_layout(xaxis=axis(title, type="log", range=span, **decades(*span, unit=unit)), yaxis=axis("predicted / measured", **y))
    return fig


def _by_bound(rows: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """Points by bound, the most frequent first, so that rare ones lie on top."""
    counts = rows["bound"].value_counts()
    return ((str(bound), rows[rows["bound"] == bound]) for bound in counts.index)


def _short(values: Any) -> list[float]:
    """Coordinates with no more digits than a screen shows."""
    column: Column = np.asarray(values, dtype=np.float64)
    return [float(f"{v:.{DIGITS}g}") for v in column]


def label(row: Any) -> str:
    """What a point is: its operator and machine, and the work that it does."""
    return f"{row.named}, {row.device}, {row.dtype}: {show(row.flop, 'flop')}, {show(row.byte, 'byte')}"
