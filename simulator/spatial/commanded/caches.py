"""Which lines the system's caches still have when a tile asks for them: those whose last use lies no more bytes back than a cache holds.

A line of an operand was last used one turn ago of the innermost loop that brings it again: one that does not step through the operand, or one
that steps through its rows by less than a line. What the loops inside that one touch has passed through the cache meanwhile. What no loop
brings again was touched by the run before, over the same arrays.

Rows a power of two apart share few of the cache's sets, so that they take its space as if they were longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, clip, floor, maximum, minimum, where

STEPS = {"weights": "kcrs", "inputs": "pqcrs"}  # loops that step through an operand
ROWS = {"weights": "k", "inputs": "c"}  # the dimension along which an operand's rows lie
MOST_SETS = 1024  # of a cache whose sets are told apart


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in tiles.

    Parameters
    ----------
    extent, tile, count, place : mapping of letter to Real
        Of each dimension: its whole, a tile's, the number of tiles, and where its loop stands (larger: further out).
    stride : Real
        Of the filter.
    """

    extent: Mapping[str, Real]
    tile: Mapping[str, Real]
    count: Mapping[str, Real]
    place: Mapping[str, Real]
    stride: Real = 1.0

    def inside(self, place: Real) -> Callable[[str], Real]:
        """What the loops inside a place step through, by dimension."""
        return lambda d: minimum(self.extent[d], self.tile[d] * where(self.place[d] < place, self.count[d], 1.0))


@dataclass(frozen=True, slots=True)
class Missed:
    """The shares of an operand's lines that the last cache has, and that memory alone has; the system's cache has the others."""

    last: Real
    memory: Real


NOTHING = Missed(0.0, 0.0)


def missed(layer: Layer, engine: SpatialEngine) -> dict[str, Missed]:
    """What the caches lack of the weights and of the inputs."""
    sparse = {d: spacing(layer.extent[d], engine) for d in ROWS.values()}
    touched = {d: touched_byte(layer, place, engine, sparse) for d, place in layer.place.items()}
    whole = touched_byte(layer, float("inf"), engine, sparse)
    return {operand: _missed(layer, operand, touched, whole, engine) for operand in STEPS}


def _missed(layer: Layer, operand: str, touched: Mapping[str, Real], whole: Real, engine: SpatialEngine) -> Missed:
    """What the caches lack of one operand, of whose lines each loop brings some again."""
    keeps = {d: keep for d in layer.count if (keep := _kept(layer, operand, d, engine.line_byte)) is not None}
    found = NOTHING
    rest: Real = 1.0
    for d, keep in keeps.items():
        share: Real = 1.0 - keep
        for other, kept in keeps.items():
            if other != d:
                share = share * where(layer.place[other] < layer.place[d], kept, 1.0)
        found, rest = _add(found, share, touched[d], engine), rest * keep
    return _add(found, rest, whole, engine)


def _kept(layer: Layer, operand: str, d: str, line_byte: Real) -> Real | None:
    """The share of lines that a loop does not bring again; None where it brings none again."""
    count = layer.count[d]
    if d not in STEPS[operand]:
        return 1.0 / count
    if d != ROWS[operand]:
        return None
    part = maximum(layer.tile[d] / line_byte, 1.0 / count)
    return where(layer.extent[d] >= line_byte, minimum(part, 1.0), 1.0)


def _add(found: Missed, share: Real, byte: Real, engine: SpatialEngine) -> Missed:
    """Another share of the lines, used again after so many bytes."""
    gone, far = byte > engine.cache_byte, byte > engine.last_cache_byte
    return Missed(found.last + where(far, 0.0, where(gone, share, 0.0)), found.memory + where(far, share, 0.0))


def touched_byte(layer: Layer, place: Real, engine: SpatialEngine, sparse: Mapping[str, Real]) -> Real:
    """Bytes of the cache that the loops inside a place fill with all three operands.

    Parameters
    ----------
    sparse : mapping of str to Real
        The `spacing` of rows of output channels (``k``) and of input channels (``c``).
    """
    at, whole, line = layer.inside(place), layer.extent, engine.line_byte
    p, q, k, c, r, s = (at(d) for d in "pqkcrs")
    down = minimum(q * layer.stride + s - 1.0, whole["q"] * layer.stride + whole["s"] - 1.0)
    across = minimum(p * layer.stride + r - 1.0, whole["p"] * layer.stride + whole["r"] - 1.0)
    k_byte, c_byte = _row_byte(k, whole["k"], line), _row_byte(c, whole["c"], line)
    weights = r * s * c * k_byte * crowding(sparse["k"], k, line)
    inputs = down * across * c_byte * crowding(sparse["c"], c, line)
    return weights + inputs + p * q * k_byte


def _row_byte(part: Real, whole: Real, line_byte: Real) -> Real:
    """Bytes of lines that part of a row lies in; rows shorter than a line share theirs."""
    return where(whole >= line_byte, maximum(part, line_byte), part)


def spacing(stride: Real, engine: SpatialEngine) -> Real:
    """Of how many sets rows so many bytes apart reach one: the largest power of two of lines that divides the stride, at most all sets."""
    sets = engine.cache_byte / (engine.line_byte * engine.cache_ways)
    lines = stride / engine.line_byte
    step: Real = 1.0
    for power in range(1, MOST_SETS.bit_length()):
        size = 2.0**power
        step = where(floor(lines / size) * size >= lines, size, step)
    return minimum(step, sets)


def crowding(space: Real, part: Real, line_byte: Real) -> Real:
    """How many times over rows take the cache's room, of which `part` bytes each are used: 1 where they reach all sets."""
    return space / clip(floor(part / line_byte), 1.0, space)
