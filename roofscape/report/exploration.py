"""What exploring found: tables for the terminal, and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explorers.base import EXPLORERS, loaded
from explorers.space.axis import Axis
from explorers.space.space import DesignSpace
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


def show_studies(space: DesignSpace, studies: Sequence[Study]) -> None:
    """What each explorer found, and the best design of all."""
    columns = ["explorer", "seed", "designs", "seconds", *(o.text for o in space.objectives), "front", "hypervolume", "gap"]
    rows = [_row(s) for s in studies]
    show_table(f"{space.name}: {space.size:.3g} designs", columns, rows)
    found = [s for s in studies if s.best is not None]
    if not found:
        console().print("no feasible design was found: loosen a constraint, or raise --budget")
        return
    best = min(found, key=lambda s: float(s.scores.objectives[s.best_row, 0]))
    assert best.best is not None
    console().print()
    axes = {a.name: a for a in space.axes}
    show_table("best design", ["axis", "value"], [[name, shown(axes[name], value)] for name, value in best.best["design"].items()])
    console().print()
    show_table("what it comes to", ["figure", "value"], [[name, f"{value:.6g}"] for name, value in best.best["figures"].items()])


def _row(study: Study) -> list[str]:
    best = study.best
    figures = [f"{best['figures'][o.name]:.6g}" if best else "none feasible" for o in study.space.objectives]
    gap = "not proven" if study.gap is None else f"{study.gap:.2%}"
    counts = [f"{study.evaluations:,}", f"{study.seconds:.2f}", *figures, str(len(study.front_rows)), f"{study.hypervolume:.4g}", gap]
    return [study.explorer, str(study.seed), *counts]


def shown(axis: Axis, value: float | str) -> str:
    """A value of an axis with its unit."""
    return value if isinstance(value, str) else show(value, axis.unit)
