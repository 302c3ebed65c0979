"""What a mapping asks of the command queues, in all its tiles together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from magnitudes.arrays import Condition, Real, ceil, maximum, minimum


@dataclass(frozen=True, slots=True)
class Stream:
    """Commands that move rows between memory and the array.

    Parameters
    ----------
    commands : Real
    requests : Real
        Requests on the bus.
    beats : Real
        Clocks of the bus that their data takes.
    last, memory : Real
        Lines that the system's cache does not have: the last cache has them, or memory alone.
    """

    commands: Real
    requests: Real
    beats: Real
    last: Real = 0.0
    memory: Real = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """The work of one image, or one product.

    Parameters
    ----------
    tiles : Real
        Calls of the host.
    sums : Real
        Tiles that add to the same results: the first clears them, the last stores them.
    held : Condition
        Whether clearing waits for the tile before: results change from tile to tile before their sums are complete, in the same half of the accumulator.
    weights, inputs, results : Stream
    padding_rows, cleared_rows : Real
        Rows of zeros written to the scratchpad, and to the accumulator.
    execute_clocks : Real
        Clocks in which rows stream through the array.
    side : Real
    """

    tiles: Real
    sums: Real
    held: Condition
    weights: Stream
    inputs: Stream
    results: Stream
    padding_rows: Real
    cleared_rows: Real
    execute_clocks: Real
    side: Real


@dataclass(frozen=True, slots=True)
class Split:
    """An extent in tiles, of which the last may be smaller.

    Parameters
    ----------
    count, tile, last : Real
    """

    count: Real
    tile: Real
    last: Real

    def each(self, of: Callable[[Real], Real]) -> Real:
        """The sum over all tiles of a function of their size."""
        return (self.count - 1.0) * of(self.tile) + of(self.last)


def split(extent: Real, tile: Real) -> Split:
    """An extent in tiles of one size."""
    tile = minimum(tile, extent)
    count = ceil(extent / tile)
    return Split(count, tile, extent - (count - 1.0) * tile)


def blocks(size: Real) -> Callable[[Real], Real]:
    """In how many blocks a tile of some size goes."""
    return lambda tile: ceil(tile / size)


def streamed(side: Real, least: Real) -> Callable[[Real], Real]:
    """Clocks of a run of rows: commands of `side` rows, none of which streams less than `least`."""

    def clocks(rows: Real) -> Real:
        whole = ceil(rows / side) - 1.0
        return whole * maximum(side, least) + maximum(rows - whole * side, least)

    return clocks
