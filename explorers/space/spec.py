"""A design's machine as a spec of its own: what `roofscape estimate --on` takes."""

from __future__ import annotations

from typing import Any

import yaml

from explorers.space.space import DesignSpace, Places
from explorers.space.statement import SpaceError
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values, unit_names
from hardware_specs.schema import System
from magnitudes.arrays import as_float
from magnitudes.units import SHOWN, dimension_of

SOURCE = "found"


def spec_of(space: DesignSpace, places: Places, name: str) -> str:
    """The spec of one design's chip: like the one it comes from, with what the design changes.

    Parameters
    ----------
    space : DesignSpace
    places : Places, shape (axes,)
    name : str
        Of the new chip.

    Raises
    ------
    SpaceError
        If the space is of no machine.
    """
    problem: Any = space.problem
    if not hasattr(problem, "question"):
        raise SpaceError(f"{space.name} is of no machine: a design of it has no spec")
    question, design = problem.question(places)
    machine = question.machine({k: float(v) if isinstance(v, int | float) else v for k, v in design.items()})
    base = find_system(machine.chip.name)
    tree: dict[str, Any] = {
        "name": name, "title": f"a design of {space.name}", "like": machine.chip.name,
        "sources": {SOURCE: {"kind": "assumed", "title": f"a design found in the space {space.name}"}},
    }  # fmt: skip
    for path, text in _changes(machine, base).items():
        _set(tree, _keys(machine, path), text)
    for engine, old in zip(machine.chip.engines, base.chip.engines, strict=True):
        named = {n: getattr(engine, n) for n in ("dataflow", "at", "orchestration") if getattr(engine, n, None) != getattr(old, n, None)}
        for field, value in named.items():
            _set(tree, ["engines", engine.name, field], value)
    links = {level.link.name for level in machine.fabric}
    moved = [path for path in _changes(machine, base, links=True) if path.partition(".")[0] in links]
    head = f"# A design of {space.name}. " + (f"Its links changed, too, which a chip's spec does not hold: {', '.join(moved)}.\n" if moved else "\n")
    return head + yaml.safe_dump(tree, sort_keys=False, width=150)


def _changes(machine: System, base: System, *, links: bool = False) -> dict[str, str]:
    """Numbers that differ, by path, as a spec writes them."""
    old, units = field_values(base), unit_names(machine)
    fabric = {level.link.name for level in machine.fabric}
    result = {}
    for path, value in field_values(machine).items():
        if not links and path.partition(".")[0] in fabric:
            continue
        if path not in old or as_float(value) != as_float(old[path]):
            symbol = SHOWN[dimension_of(units[path])][0]
            result[path] = f"{as_float(value)!r} {symbol}".rstrip() + f" @{SOURCE}"
    return result


def _keys(machine: System, path: str) -> list[str]:
    """Where a path stands in a spec's tree."""
    owner, _, rest = path.partition(".")
    if not rest:
        return [owner]
    if any(t.name == owner for t in machine.chip.tiers):
        return ["tiers", owner, rest]
    field, _, entry = rest.partition(".")
    return ["engines", owner, field, *([entry] if entry else [])]


def _set(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
    tree[keys[-1]] = value
