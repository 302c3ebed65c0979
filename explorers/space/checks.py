"""What a space's file may not say although each of its lines can be read: names that mean two things, fields that are set twice, circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from explorers.space.axis import Axis
from explorers.space.expression import Expression
from explorers.space.goal import Objective
from explorers.space.statement import Evaluator
from magnitudes.errors import InputError
from magnitudes.names import nearest
from magnitudes.units import parse

NAME = "name"  # the unit of what is no number


def name_mistakes(axes: Sequence[Axis], derived: Mapping[str, Expression], goals: Sequence[Objective], figures: Sequence[str]) -> list[str]:
    """Names that would hide others, and objectives that are named twice; a figure of the file may stand for the evaluator's of that name.

    Parameters
    ----------
    axes, derived, goals
        Of the space.
    figures : sequence of str
        Those that the evaluator gives.
    """
    names = [axis.name for axis in axes]
    found = [f"axes.{name}: formulas read a figure by that name; give the axis another, with `of` for what it sets" for name in names if name in figures]
    found += [f"let.{name}: is an axis, too; give the figure another name" for name in derived if name in names]
    wanted = [goal.name for goal in goals]
    return found + [f"objectives: {name} is named twice" for name in dict.fromkeys(wanted) if wanted.count(name) > 1]


def tied_mistakes(tied: Mapping[str, Expression], axes: Sequence[Axis], evaluator: Evaluator) -> list[str]:
    """Fields that follow from axes although they do not exist, take names, or are set by an axis."""
    found = []
    paths = {axis.path: axis.name for axis in axes}
    for path in tied:
        try:
            unit = evaluator.unit(path)
        except InputError as error:
            found.append(f"tied.{path}: {error}")
            continue
        if unit == NAME:
            found.append(f"tied.{path}: takes a name, which no formula gives; make it an axis of names")
        elif path in paths:
            found.append(f"tied.{path}: is set by the axis {paths[path]}, too; leave one of them out")
    return found


def cycles(derived: Mapping[str, Expression]) -> list[str]:
    """Figures that read themselves."""
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name not in derived or name in done:
            return
        if name in path:
            found.append(f"let.{name}: goes in a circle ({' -> '.join((*path[path.index(name) :], name))})")
            done.add(name)
            return
        for other in derived[name].names:
            visit(other, (*path, name))
        done.add(name)

    for name in derived:
        visit(name, ())
    return found


def reference_of(tree: object, goals: Sequence[Objective], mistakes: list[str]) -> dict[str, float]:
    """Where hypervolume is measured from, by objective; mistakes are added to the list."""
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        mistakes.append(f"reference: should be a mapping of objectives to figures, not {tree!r}")
        return {}
    names, found = [goal.name for goal in goals], {}
    for given, value in tree.items():
        name = str(given)
        if name not in names:
            near = nearest(name, names)
            mistakes.append(f"reference.{name}: no objective" + (f"; did you mean {near[0]}?" if near else f"; objectives: {', '.join(names)}"))
            continue
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            try:
                found[name] = parse(str(value), name)
            except InputError as error:
                mistakes.append(f"reference.{name}: {error}")
    return found
