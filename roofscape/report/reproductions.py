"""The page of reproductions: what was published beside ours, how sure it is, and why a claim misses."""

from __future__ import annotations

from collections.abc import Sequence

from roofscape import __version__
from roofscape.report.figures.reproductions import drawable, ratios_figure
from roofscape.report.html import element, section, table, text
from roofscape.report.page import Store, whole
from roofscape.report.reproductions_terminal import error_words, passes_words, published_words, summary, value_words
from roofscape.reproductions import Reproduction
from roofscape.reproductions.claim import CONFIDENCES, KINDS, Outcome

KIND_WORDS = {
    "prediction": "from the system's and the workload's parameters alone",
    "fit": "with constants that nobody publishes, named, chosen so that claims come out",
    "bound": "a limit that the published value keeps",
}
READING = "Bars: the published value or range with its tolerance, the lower end of it at one; circles are predictions, diamonds fits, triangles bounds."


def reproductions_page(systems: Sequence[Reproduction], outcomes: Sequence[Outcome]) -> str:
    """The page of some systems.

    Returns
    -------
    str
        HTML with everything inside, plotly.js included.
    """
    store = Store()
    body = [_head(outcomes)]
    body += [_system(s, [o for o in outcomes if o.claim.system == s.name], store) for s in systems]
    body.append(_legend(outcomes))
    body.append(text("footer", f"roofscape {__version__}. Ours is what the simulator says, configured by the module of the system."))
    return whole("Published against ours", "\n".join(b for b in body if b), store)


def _head(outcomes: Sequence[Outcome]) -> str:
    missed = [o for o in outcomes if o.passed is False]
    remarks = [text("p", f"{o.claim.system}: {o.claim.claim}: {o.note}", class_="remark bad") for o in missed]
    return element("header", text("h1", "Published against ours") + text("p", summary(outcomes), class_="faint") + "".join(remarks))


def _system(system: Reproduction, own: Sequence[Outcome], store: Store) -> str:
    """One system: its claims that are a ratio in a figure, and all of them in a table."""
    drawn = drawable(own)
    figure = store.figure(ratios_figure(drawn), f"ours over published of every claim of {system.name}") if drawn else ""
    columns = ["claim", "published", "ours", "error", "passes", "kind", "where, how sure", "note"]
    content = figure + table(columns, [_row(o) for o in own], numeric=(1, 2, 3))
    return section(f"{system.name}: {system.title}", content, READING if drawn else "", class_="long claims")


def _row(o: Outcome) -> list[str]:
    c = o.claim
    kind = c.kind + (f": {', '.join(c.latents)}" if c.latents else "") + (f" ({c.limit})" if c.limit else "")
    return [c.claim, published_words(c), value_words(o.ours, c.unit), error_words(o), passes_words(o), kind, f"{c.where} [{c.confidence}]", o.note]


def _legend(outcomes: Sequence[Outcome]) -> str:
    """What the words mean."""
    used = {o.claim.confidence for o in outcomes}
    rows = [[kind, KIND_WORDS[kind]] for kind in KINDS] + [[f"[{tag}]", words] for tag, words in CONFIDENCES.items() if tag in used]
    return section("Words", table(["", "meaning"], rows))
