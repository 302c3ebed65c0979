"""Operators for sizes that are no plain numbers: each of their numbers as a polynomial of the sizes, found from traces at a few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np

from magnitudes.arrays import Real, total
from workloads.graph import Node
from workloads.model import ModelError
from workloads.operator import Elementwise, Operator

DEGREE = 2  # scores have as many elements as the square of a sequence's length; nothing here grows faster
Nodes = tuple[Node, ...]


def interpolated(at: Callable[[Mapping[str, float]], Nodes], places: Mapping[str, Sequence[float]], sizes: Mapping[str, Real], name: str) -> Nodes:
    """The nodes at sizes that may be columns, symbols or intervals.

    Parameters
    ----------
    at : callable
        The nodes at plain sizes.
    places : mapping of str to sequence of float
        Of each size, three values to fit polynomials to, and one more to check them.
    sizes : mapping of str to Real
    name : str
        Of the model, for messages.

    Raises
    ------
    ModelError
        If the graph has other operators at other sizes, or numbers that are no polynomials of them.
    """
    grid = [dict(zip(places, point, strict=True)) for point in product(*(p[: DEGREE + 1] for p in places.values()))]
    samples = [at(point) for point in grid]
    check = {size: p[-1] for size, p in places.items()}
    if len({tuple((type(n.operator), n.operator.name) for n in nodes) for nodes in (*samples, at(check))}) > 1:
        raise _refusal(name, list(places), "has other operators")
    basis = np.array([[float(np.prod(powers)) for powers in _monomials(point)] for point in grid])
    solve = np.linalg.inv(basis)
    if not _same(_combined(samples, solve, check), at(check)):
        raise _refusal(name, list(places), "has sizes that are no polynomials")
    return _combined(samples, solve, sizes)


def _refusal(name: str, sizes: list[str], what: str) -> ModelError:
    said = " and ".join(sizes)
    return ModelError(f"{name} {what} at other values of {said}; ask for one {said} at a time")


def _monomials(point: Mapping[str, Any]) -> list[list[Any]]:
    """The factors of each monomial: a power of each size."""
    powers = [[1.0, size, size * size] for size in point.values()]
    return [list(p) for p in product(*powers)]


def _combined(samples: list[Nodes], solve: Any, sizes: Mapping[str, Real]) -> Nodes:
    monomials = []
    for factors in _monomials(sizes):
        term: Real = 1.0
        for factor in factors:
            term = factor if isinstance(term, float) and term == 1.0 else term * factor
        monomials.append(term)

    def number(values: list[float]) -> Real:
        if all(v == values[0] for v in values):
            return values[0]
        coefficients = solve @ np.array(values)
        least = 1e-9 * np.abs(coefficients).max()
        return total(float(c) * m for c, m in zip(coefficients, monomials, strict=True) if abs(c) > least)

    return tuple(
        replace(nodes[0], operator=_merged([n.operator for n in nodes], number)) for nodes in zip(*samples, strict=True)
    )  # fmt: skip


def _merged(samples: list[Any], number: Callable[[list[float]], Real]) -> Any:
    """One object whose numbers are polynomials of what they are in the samples."""
    first = samples[0]
    if isinstance(first, Elementwise):
        return _merged_elementwise(samples, number)
    if isinstance(first, float) and not isinstance(first, bool):
        return number(samples)
    if isinstance(first, tuple):
        return tuple(_merged(list(parts), number) for parts in zip(*samples, strict=True))
    if isinstance(first, Operator):
        return replace(first, **{f.name: _merged([getattr(s, f.name) for s in samples], number) for f in fields(first)})
    return first


def _merged_elementwise(samples: list[Elementwise], number: Callable[[list[float]], Real]) -> Elementwise:
    """Reads and arithmetic an element are ratios of polynomials."""
    elements, state = (number([float(getattr(s, f)) for s in samples]) for f in ("elements", "state_elements"))
    written = elements + state

    def ratio(field: str) -> Real:
        values = [getattr(s, field) for s in samples]
        if all(v == values[0] for v in values):
            return values[0]  # type: ignore[no-any-return]
        return number([v * s.written for v, s in zip(values, samples, strict=True)]) / written

    flop: Any = ratio("flop_per_element")
    return replace(samples[0], elements=elements, state_elements=state, reads=ratio("reads"), flop_per_element=flop)


def _same(ours: Nodes, theirs: Nodes) -> bool:
    pairs = [(getattr(a.operator, f), getattr(b.operator, f)) for a, b in zip(ours, theirs, strict=True) for f in ("flop", "byte")]
    return all(np.isclose(a, b, rtol=1e-6) for a, b in pairs)
