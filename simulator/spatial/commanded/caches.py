"""Which lines the system's caches still have when a tile asks for them, by the bytes that have passed through since each was last used.

A line of an operand was last used one turn ago of the innermost loop that brings it again: one that does not step through the operand, or one
that steps through its rows by less than a line. What the loops inside that one touch has passed through the cache meanwhile. What no loop
brings again was touched by the run before, over the same arrays.

Rows a power of two apart share few of the cache's sets, so that they take its space as if they were longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from magnitudes.arrays import Real, clip, exp, floor, maximum, minimum, where
from simulator.spatial.commanded.drive import Drive

STEPS = {"weights": "kcrs", "inputs": "pqcrs"}  # loops that step through an operand
ROWS = {"weights": "k", "inputs": "c"}  # the dimension along which an operand's rows lie
STEPS_OF_NEWTON, SMALL = 2, 1e-3  # within 0.0002 of the solution
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
    """Shares: of an operand's lines those that the last cache has, and those that memory alone has; the system's cache has the others."""

    last: Real
    memory: Real

    def plus(self, share: Real, other: Missed) -> Missed:
        """These, and such a share of others."""
        return Missed(self.last + share * other.last, self.memory + share * other.memory)


NOTHING = Missed(0.0, 0.0)


def missed(layer: Layer, drive: Drive) -> dict[str, Missed]:
    """What the caches lack of the weights and of the inputs."""
    sparse = {d: spacing(layer.extent[d], drive) for d in ROWS.values()}
    lacking = {d: _lacking(touched_byte(layer, place, drive, sparse), drive) for d, place in layer.place.items()}
    whole = _lacking(touched_byte(layer, float("inf"), drive, sparse), drive)
    return {operand: _missed(layer, operand, lacking, whole, drive) for operand in STEPS}


def _lacking(byte: Real, drive: Drive) -> Missed:
    """What is gone of lines that are used again after so many bytes."""
    gone, far = evicted(byte / drive.cache_byte), evicted(byte / drive.last_cache_byte)
    return Missed(gone * (1.0 - far), gone * far)


def evicted(fill: Real) -> Real:
    """The share of lines gone from a cache that replaces at random, when lines of so many times its size are used in turn.

    A line stays through each miss with the chance that it is not the one replaced, and misses go by the share that is gone: m = 1 - exp(-m fill),
    whose larger solution is found by Newton's steps from above. What fits stays.
    """
    over = maximum(fill, 1.0)
    gone = minimum(2.0 * (over - 1.0) / over, 1.0)
    for _ in range(STEPS_OF_NEWTON):
        kept = exp(-gone * over)
        gone = gone - (gone - 1.0 + kept) / maximum(1.0 - over * kept, SMALL)
    return where(fill > 1.0, maximum(gone, 0.0), 0.0)


def _missed(layer: Layer, operand: str, lacking: Mapping[str, Missed], whole: Missed, drive: Drive) -> Missed:
    """What the caches lack of one operand, of whose lines each loop brings some again."""
    keeps = {d: keep for d in layer.count if (keep := _kept(layer, operand, d, drive.line_byte)) is not None}
    found = NOTHING
    rest: Real = 1.0
    for d, keep in keeps.items():
        share: Real = 1.0 - keep
        for other, kept in keeps.items():
            if other != d:
                share = share * where(layer.place[other] < layer.place[d], kept, 1.0)
        found, rest = found.plus(share, lacking[d]), rest * keep
    return found.plus(rest, whole)


def _kept(layer: Layer, operand: str, d: str, line_byte: Real) -> Real | None:
    """The share of lines that a loop does not bring again; None where it brings none again."""
    count = layer.count[d]
    if d not in STEPS[operand]:
        return 1.0 / count
    if d != ROWS[operand]:
        return None
    part = maximum(layer.tile[d] / line_byte, 1.0 / count)
    return where(layer.extent[d] >= line_byte, minimum(part, 1.0), 1.0)


def touched_byte(layer: Layer, place: Real, drive: Drive, sparse: Mapping[str, Real]) -> Real:
    """Bytes of the cache that the loops inside a place fill with all three operands.

    Parameters
    ----------
    sparse : mapping of str to Real
        The `spacing` of rows of output channels (``k``) and of input channels (``c``).
    """
    at, whole, line = layer.inside(place), layer.extent, drive.line_byte
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


def spacing(stride: Real, drive: Drive) -> Real:
    """Of how many sets rows so many bytes apart reach one: the largest power of two of lines that divides the stride, at most all sets."""
    sets = drive.cache_byte / (drive.line_byte * drive.cache_ways)
    lines = stride / drive.line_byte
    step: Real = 1.0
    for power in range(1, MOST_SETS.bit_length()):
        size = 2.0**power
        step = where(floor(lines / size) * size >= lines, size, step)
    return minimum(step, sets)


def crowding(space: Real, part: Real, line_byte: Real) -> Real:
    """How many times over rows take the cache's room, of which `part` bytes each are used: 1 where they reach all sets."""
    return space / clip(floor(part / line_byte), 1.0, space)
