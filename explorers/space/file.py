"""From a space's YAML to a `Statement` of any kind, every mistake of the file at once; and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml

from explorers.evaluators import EVALUATORS, evaluator_class
from explorers.space.axis import Axis
from explorers.space.checks import cycles, name_mistakes, reference_of, tied_mistakes
from explorers.space.expression import Expression, expression
from explorers.space.goal import constraints, objective
from explorers.space.statement import Evaluator, SpaceError, Statement
from magnitudes.errors import InputError
from magnitudes.names import nearest
from magnitudes.units import SHOWN, dimension_of, parse

KEYS = ("space", "about", "evaluator", "axes", "tied", "let", "constraints", "objectives", "report", "reference")
KINDS = ("grid", "range", "log", "choice")
AXIS_KEYS = (*KINDS, "of", "when", "otherwise", "whole")
MOST_VALUES = 1_000_000
Tree = dict[str, Any]
S = TypeVar("S", bound=Statement)


def read_text(text: str, where: str, kind: type[S], *, tried: bool = True, folder: Path | None = None) -> S:
    """A space from the text of its file.

    Parameters
    ----------
    text : str
        YAML.
    where : str
        What messages call the file.
    kind : type
        What it is read into.
    tried : bool
        Whether the formulas are put to the evaluator, so that mistakes show at once; it is not needed to tell axes and sizes.
    folder : Path, optional
        Where files that it names lie; those that are not there are looked for as they are written.

    Raises
    ------
    SpaceError
        With all mistakes.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpaceError(f"{where} is no YAML: {error}") from None
    if not isinstance(tree, dict):
        raise SpaceError(f"{where}: a space is a mapping with {', '.join(KEYS)}")
    mistakes: list[str] = []
    space = _space(tree, kind, mistakes, folder)
    if tried and space is not None:
        _caught(lambda: space.problem, "", mistakes)
    if mistakes or space is None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise SpaceError("\n  - ".join([f"{where}: {count}", *mistakes]))
    return space


def _space(tree: Tree, kind: type[S], mistakes: list[str], folder: Path | None) -> S | None:
    behind = str(tree.get("evaluator", "estimate"))
    if behind not in EVALUATORS:
        mistakes.append(f"evaluator: unknown {behind!r}; known: {', '.join(EVALUATORS)}")
        return None
    cls = evaluator_class(behind)
    for key in tree:
        if key not in KEYS and key not in cls.KEYS:
            near = nearest(str(key), [*KEYS, *cls.KEYS])
            mistakes.append(f"{key}: unknown" + (f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join((*KEYS, *cls.KEYS))}"))
    evaluator: Evaluator | None = cls.read(tree | _files(tree, cls.FILES, folder), mistakes)
    if evaluator is None:
        return None
    axes = _axes(tree.get("axes"), evaluator, mistakes)
    goals = _each(tree.get("objectives"), "objectives", objective, mistakes)
    limits = [c for several in _each(tree.get("constraints"), "constraints", constraints, mistakes) for c in several]
    tied = _formulas(tree.get("tied"), "tied", mistakes)
    derived = _formulas(tree.get("let"), "let", mistakes)
    if not tree.get("objectives"):
        mistakes.append("objectives: none; say what is wanted, such as [minimise tpot_s]")
    mistakes += tied_mistakes(tied, axes, evaluator) + name_mistakes(axes, derived, goals, cls.FIGURES) + cycles(derived)
    reference = reference_of(tree.get("reference"), goals, mistakes)
    report = _each(tree.get("report"), "report", str, mistakes)
    if mistakes:
        return None
    about = str(tree.get("about", ""))
    return kind(str(tree.get("space", "space")), about, tuple(axes), tuple(goals), evaluator, tuple(limits), tied, derived, tuple(report), reference)


def _files(tree: Tree, keys: Sequence[str], folder: Path | None) -> Tree:
    """The files that a space names, where they lie in a folder: beside the space's own file."""
    named = {key: str(tree[key]) for key in keys if key in tree and Path(str(tree[key])).suffix}
    return {key: str(folder / name) for key, name in named.items() if folder is not None and (folder / name).is_file()}


def _caught(action: Any, path: str, mistakes: list[str]) -> Any:
    try:
        return action()
    except InputError as error:
        mistakes.append(f"{path}: {error}" if path else str(error))
    except ArithmeticError as error:  # of numbers alone, such as 1 / 0
        mistakes.append(f"a formula of numbers alone comes to nothing: {error}")
    return None


def _each(listed: object, key: str, read: Any, mistakes: list[str]) -> list[Any]:
    if listed is None:
        return []
    if not isinstance(listed, list):
        mistakes.append(f"{key}: should be a list")
        return []
    found = [_caught(partial(read, str(item)), f"{key}[{i}]", mistakes) for i, item in enumerate(listed)]
    return [f for f in found if f is not None]


def _formulas(tree: object, key: str, mistakes: list[str]) -> dict[str, Expression]:
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        mistakes.append(f"{key}: should be a mapping from a name to a formula")
        return {}
    found = {str(name): _caught(partial(expression, text), f"{key}.{name}", mistakes) for name, text in tree.items()}
    return {name: formula for name, formula in found.items() if formula is not None}


def _axes(tree: object, evaluator: Evaluator, mistakes: list[str]) -> list[Axis]:
    if not isinstance(tree, dict) or not tree:
        mistakes.append("axes: none; name at least one parameter with its values, such as {hbm.bandwidth: {log: [1 TB/s, 8 TB/s, 8]}}")
        return []
    axes: list[Axis] = []
    for name, spec in tree.items():
        axis = _caught(partial(_axis, str(name), spec, evaluator, [a.name for a in axes]), f"axes.{name}", mistakes)
        if axis is not None:
            axes.append(axis)
    paths = [a.path for a in axes]
    twice = dict.fromkeys(p for p in paths if paths.count(p) > 1)
    mistakes += [f"axes: {path} is set by two axes ({', '.join(a.name for a in axes if a.path == path)})" for path in twice]
    return axes


def _axis(name: str, spec: object, evaluator: Evaluator, before: list[str]) -> Axis:
    given: Tree = spec if isinstance(spec, dict) else {"grid": spec}
    unknown = [k for k in given if k not in AXIS_KEYS]
    if unknown:
        raise SpaceError(f"unknown {unknown[0]!r}; known: {', '.join(AXIS_KEYS)}")
    kinds = [k for k in KINDS if k in given]
    if len(kinds) != 1:
        raise SpaceError(f"give its values in one way of {', '.join(KINDS)}: a list, [low, high, step], [low, high, count], or names")
    path = str(given.get("of", name))
    unit = evaluator.unit(path)
    kind = kinds[0]
    labels: tuple[str, ...] = ()
    listed = given[kind]
    if not isinstance(listed, list):
        raise SpaceError(f"{kind} should be a list, not {listed!r}")
    if unit == "name" or kind == "choice":
        if kind not in ("grid", "choice") or not listed:
            raise SpaceError("takes names: {choice: [name, name]}")
        if unit != "name":
            raise SpaceError("takes numbers, not names: use grid, range or log")
        kind, labels = "choice", tuple(str(v) for v in listed)
        values = tuple(float(i) for i in range(len(labels)))
    else:
        values = _numbers(kind, listed, unit, whole=bool(given.get("whole", False)))
    shown: tuple[Any, ...] = labels or values
    if len(set(shown)) < len(shown):
        twice = next(v for v in shown if shown.count(v) > 1)
        raise SpaceError(f"has {twice} twice")
    return Axis(name, path, kind, values, labels, unit, *_condition(given, shown, unit, before))


def _condition(given: Tree, shown: tuple[Any, ...], unit: str, before: list[str]) -> tuple[Expression | None, int]:
    if "when" not in given:
        if "otherwise" in given:
            raise SpaceError("otherwise: says where the axis stands when a condition does not hold, and there is no `when`")
        return None, 0
    when = expression(given["when"])
    for read in when.names:
        if read not in before:
            raise SpaceError(f"when: {read!r} is no axis named before this one ({', '.join(before) or 'it is the first'})")
    if "otherwise" not in given:
        return when, 0
    stands = str(given["otherwise"]) if isinstance(shown[0], str) else parse(str(given["otherwise"]), unit)
    if stands not in shown:
        raise SpaceError(f"otherwise: {stands} is none of its values")
    return when, shown.index(stands)


def _numbers(kind: str, listed: list[Any], unit: str, *, whole: bool) -> tuple[float, ...]:
    if kind == "grid":
        if not listed:
            raise SpaceError("an empty axis: give it at least one value")
        return tuple(parse(str(v), unit) for v in listed)
    if len(listed) != 3:
        raise SpaceError(f"{kind} should be {'[low, high, step]' if kind == 'range' else '[low, high, count]'}, not {listed!r}")
    low, high = (parse(str(v), unit) for v in listed[:2])
    third = parse(str(listed[2]), unit if kind == "range" else "")
    if not low < high or not third > 0:
        raise SpaceError(f"{kind} {listed!r}: the low end should be below the high one, and the {'step' if kind == 'range' else 'count'} more than zero")
    if kind == "range":
        count = math.floor((high - low) / third * (1 + 1e-12)) + 1
        if count > MOST_VALUES:
            raise SpaceError(f"{count:,} values; at most {MOST_VALUES:,}: a larger step")
        return tuple((low + third * np.arange(count)).tolist())
    if low <= 0 or third != int(third) or not 2 <= third <= MOST_VALUES:
        raise SpaceError(f"log {listed!r}: starts above zero and has a whole count of 2 or more")
    values = np.geomspace(low, high, int(third))
    return tuple(dict.fromkeys((np.round(values) if whole else values).tolist()))


def space_tree(space: Statement) -> Tree:
    """What a space's file says: `explorers.space.catalog.read_space` of its YAML gives an equal space."""
    tree: Tree = {"space": space.name, "about": space.about, **space.evaluator.described(), "axes": {a.name: _axis_tree(a) for a in space.axes}}
    more: Tree = {
        "tied": {p: e.text for p, e in space.tied.items()}, "let": {n: e.text for n, e in space.derived.items()},
        "constraints": [c.text for c in space.constraints], "objectives": [o.text for o in space.objectives],
        "report": list(space.report), "reference": dict(space.reference),
    }  # fmt: skip
    return tree | {key: value for key, value in more.items() if value}


def _axis_tree(axis: Axis) -> Tree:
    symbol = SHOWN[dimension_of(axis.unit)][0]
    tree: Tree = {"choice": list(axis.labels)} if axis.labels else {"grid": [f"{v!r} {symbol}" if symbol else v for v in axis.values]}
    if axis.path != axis.name:
        tree["of"] = axis.path
    if axis.when is not None:
        tree |= {"when": axis.when.text, "otherwise": next(iter(tree.values()))[axis.otherwise]}
    return tree


def read_file(path: Path, kind: type[S], *, tried: bool = True) -> S:
    """A space from its file, as `read_text`; files that it names are looked for beside it first.

    Raises
    ------
    SpaceError
    """
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path), kind, tried=tried, folder=path.resolve().parent)
    except (OSError, UnicodeDecodeError) as error:
        raise SpaceError(f"cannot read {path}: {error}") from None
