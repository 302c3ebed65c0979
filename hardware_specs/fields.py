"""Every number of a system by a short path, to read it, to set it and to vary it.

A path is ``PART.FIELD`` with the part's own name and the field's name as files spell it: ``hbm.bandwidth``,
``sm.multiprocessors``, ``sm.matrix.bf16``, ``nvlink4.latency``; what belongs to the chip as a whole stands alone: ``tdp``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from hardware_specs.schema import Chip, System
from magnitudes.arrays import Reader, Real, as_real
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest
from magnitudes.units import bare_name, dimension_of

P = TypeVar("P")
# What a number of hardware may be, in base units: further out, squares and ratios leave the range of a float.
SMALLEST, LARGEST = 1e-20, 1e25


def field_values(system: System) -> dict[str, Real]:
    """All numbers of a system that are known, by path."""
    return {path: value for path, _, value in _walk(system)}


def unit_names(system: System) -> dict[str, str]:
    """The schema's field name behind each path: its suffix tells the unit."""
    return {path: name for path, name, _ in _walk(system)}


def with_values(system: System, values: Mapping[str, object]) -> System:
    """The system with some numbers set, each a float, a column or an interval.

    Raises
    ------
    NameMiss
        If a path does not exist, with the near ones.
    """
    wanted = {path: as_real(value) for path, value in values.items()}
    return _changed(system, wanted, lambda _, new: new)


def scaled(system: System, factors: Mapping[str, object]) -> System:
    """The system with some numbers multiplied; a path such as ``sm.matrix`` scales all formats together.

    Raises
    ------
    NameMiss
    """
    return _changed(system, {path: as_real(f) for path, f in factors.items()}, lambda old, factor: old * factor)


def _parts(system: System) -> list[Any]:
    return [*system.chip.tiers, *system.chip.engines, *(level.link for level in system.fabric)]


def _numbers(part: Any) -> Iterator[tuple[str, str, Real]]:
    """(key, field name, value) of the numbers of one part; formats of a mapping one by one."""
    for f in fields(part):
        value = getattr(part, f.name)
        if isinstance(value, float | np.ndarray | Reader):
            yield bare_name(f.name), f.name, value
        elif isinstance(value, Mapping):
            for key, number in value.items():
                yield f"{bare_name(f.name)}.{key}", f.name, number


def _walk(system: System) -> Iterator[tuple[str, str, Real]]:
    for part in _parts(system):
        for key, name, value in _numbers(part):
            yield f"{part.name}.{key}", name, value
    for key, name, value in _numbers(system.chip):
        yield key, name, value


def _changed(system: System, values: Mapping[str, Real], merge: Callable[[Real, Real], Real]) -> System:
    by_part: dict[str, dict[str, Real]] = {}
    for path, value in values.items():
        owner, _, key = path.partition(".")
        by_part.setdefault(owner if key else "", {})[key or owner] = value
    _check_owners(system, by_part)
    chip = system.chip
    changed = replace(
        chip,
        tiers=tuple(_part_changed(t, by_part.get(t.name), merge) for t in chip.tiers),
        engines=tuple(_part_changed(e, by_part.get(e.name), merge) for e in chip.engines),
    )
    fabric = tuple(replace(level, link=_part_changed(level.link, by_part.get(level.link.name), merge)) for level in system.fabric)
    return replace(system, chip=_part_changed(changed, by_part.get(""), merge), fabric=fabric)


def _check_owners(system: System, by_part: Mapping[str, Mapping[str, Real]]) -> None:
    owners = {part.name for part in _parts(system)} | {""}
    for owner, values in by_part.items():
        if owner not in owners:
            path = f"{owner}.{next(iter(values))}"
            raise NameMiss("field", path, nearest(path, field_values(system)), f"(`roofscape specs {system.chip.name}` lists all)")


def _check_number(path: str, name: str, value: Real) -> None:
    """Refuse a value (or a row of values) that is negative, not finite, or zero where something is divided by it.

    Raises
    ------
    InputError
    """
    if isinstance(value, Reader):
        return
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    may_be_zero = dimension_of(name) in ("s", "j/byte")
    wrong = numbers[~(((numbers >= SMALLEST) & (numbers <= LARGEST)) | (may_be_zero & (numbers == 0.0)))]
    if wrong.size:
        least = "zero or more" if may_be_zero else "more than zero"
        raise InputError(f"{path} is set to {wrong[0]:g}; it should be {least} and finite (in base units, at most {LARGEST:g})")


def _part_changed(part: P, values: Mapping[str, Real] | None, merge: Callable[[Real, Real], Real]) -> P:
    """One part with some of its numbers replaced by `merge(old, new)`."""
    if not values:
        return part
    names = {bare_name(f.name): f.name for f in fields(part)}  # type: ignore[arg-type]
    updates: dict[str, Any] = {}
    for key, new in values.items():
        head, _, entry = key.partition(".")
        name = names.get(head, "")
        _check_number(f"{getattr(part, 'name', 'chip')}.{key}", name, new)
        old = updates.get(name, getattr(part, name, None))
        if isinstance(old, Mapping) and (not entry or entry in old):
            updates[name] = {k: merge(v, new) if not entry or k == entry else v for k, v in old.items()}
        elif isinstance(old, float | np.ndarray | Reader) and not entry:
            updates[name] = merge(old, new)
        elif name and old is None and not isinstance(part, Chip):
            updates[name] = new
        else:
            owner = "" if isinstance(part, Chip) else f"{getattr(part, 'name', '')}."
            keys = [owner + k for k, _, _ in _numbers(part)]
            raise NameMiss("field", owner + key, nearest(owner + key, keys), f"(known: {', '.join(keys)})")
    return replace(part, **updates)  # type: ignore[type-var]
