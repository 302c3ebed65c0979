"""One self-contained HTML page for a design review: opens without a network, in light and dark, on paper and on a phone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from roofscape import __version__
from roofscape.report import sections
from roofscape.report.energy import energy_figure, energy_section
from roofscape.report.figures.breakdown import bounds_figure, operators_figure
from roofscape.report.figures.elasticity import LEAST, tornado_figure
from roofscape.report.figures.memory import memory_figure
from roofscape.report.figures.roofline import roofline_figure
from roofscape.report.figures.style import FONT, colour_of
from roofscape.report.html import element, embedded, section, table, text
from roofscape.report.inputs import MAPPINGS, differing, labels_of, throughput_unit
from roofscape.report.progress import track
from roofscape.report.sources import source_rows
from roofscape.report.subject import Subject
from roofscape.report.what_if import OUTPUTS, Grid, axes_of, grid, payload
from simulator.machine import machine_of
from simulator.result import Estimate

OPENED = 6  # designs that a page shows in detail
COMPARED, DRAWN = 500, 40  # designs in the table of the comparison, and in its figures
POINTS = 8000  # designs evaluated beforehand for the sliders of a page, all together: about 0.6 MB
HERE = Path(__file__).parent
UNITS = {"ttft_s": "s", "tpot_s": "s", "time_s": "s", "memory_byte": "B"}


@dataclass
class Store:
    """What the page's script draws from, filled while the sections are written."""

    figures: dict[str, Any] = field(default_factory=lambda: {"font": FONT})
    grids: dict[str, Any] = field(default_factory=dict)
    resources: set[str] = field(default_factory=set)

    def figure(self, figure: go.Figure, words: str) -> str:
        """A place in the page where a figure will be drawn; `words` say what it shows to those who cannot see it."""
        name = f"figure-{len(self.figures)}"
        self.figures[name] = json.loads(figure.to_json())
        return _legend(figure) + element("div", class_="figure", data_figure=name, role="img", aria_label=words)


def _legend(figure: go.Figure) -> str:
    """The names of a figure's traces with their colours: text that wraps, as a legend inside the figure would not."""
    named = {t.name: (t.marker.color, _sign(t)) for t in figure.data if t.name}
    if len(named) < 2:
        return ""
    entries = [element("span", text("i", sign, style=f"color:{colour}") + text("span", name)) for name, (colour, sign) in named.items()]
    return element("div", "".join(entries), class_="legend")


def _sign(trace: Any) -> str:
    """The character that looks like a trace's marks."""
    if trace.type != "scatter":
        return "■"
    symbol = trace.marker.symbol[0] if isinstance(trace.marker.symbol, tuple | list) else trace.marker.symbol
    return {"diamond": "◆", "square": "■", "triangle-up": "▲"}.get(str(symbol).removesuffix("-open"), "●")


def page(results: Sequence[Estimate], designs: Sequence[dict[str, Any]], subjects: Sequence[Subject] = ()) -> str:
    """The page of some designs.

    Parameters
    ----------
    results : sequence of Estimate
        Of which the designs are the rows, in that order.
    designs : sequence of dict
        As `simulator.tables.design_dicts` makes them; ``elasticities``, ``interval90`` and ``extrapolated`` are shown where they are there.
    subjects : sequence of Subject, optional
        The question behind each design, for what needs the machine itself: roofline, what-if, sources.

    Returns
    -------
    str
        HTML with everything inside, plotly.js included.
    """
    store = Store()
    labels = labels_of(designs)
    opened = list(range(min(len(designs), OPENED)))
    points = POINTS // len(opened)
    body = [_head(results, designs)]
    if len(designs) > 1:
        body += [_comparison(designs, labels, store), _chooser([labels[i] for i in opened], len(designs))]
    for i in track(opened, "page"):
        content = _design(designs[i], subjects[i] if subjects else None, points, store, alone=len(designs) == 1)
        body.append(element("article", content, class_="design", id=f"design-{i}", **({} if i == 0 else {"hidden": ""})))
    body.append(text("footer", f"roofscape {__version__}. All figures come from the estimator, those behind the sliders too."))
    return whole(sections.title_of(designs[0]), "\n".join(body), store)


def whole(title: str, body: str, store: Store) -> str:
    """The document around its body."""
    data = [embedded("figures", store.figures), embedded("grids", store.grids), embedded("colours", {n: colour_of(n) for n in sorted(store.resources)})]
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{text("title", title)}<link rel="icon" href="data:,">'
    return f"""<!doctype html>
<html lang="en">
<head>{head}<style>{style}</style></head>
<body>
{body}
{"".join(data)}
<script>{get_plotlyjs()}</script>
<script>{script}</script>
</body>
</html>
"""


def _head(results: Sequence[Estimate], designs: Sequence[dict[str, Any]]) -> str:
    """What the page is about."""
    if len(designs) == 1:
        return element("header", text("h1", sections.title_of(designs[0])) + text("p", sections.sizes_of(designs[0]), class_="faint"))
    machines = ", ".join(dict.fromkeys(r.system for r in results))
    same = [f"{k} {designs[0][k]:,g}" for k in ("batch", "prompt", "output", "context", "chunk", "steps") if k in designs[0] and k not in differing(designs)]
    line = f"{len(designs)} designs · {', '.join([designs[0]['phase'], *same])} · {designs[0]['timing']} timing"
    models = ", ".join(dict.fromkeys(d["model"] for d in designs))
    return element("header", text("h1", f"{models} on {machines}") + text("p", line, class_="faint"))


def _comparison(designs: Sequence[dict[str, Any]], labels: Sequence[str], store: Store) -> str:
    """All designs side by side."""
    drawn = designs[:DRAWN]
    store.resources.update(n for d in drawn for n in d["bounds"])
    figures = store.figure(bounds_figure(drawn, labels[:DRAWN]), "time of each design by the resource that bounds it")
    memory = store.figure(memory_figure(drawn, labels[:DRAWN]), "memory of each design by purpose")
    more = f"The figures show the first {DRAWN} of {len(designs)} designs." if len(designs) > DRAWN else ""
    rows = f" The table shows the first {COMPARED} of {len(designs)}; --csv writes all." if len(designs) > COMPARED else ""
    return (
        section("Side by side", sections.comparison_table(designs[:COMPARED]), rows.strip(), class_="long")
        + section("Time by bound", figures, f"The time of the whole scenario, by the resource that bounds it. {more}".strip())
        + section("Memory", memory)
        + (section("Energy", store.figure(energy_figure(drawn, labels[:DRAWN]), "energy of each design")) if all("energy" in d for d in drawn) else "")
    )


def _chooser(labels: Sequence[str], count: int) -> str:
    """Which design is shown in detail."""
    options = "".join(text("option", label, value=f"design-{i}") for i, label in enumerate(labels))
    more = f" (the first {len(labels)} of {count})" if count > len(labels) else ""
    return element("div", element("label", f"Design in detail{more}: " + element("select", options, id="design")), class_="chooser")


def _design(design: dict[str, Any], subject: Subject | None, points: int, store: Store, *, alone: bool) -> str:
    """All about one design."""
    store.resources.update(design["bounds"])
    heading = "" if alone else text("h2", sections.title_of(design)) + text("p", sections.sizes_of(design), class_="faint")
    parts = [heading, sections.cards(design), sections.remarks(design)]
    if subject is not None:
        parts += [_what_if(subject, points, store), _roofline(design, subject, store)]
    parts.append(_breakdown(design, store, alone=alone))
    if "energy" in design:
        parts.append(energy_section(design, store.figure(energy_figure([design], ["energy"]), "energy by where it goes")))
    memory = section("Memory of one chip", store.figure(memory_figure([design], ["memory"]), "memory of one chip by purpose") + sections.memory_table(design))
    parts.append(element("div", memory + _elasticities(design, store), class_="pair"))
    note = "Of one call on one chip" + ("; decode at the middle context." if design["phase"] == "inference" else ".")
    parts.append(section("Operators", sections.operator_table(design), note, class_="long"))
    if mapping := sections.mapping_table(design):
        parts.append(section("Mappings", mapping, MAPPINGS.partition("(")[2].rstrip(")").capitalize() + ".", class_="long"))
    if subject is not None:
        rows = source_rows(subject.question.system, subject.on)
        sources = table(["value", "is", "kind", "source"], rows, class_="sources")
        parts.append(element("section", element("details", text("summary", "Sources of the machine's values") + sources), class_="long"))
    return "".join(parts)


def _roofline(design: dict[str, Any], subject: Subject, store: Store) -> str:
    question = subject.question
    figure = roofline_figure(design["operators"], machine_of(question.system), question.data_types[0])
    note = (
        "A sloping roof a memory tier, level ones for the matrix and vector peaks. Intensity is over compulsory traffic; "
        "an operator's area is its share of a pass, its colour what bounds it."
    )
    return section("Roofline", store.figure(figure, "hierarchical roofline with every operator"), note)


def _breakdown(design: dict[str, Any], store: Store, *, alone: bool) -> str:
    phases = list(dict.fromkeys(o["phase"] for o in design["operators"]))
    whole = store.figure(bounds_figure([design], ["time"]), "time by the resource that bounds it") if alone else ""
    figures = [element("div", store.figure(operators_figure(design, p), f"time of each operator in a {p} pass")) for p in phases]
    by_operator = element("div", "".join(figures), class_="pair") if len(figures) > 1 else figures[0]
    return section(
        "Where the time goes", whole + by_operator, "Each operator's time belongs to its largest part: an engine, a memory tier, the launch or a link."
    )


def _elasticities(design: dict[str, Any], store: Store) -> str:
    values = design.get("elasticities")
    if not values:
        return ""
    idle = [path for path, value in values.items() if abs(value) < LEAST]
    note = "To the left: faster." + (f" No effect here: {', '.join(idle)}." if idle else "")
    return section("What each hardware parameter is worth", store.figure(tornado_figure(values), "elasticities of the time") + text("p", note, class_="note"))


def _what_if(subject: Subject, points: int, store: Store) -> str:
    """Sliders over a grid of designs that the estimator has answered."""
    question = subject.question
    made = grid(question, axes_of(question, points))
    name = f"grid-{len(store.grids)}"
    store.grids[name] = payload(made)
    store.resources.update(made.shares)
    main = next(n for n in ("tpot_s", "ttft_s", "time_s") if n in made.outputs)
    sliders = "".join(_slider(i, a.label, len(a.values), a.at, a.texts[a.at]) for i, a in enumerate(made.axes))
    first = next(i for i, a in enumerate(made.axes) if a.path == "batch")
    content = (
        element("div", sliders, class_="sliders")
        + _looked_up(made, question.scenario.phase)
        + element("div", class_="stack")
        + element("div", class_="curve figure", role="img", aria_label="the answer along the slider that was moved last")
        + text("button", "back to the estimate", class_="reset", type="button")
    )
    panel = element("div", content, class_="what-if", data_grid=name, data_axis=str(first), data_main=main, data_main_name=OUTPUTS[main])
    note = f"{len(made.feasible):,} designs around this one, each answered by the estimator when the page was written."
    return section("What if", panel, note)


def _slider(place: int, label: str, values: int, at: int, shown: str) -> str:
    control = f'<input type="range" min="0" max="{values - 1}" step="1" value="{at}" data-axis="{place}" aria-valuetext="{shown}">'
    return element("label", text("span", label) + text("output", shown) + control)


def _looked_up(made: Grid, phase: str) -> str:
    """The cards that the sliders change."""
    change, units = text("small", "", class_="change"), UNITS | {"throughput_token_per_s": f" {throughput_unit(phase)}"}
    span = {n: text("span", "", class_="interval", data_ends=n, data_unit=UNITS.get(n, "")) if n in made.ends else "" for n in made.outputs}
    cards = [text("span", OUTPUTS[n], class_="name") + text("strong", "", data_output=n, data_unit=units[n]) + span[n] + change for n in made.outputs]
    cards.append(text("span", "bound", class_="name") + text("strong", "", data_bound=""))
    cards.append(text("span", "feasible", class_="name") + text("strong", "", data_feasible=""))
    return element("div", "".join(element("div", c, class_="card") for c in cards), class_="cards")
