"""The figures of a page as one PNG, for papers and slides: rendered by Chrome through kaleido (extra ``png``)."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from magnitudes.errors import InputError
from roofscape.report import sections
from roofscape.report.figures.breakdown import bounds_figure, operators_figure
from roofscape.report.figures.roofline import ALONG, roofline_figure
from roofscape.report.inputs import labels_of
from roofscape.report.subject import Subject
from simulator.machine import machine_of

WIDTH, SCALE = 900, 3  # pixels of the layout, and how many of the picture each becomes: 300 dpi at nine inches
DRAWN = 40  # designs side by side
LABELS = 110  # pixels that the names of rates take beside a roofline
PAPER, INK, GRID = "#ffffff", "#1c2433", "#dfe3ea"


def picture(designs: Sequence[dict[str, Any]], subjects: Sequence[Subject]) -> bytes:
    """One design's roofline and operators, or the time of several side by side.

    Returns
    -------
    bytes
        Of a PNG.

    Raises
    ------
    InputError
        If kaleido or a browser is missing, with the remedy.
    """
    return _stacked([_rendered(_on_paper(figure, title)) for title, figure in figures(designs, subjects)])


def figures(designs: Sequence[dict[str, Any]], subjects: Sequence[Subject]) -> list[tuple[str, go.Figure]]:
    """Title and figure of each part of the picture."""
    if len(designs) > 1:
        return [("Time by the resource that bounds it", bounds_figure(designs[:DRAWN], labels_of(designs)[:DRAWN]))]
    design, question = designs[0], subjects[0].question
    made = [
        (
            f"{sections.title_of(design)} · {sections.sizes_of(design)}",
            roofline_figure(design["operators"], machine_of(question.system), question.data_types[0]),
        )
    ]
    return made + [(f"Operators of a {phase} pass", operators_figure(design, phase)) for phase in dict.fromkeys(o["phase"] for o in design["operators"])]


def _on_paper(figure: go.Figure, title: str) -> go.Figure:
    """A figure with its title, in colours of print."""
    lines = {"gridcolor": GRID, "linecolor": INK, "tickcolor": INK}
    figure.update_layout(
        paper_bgcolor=PAPER, plot_bgcolor=PAPER, font={"color": INK}, title={"text": title, "x": 0.01, "font": {"size": 15}}, showlegend=_several(figure),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"}, margin={"t": 64, "l": 12, "r": 24, "b": 52},
        height=(figure.layout.height or 400) + 60,
    )  # fmt: skip
    figure.update_xaxes(**lines)
    figure.update_yaxes(**lines)
    figure.for_each_trace(lambda trace: trace.update(showlegend=bool(trace.name)))
    figure.update_traces(textposition="auto", insidetextanchor="start", selector={"type": "bar", "textposition": "outside"})  # clear of the error bars
    _tilted(figure)
    return figure


def _tilted(figure: go.Figure) -> None:
    """Names of sloping roofs along them."""
    x, y, margin = figure.layout.xaxis.range, figure.layout.yaxis.range, figure.layout.margin
    if x is None or y is None:
        return
    right, up = (WIDTH - LABELS - margin.l - margin.r) / (x[1] - x[0]), (figure.layout.height - margin.t - margin.b) / (y[1] - y[0])
    angle = -math.degrees(math.atan2(up, right))
    figure.for_each_annotation(lambda note: note.update(textangle=angle, bgcolor=PAPER) if note.name == ALONG else None)


def _several(figure: go.Figure) -> bool:
    return len({t.name for t in figure.data if t.name}) > 1


def _rendered(figure: go.Figure) -> bytes:
    try:
        return bytes(figure.to_image(format="png", width=WIDTH, scale=SCALE))
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(",;. ")
        raise InputError(f"--png cannot draw: {reason}; it needs the extra (`pip install 'roofscape[png]'`) and Chrome or Chromium") from error


def _stacked(images: Sequence[bytes]) -> bytes:
    """Pictures one below the other."""
    from PIL import Image

    opened = [Image.open(io.BytesIO(i)).convert("RGB") for i in images]
    whole = Image.new("RGB", (max(i.width for i in opened), sum(i.height for i in opened)), PAPER)
    top = 0
    for image in opened:
        whole.paste(image, (0, top))
        top += image.height
    out = io.BytesIO()
    whole.save(out, "PNG", optimize=True)
    return out.getvalue()
