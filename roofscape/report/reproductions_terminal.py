"""Published results beside ours, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from roofscape.report.terminal import console, show_table
from roofscape.reproductions import Reproduction
from roofscape.reproductions.claim import Claim, Outcome, Span

COLUMNS = ["claim", "published", "ours", "error", "kind", "passes", "note"]


def show_outcomes(systems: Sequence[Reproduction], outcomes: Sequence[Outcome]) -> None:
    """A table a system, and how many claims pass."""
    for system in systems:
        own = [o for o in outcomes if o.claim.system == system.name]
        show_table(f"{system.name}: {system.title}", COLUMNS, [_row(o) for o in own])
        console().print()
    console().print(summary(outcomes))


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many claims pass, miss and were skipped."""
    asked = [o for o in outcomes if o.passed is not None]
    kinds = ", ".join(f"{sum(bool(o.passed) for o in asked if o.claim.kind == k)} of {sum(o.claim.kind == k for o in asked)} {k}s" for k in _kinds(asked))
    skipped = len(outcomes) - len(asked)
    words = f"{sum(bool(o.passed) for o in asked)} of {len(asked)} claims within their tolerance"
    return words + (f" ({kinds})" if kinds else "") + (f"; {skipped} skipped for want of data" if skipped else "")


def _kinds(asked: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(o.claim.kind for o in asked))


def _row(o: Outcome) -> list[str | Text]:
    kind = o.claim.kind + (f" ({', '.join(o.claim.latents)})" if o.claim.latents else "")
    return [o.claim.claim, published_words(o.claim), value_words(o.ours, o.claim.unit), error_words(o), kind, _passes(o), o.note]


def _passes(o: Outcome) -> Text:
    style = {True: "green", False: "red", None: "yellow"}[o.passed]
    return Text(passes_words(o), style=style)


def passes_words(o: Outcome) -> str:
    """Whether a claim passes."""
    return {True: "yes", False: "no", None: "skipped"}[o.passed]


def value_words(value: float | None, unit: str) -> str:
    """A number with its unit."""
    if value is None:
        return "-"
    number = f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{number}{unit}" if unit in ("x", "%") else f"{number} {unit}".rstrip()


def published_words(claim: Claim) -> str:
    """What was published, a range as such."""
    p = claim.published
    if isinstance(p, Span):
        return f"{value_words(p.low, '')} to {value_words(p.high, claim.unit)}"
    return value_words(p, claim.unit)


def error_words(o: Outcome) -> str:
    """How far ours is off, in the terms of the claim's tolerance."""
    if o.error is None:
        return "-"
    return f"{o.error:+.3g}{' ' + o.claim.unit if o.claim.unit else ''}" if o.claim.tolerance.absolute else f"{o.error:+.2%}"
