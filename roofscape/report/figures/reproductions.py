"""Ours over what was published, claim by claim."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from textwrap import wrap

import plotly.graph_objects as go

from roofscape.report.figures.style import BOTTOM, FASTER, FREE, SLOWER, TOP, axis, figure, hover
from roofscape.report.reproductions_terminal import published_words, value_words
from roofscape.reproductions.claim import Outcome, Span

LEAD = 9  # pixels between the labels of two lines
PASSES, MISSES = FASTER, SLOWER
SYMBOLS = {"prediction": "circle", "fit": "diamond-open", "bound": "triangle-up"}
LONGEST, LINE = 58, 30  # characters of a label, and of a line of it, so that a phone has room for the marks; the hover text has all
TICKS = (0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 10.0)
LEAST, LARGEST = 0.1, 10.0  # ratios further out are drawn at the edge


def drawable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes that are a ratio: asked, and of something that is not zero."""
    return [o for o in outcomes if o.ours is not None and o.ours > 0.0 and _low(o) > 0.0]


def ratios_figure(outcomes: Sequence[Outcome]) -> go.Figure:
    """A line a claim: the published value or range and its tolerance as a bar about one, ours as a mark.

    Parameters
    ----------
    outcomes : sequence of Outcome
        As `drawable` picks them; ranges are drawn about their lower end.
    """
    labels = _labels([o.claim.claim for o in outcomes])
    fig = figure(height=TOP + BOTTOM + sum(LEAD + 13 * (label.count("<br>") + 1) for label in labels))
    spans = [_tolerated(o) for o in outcomes]
    fig.add_bar(
        y=labels, base=[low for low, _ in spans], x=[high - low for low, high in spans], orientation="h", marker={"color": FREE}, hoverinfo="skip",
    )  # fmt: skip
    for passed, colour, words in ((True, PASSES, "within its tolerance"), (False, MISSES, "misses")):
        some = [(label, o) for label, o in zip(labels, outcomes, strict=True) if o.passed is passed]
        if some:
            fig.add_scatter(
                y=[label for label, _ in some], x=[_ratio(o) for _, o in some], mode="markers", name=words, hoverinfo="text",
                marker={"size": 9, "color": colour, "symbol": [SYMBOLS[o.claim.kind] for _, o in some]}, hovertext=[_hover(o) for _, o in some],
            )  # fmt: skip
    ends = [_ratio(o) for o in outcomes] + [e for s in spans for e in s]
    low, high = min([0.9, *ends]) / 1.08, max([1.1, *ends]) * 1.08
    shown = {"tickvals": [t for t in TICKS if low <= t <= high], "ticktext": [f"{t:g}" for t in TICKS if low <= t <= high]}
    fig.update_layout(
        xaxis=axis("ours / published", type="log", range=[log10(low), log10(high)], **shown),
        yaxis=axis("", range=[len(outcomes) - 0.4, -0.6], type="category"),
    )
    return fig


def _low(o: Outcome) -> float:
    p = o.claim.published
    return p.low if isinstance(p, Span) else p


def _ratio(o: Outcome) -> float:
    assert o.ours is not None
    return float(f"{min(max(o.ours / _low(o), LEAST), LARGEST):.4g}")


def _tolerated(o: Outcome) -> tuple[float, float]:
    """From the least to the largest ratio that passes; of a bound, from one to as far as it may lie."""
    c, low = o.claim, _low(o)
    high = c.published.high if isinstance(c.published, Span) else low
    slack = c.tolerance.amount if c.tolerance.absolute else c.tolerance.amount * low
    least, most = (low - slack) / low, (high + (slack if c.tolerance.absolute else c.tolerance.amount * high)) / low
    if c.kind == "bound":
        reached = 1.0 / c.reach if c.reach else LARGEST
        least, most = (1.0, reached) if c.limit == "ceiling" else (c.reach or LEAST, 1.0)
    return max(least, LEAST), min(most, LARGEST)


def _labels(claims: Sequence[str]) -> list[str]:
    """Short names of claims, all different: a category drawn twice would be one line."""
    short = [_short(c) for c in claims]
    return ["<br>".join(wrap(s if short.count(s) == 1 else c, LINE)) for s, c in zip(short, claims, strict=True)]


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST // 2 - 2] + " ... " + words[-LONGEST // 2 + 2 :]


def _hover(o: Outcome) -> str:
    return hover({o.claim.claim: "", "published": published_words(o.claim), "ours": value_words(o.ours, o.claim.unit), "kind": o.claim.kind})
