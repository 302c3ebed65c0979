"""The pages of exploring: what explorers found of a space, and rows of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from explorers.space.space import DesignSpace
from explorers.store import Store as Results
from explorers.study import Study
from roofscape import __version__
from roofscape.report.exploration import COMPARED, best_of, compared_rows, row_of, shown
from roofscape.report.figures.exploration import convergence_figure, front_figure, rows_figure
from roofscape.report.html import element, section, table, text
from roofscape.report.page import Store, whole

MOST_ROWS, MOST_POINTS = 500, 5000
BESIDE = (
    "Medians over the seeds of the share of what all of them won together (with exact or exhaustive among them, of the truth), with bootstrap intervals. "
    "Ranks over several spaces, with a critical difference: explore SPACE,SPACE --race."
)


def exploration_page(space: DesignSpace, studies: Sequence[Study]) -> str:
    """What some explorers found of a space.

    Returns
    -------
    str
        HTML with everything inside.
    """
    store = Store()
    head = text("h1", f"Exploring {space.name}") + text("p", f"{space.about} · {space.size:,} designs on {len(space.axes)} axes", class_="faint")
    body = [element("header", head)]
    best = best_of(studies)
    if best is not None and best.best is not None:
        axes = {a.name: a for a in space.axes}
        design = table(["axis", "value"], [[name, shown(axes[name], value)] for name, value in best.best["design"].items()])
        figures = table(["figure", "value"], [[name, f"{value:.6g}"] for name, value in best.best["figures"].items()], [1])
        proof = "Not proven to be the best." if best.gap is None else "Proven: no design is better."
        if best.gap:
            proof = f"Proven: no design is better by more than {best.gap:.2g} of it."
        body.append(section("Best design", element("div", design + figures, class_="pair"), f"Found by {best.explorer}. {proof}"))
    else:
        body.append(section("Best design", text("p", "No feasible design was found.")))
    note = "Median of the seeds; the band holds the middle half of them. A dashed level ended with a proof."
    body.append(section("How fast", store.figure(convergence_figure(space, studies), "best objective against evaluations"), note))
    if len(space.objectives) > 1:
        body.append(section("Fronts", store.figure(front_figure(space, studies), "fronts in the first two objectives")))
    if len(studies) > 1:
        body.append(section("Explorers beside each other", table(COMPARED, compared_rows(studies), range(1, len(COMPARED))), BESIDE))
    columns = ["explorer", "seed", "designs", "seconds", *(o.text for o in space.objectives), "front", "hypervolume", "gap"]
    body.append(section("Runs", table(columns, [row_of(s) for s in studies], range(1, len(columns))), class_="long"))
    limits = ", ".join(c.text for c in space.constraints) or "none"
    body.append(text("footer", f"roofscape {__version__}. Constraints: {limits}. Budgets count distinct designs."))
    return whole(f"Exploring {space.name}", "\n".join(body), store)


def query_page(results: Results, rows: Any, condition: str | None, columns: Sequence[str], found: int | None = None) -> str:
    """Rows of a results folder.

    Parameters
    ----------
    results : explorers.store.Store
    rows : pandas.DataFrame
    condition : str, optional
    columns : sequence of str
        The columns of a front, drawn where there are two or more.
    found : int, optional
        How many rows there are, if `rows` are the first of more.
    """
    found = len(rows) if found is None else found
    store, space = Store(), results.space
    axes = {a.name: a for a in space.axes}
    asked = condition or "all feasible designs"
    body = [element("header", text("h1", f"Results of {space.name}") + text("p", f"{asked} · {found:,} rows", class_="faint"))]
    if len(columns) > 1 and len(rows):
        drawn = rows.iloc[:: max(1, len(rows) // MOST_POINTS)]
        labels = [", ".join(f"{a} {shown(axes[a], row[a])}" for a in axes) for row in drawn.to_dict(orient="records")]
        pair = (columns[0], columns[1])
        figure = rows_figure(np.asarray(drawn[pair[0]], dtype=float), np.asarray(drawn[pair[1]], dtype=float), pair, labels)
        body.append(section("Front", store.figure(figure, "rows in two columns")))
    cells = [[shown(axes[n], v) if n in axes else _cell(v) for n, v in r.items()] for r in rows.head(MOST_ROWS).to_dict(orient="records")]
    more = f"The first {MOST_ROWS} of {found:,}; --csv writes all." if found > MOST_ROWS else ""
    body.append(section("Designs", table(list(rows.columns), cells, range(len(rows.columns))), more, class_="long"))
    body.append(text("footer", f"roofscape {__version__}."))
    return whole(f"Results of {space.name}", "\n".join(body), store)


def _cell(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else f"{float(value):.6g}"
