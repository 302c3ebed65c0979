"""What exploring found: tables for the terminal, and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.text import Text

from explorers.base import EXPLORERS, loaded
from explorers.comparison import compared
from explorers.space.axis import Axis
from explorers.space.feasibility import Feasibility, Share
from explorers.space.space import DesignSpace
from explorers.store import Store
from explorers.study import Study
from magnitudes.units import show
from roofscape.report.terminal import console, show_table


def show_spaces(spaces: Sequence[Mapping[str, Any]]) -> None:
    """The shipped spaces."""
    rows = [[s["name"], f"{s['size']:.3g}", str(len(s["axes"])), "yes" if s["exact"] else "no", ", ".join(s["objectives"]), s["about"]] for s in spaces]
    show_table("spaces", ["space", "designs", "axes", "provable", "objectives", "what it is"], rows)


def show_explorers(names: Sequence[str]) -> None:
    """The explorers, and what each does."""
    solvers = {"exhaustive": "every design, streamed", "exact": "branch and bound: the optimum with a certificate"}
    rows = [[name, solvers.get(name) or _about(name)] for name in names]
    console().print()
    show_table("explorers", ["explorer", "what it does"], rows)


def _about(name: str) -> str:
    from magnitudes.errors import InputError

    try:
        return str(loaded(EXPLORERS[name]).about)
    except InputError as error:
        return str(error)


def show_space(space: DesignSpace, found: Feasibility) -> None:
    """One space: its axes, what is wanted, and what its constraints leave."""
    rows = [
        [a.name, str(a.size), f"{shown(a, a.shown(0))} to {shown(a, a.shown(a.size - 1))}" if a.ordered else ", ".join(a.labels), _when(a)] for a in space.axes
    ]
    show_table(f"{space.name}: {space.size:,} designs. {space.about}", ["axis", "values", "which", "counts where"], rows)
    console().print()
    rows = [[text, _percent(share)] for text, share in found.holds.items()]
    title = f"what is left of {'all' if found.exact else 'a draw of'} {found.drawn:,} designs"
    show_table(title, ["constraint", "designs that keep it"], [*rows, ["all of them, buildable", _percent(found.feasible)]])
    console().print(Text(f"\n{', '.join(o.text for o in space.objectives)}"))


def _when(axis: Axis) -> str:
    return "" if axis.when is None else axis.when.text


def _percent(share: Share) -> str:
    exact = share.low == share.high
    return f"{share.share:.2%}" if exact else f"{share.share:.2%} [{share.low:.2%}, {share.high:.2%}]"


def show_studies(space: DesignSpace, studies: Sequence[Study]) -> None:
    """What each explorer found, and the best design of all."""
    columns = ["explorer", "seed", "designs", "seconds", *(o.text for o in space.objectives), "front", "hypervolume", "gap"]
    rows = [row_of(s) for s in studies]
    show_table(f"{space.name}: {space.size:.3g} designs", columns, rows)
    if len(studies) > 1:
        console().print()
        show_table("explorers beside each other", COMPARED, compared_rows(studies))
    best = best_of(studies)
    if best is None or best.best is None:
        return
    for note in dict.fromkeys([*(s.note for s in studies if s.note), *space.notes]):
        console().print(Text(f"note: {note}", style="yellow"))
    console().print()
    axes = {a.name: a for a in space.axes}
    show_table("best design", ["axis", "value"], [[name, shown(axes[name], value)] for name, value in best.best["design"].items()])
    console().print()
    show_table("what it comes to", ["figure", "value"], [[name, f"{value:.6g}"] for name, value in best.best["figures"].items()])


COMPARED = ["explorer", "seeds", "share of the best", "95 %", "designs to 95 % of it", "ms a design"]


def compared_rows(studies: Sequence[Study]) -> list[list[str]]:
    """Explorers over their seeds, the best first, in the columns of `COMPARED`."""
    return [
        [
            c.explorer,
            str(c.seeds),
            f"{c.share:.1%}",
            f"{c.low:.1%} to {c.high:.1%}",
            "proof" if np.isnan(c.needed) else "not reached" if np.isinf(c.needed) else f"{c.needed:,.0f}",
            f"{c.design_s * 1e3:.3g}",
        ]
        for c in compared(studies)
    ]


def best_of(studies: Sequence[Study]) -> Study | None:
    """The study with the best first objective, one with a proof before its equals; None where none found a feasible design."""
    found = [s for s in studies if s.best_row is not None]
    return min(found, key=lambda s: (float(s.scores.objectives[s.best_row, 0]), s.gap is None)) if found else None


def row_of(study: Study) -> list[str]:
    """A run as a row: explorer, seed, evaluations, seconds, objectives, size of the front, hypervolume and gap."""
    best = study.best
    figures = [f"{best['figures'][o.name]:.6g}" if best else "none feasible" for o in study.space.objectives]
    gap = "not proven" if study.gap is None else f"{study.gap:.2%}"
    counts = [f"{study.evaluations:,}", f"{study.seconds:.2f}", *figures, str(len(study.front_rows)), f"{study.hypervolume:.4g}", gap]
    return [study.explorer, str(study.seed), *counts]


def shown(axis: Axis, value: float | str) -> str:
    """A value of an axis with its unit."""
    return value if isinstance(value, str) else show(value, axis.unit)


def show_rows(store: Store, rows: Any) -> None:
    """Rows of results."""
    axes = {a.name: a for a in store.space.axes}
    cells = [[_cell(axes.get(name), value) for name, value in row.items()] for row in rows.to_dict(orient="records")]
    written = sum(store.part(i).is_file() for i in range(store.parts))
    unfinished = "" if written == store.parts else f" ({written} of {store.parts} parts written so far)"
    show_table(f"{store.manifest['space']['space']}: {len(cells)} rows{unfinished}", list(rows.columns), cells)


def _cell(axis: Axis | None, value: Any) -> str:
    if axis is not None:
        return shown(axis, value)
    return str(bool(value)) if isinstance(value, bool) else f"{value:.6g}"
