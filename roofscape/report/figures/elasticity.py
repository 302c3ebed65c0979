"""What each hardware parameter is worth: the tornado of elasticities."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from roofscape.report.figures.style import BOTTOM, FASTER, SLOWER, TOP, axis, figure, hover

SHOWN, LEAST = 12, 0.0005


def tornado_figure(elasticities: Mapping[str, float]) -> go.Figure:
    """Percent of time per percent more of each parameter, largest first; what matters less than `LEAST` is left out."""
    kept = [(path, value) for path, value in elasticities.items() if abs(value) >= LEAST][:SHOWN]
    fig = figure(height=TOP + BOTTOM + 27 * max(len(kept), 1))
    fig.add_bar(
        y=[path for path, _ in kept], x=[value for _, value in kept], orientation="h", marker={"color": [FASTER if v < 0 else SLOWER for _, v in kept]},
        text=[f"{v:+.3f}" for _, v in kept], textposition="auto", insidetextanchor="end", textangle=0, cliponaxis=False,
        hovertext=[hover({path: "", "one percent more changes the time by": f"{v:+.3f} %"}) for path, v in kept], hoverinfo="text",
    )  # fmt: skip
    low, high = min([0.0, *(v for _, v in kept)]), max([0.0, *(v for _, v in kept)])
    room = 0.34 * (high - low or 1.0)  # for the numbers beside the bars
    fig.update_layout(
        xaxis=axis("% of time per % more", range=[low - room, high + room], zeroline=True),
        yaxis=axis("", autorange="reversed", type="category"),
    )
    return fig
