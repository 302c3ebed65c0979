"""Loop nests to choose from: tiles that elements hold, tiles that the buffer holds, and which loops run innermost around each.

A nest is three blocks of loops: in the elements, around the buffer's tile, around memory. Inside the elements a sum runs innermost. In each of the two other
blocks only one thing matters to traffic: which of the three groups of loops is innermost, output channels (inputs stay), sums (results stay) or results
(weights stay); the order of the other two changes nothing.

Tiles are divisors of their loops; of a loop with a prime factor above 7, of the next number that has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column, Mask
from simulator.spatial.hierarchy import LOOPS, Hierarchy, Loops

GROUPS = ("result", "sum", "k")  # that may run innermost
SMOOTH = (2, 3, 5, 7)
Places = NDArray[np.int64]


@lru_cache(maxsize=4096)
def sides(extent: int) -> tuple[float, ...]:
    """Tile sides of a loop: divisors of it, or of the next number without a prime factor above 7; none larger than the loop."""
    smooth = extent
    while not _is_smooth(smooth):
        smooth += 1
    divisors = {d for i in range(1, int(smooth**0.5) + 1) if smooth % i == 0 for d in (i, smooth // i)}
    return tuple(float(d) for d in sorted(min(d, extent) for d in divisors))


def _is_smooth(number: int) -> bool:
    for prime in SMOOTH:
        while number % prime == 0:
            number //= prime
    return number == 1


def steps(loops: Loops, hierarchy: Hierarchy) -> dict[str, float]:
    """Iterations of each loop that follow one another: what the array does not do side by side."""
    beside = hierarchy.side_by_side(loops)
    return {name: float(ceil(getattr(loops, name) / beside[name])) for name in LOOPS}


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles to choose from: steps of each loop inside one, a column of choices."""

    k: Column
    c: Column
    x: Column
    y: Column
    r: Column
    s: Column
    b: Column

    def __len__(self) -> int:
        return len(self.k)

    def taken(self, rows: Places | Mask) -> Tiles:
        """Some of them."""
        return Tiles(*(getattr(self, name)[rows] for name in LOOPS))


def _tiles(rows: Sequence[Sequence[float]]) -> Tiles:
    return Tiles(*np.array(rows, dtype=np.float64).T.copy())


@lru_cache(maxsize=1024)
def element_tiles(k: int, c: int, x: int, r: int, s: int) -> Tiles:
    """Tiles that an element may hold: filters whole, by rows, or a weight at a time; results along a row."""
    filters = dict.fromkeys([(1.0, 1.0), (1.0, float(s)), (float(r), 1.0), (float(r), float(s))])
    return _tiles([(kk, cc, xx, 1.0, rr, ss, 1.0) for kk, cc, xx, (rr, ss) in product(sides(k), sides(c), sides(x), filters)])


@lru_cache(maxsize=1024)
def buffer_tiles(k: int, c: int, x: int, y: int, r: int, s: int, b: int) -> Tiles:
    """Tiles that the buffer may hold, the largest first: parts of a row of results, whole rows, whole images; filters are whole."""
    images = dict.fromkeys([
        *((xx, 1.0, 1.0) for xx in sides(x)),
        *((float(x), yy, 1.0) for yy in sides(y)),
        *((float(x), float(y), bb) for bb in sides(b)),
    ])  # fmt: skip
    return _tiles([(kk, cc, xx, yy, float(r), float(s), bb) for kk, cc, (xx, yy, bb) in product(sides(k), sides(c), images)][::-1])


def maximal(tiles: Tiles) -> Places:
    """Those that no other of them contains, as whole multiples: a larger tile never causes more traffic."""
    values = np.stack([getattr(tiles, name) for name in LOOPS], axis=1)
    multiple = np.all(values[None, :, :] % values[:, None, :] == 0.0, axis=2)  # [i, j]: j holds i
    np.fill_diagonal(multiple, False)
    return np.flatnonzero(~multiple.any(axis=1))
