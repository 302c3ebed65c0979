"""From one process node to another, and from one memory size to another: published points, joined by power laws.

Energy of an action scales by a polynomial of the supply voltage, area by a published factor (Stillmaker and Baas, Integration 58, 2017). Between
two nodes the law is a power of the node; beyond the last it goes on as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import log

from magnitudes.arrays import Real, power, where
from magnitudes.units import read
from simulator.energy_tables import components

Points = tuple[tuple[float, float], ...]


def between(x: Real, points: Sequence[tuple[float, float]]) -> Real:
    """A curve through points whose abscissas rise, a power law between each two and beyond the ends."""
    (x0, y0), (x1, y1) = points[0], points[1]
    value = _law(x, x0, y0, x1, y1)
    for (a, at_a), (b, at_b) in pairwise(points[1:]):
        value = where(x >= a, _law(x, a, at_a, b, at_b), value)
    return value


def _law(x: Real, x0: float, y0: float, x1: float, y1: float) -> Real:
    return y0 * power(x / x0, log(y1 / y0) / log(x1 / x0))


@cache
def energy_points() -> Points:
    """Energy of an action by node, against the reference node."""
    table = components()["scaling"]
    energy = {float(node): s["a"] * s["volt"] ** 2 + s["b"] * s["volt"] + s["c"] for node, s in table.items()}
    reference = energy[round(components()["reference_node"] * 1e9)]
    return tuple((node * 1e-9, energy[node] / reference) for node in sorted(energy))


@cache
def area_points() -> Points:
    """Area of a component by node, against 45 nm."""
    return tuple(sorted((float(node) * 1e-9, s["area"]) for node, s in components()["scaling"].items()))


@cache
def sram_points() -> Points:
    """Energy of a byte read from an array, by its capacity, at the reference node."""
    return tuple((read(size).value, energy) for size, energy in components()["sram"].items())


def energy_factor(node_m: Real) -> Real:
    """Energy of an action at a node, against the reference node."""
    return between(node_m, energy_points())


def area_factor(node_m: Real) -> Real:
    """Area of a component at a node, against 45 nm."""
    return between(node_m, area_points())


def sram_j_per_byte(capacity_byte: Real, node_m: Real) -> Real:
    """Energy of a byte read from, or written to, an array of that capacity."""
    return between(capacity_byte, sram_points()) * energy_factor(node_m)
