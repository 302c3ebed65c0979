"""What rows in memory become on the bus: requests of a power of two bytes, aligned to their size, at most a line; the one that brings most is taken."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column, Real, as_float, ceil, floor, maximum, minimum, where
from magnitudes.errors import InputError
from simulator.spatial.commanded.caches import NOTHING, Missed
from simulator.spatial.commanded.counts import Split, Stream, blocks
from simulator.spatial.commanded.drive import Drive

LINE, BEAT = 64, 16  # bytes: of the largest request, and of a clock on the bus
LONGEST = 256  # bytes of a row that one command moves: a line, or the side of the largest array
ABI_ALIGNED = 8  # bytes to which a compiler for RISC-V aligns an array that does not ask for more


def row_requests(byte: Real, step: Real, offset: int) -> tuple[Real, Real]:
    """Requests and beats of one row, in the mean over where rows begin.

    Parameters
    ----------
    byte : Real
        Of the row, at most `LONGEST`.
    step : Real
        Bytes that any two rows' beginnings are a multiple of apart: a power of two up to a line.
    offset : int
        Where the first row begins within a line.

    Raises
    ------
    TypeError
        For regions and formulas: the answer is looked up.
    InputError
        If a row is longer.
    """
    if not isinstance(byte, float | np.ndarray) or not isinstance(step, float | np.ndarray):
        raise TypeError("requests of rows are looked up by their size: ask for it of a design")
    if (longest := float(np.max(byte))) > LONGEST:
        raise InputError(f"one command moves rows of {longest:.0f} bytes; up to {LONGEST} are known: give an array of at most {LONGEST} elements a side")
    table = _table(offset)
    place = (np.asarray(byte, dtype=np.int64), np.log2(step).astype(np.int64))
    requests, beats = table[0][place], table[1][place]
    if isinstance(byte, float) and isinstance(step, float):
        return float(requests), float(beats)
    return cast(Any, requests), cast(Any, beats)


def all_row_requests(cut: Split, unit: Real, stride: Real, offset: int) -> tuple[Real, Real]:
    """Requests and beats of one row of all tiles of an extent, each moved in commands of at most `unit` bytes.

    Parameters
    ----------
    stride : Real
        Bytes from a row to the next.
    """

    def of(tile: Real) -> tuple[Real, Real]:
        step = minimum(minimum(aligned(minimum(unit, tile)), aligned(cut.tile)), aligned(stride))
        whole = ceil(tile / unit) - 1.0
        (full, full_beats), (rest, rest_beats) = (row_requests(byte, step, offset) for byte in (minimum(unit, tile), tile - whole * unit))
        return whole * full + rest, whole * full_beats + rest_beats

    (requests, beats), (last, last_beats) = of(cut.tile), of(cut.last)
    return (cut.count - 1.0) * requests + last, (cut.count - 1.0) * beats + last_beats


def row_unit(side: Real, drive: Drive) -> Real:
    """Bytes of a row that one load moves: as many blocks of the array's side as fit a line, at least one."""
    return side * maximum(floor(drive.line_byte / side), 1.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an operand, each in the tiles that loops step over, and each tile in pieces that one command moves.

    Parameters
    ----------
    cut : Split
        A row in tiles [byte].
    piece : Real
        Largest piece of a tile [byte].
    offset : int
        Where the first row begins within a line.
    """

    cut: Split
    piece: Real
    offset: int

    @property
    def pieces(self) -> Real:
        """Pieces of a row."""
        return self.cut.each(blocks(self.piece))

    def moved(self, times: Real, runs: Real, line_byte: Real, lacking: Missed = NOTHING) -> Stream:
        """So many rows moved, in `runs` commands for each piece of a row.

        Rows shorter than a line share theirs, of which each tile needs all.
        """
        width = self.cut.tile * (self.cut.count - 1.0) + self.cut.last
        requests, beats = all_row_requests(self.cut, self.piece, width, self.offset)
        lines = times * where(width >= line_byte, self.pieces, self.cut.count * width / line_byte)
        return Stream(runs * self.pieces, times * requests, times * beats, lacking.last * lines, lacking.memory * lines)


def aligned(byte: Real) -> Real:
    """The largest power of two, up to a line, that divides a whole number of bytes.

    Raises
    ------
    TypeError
        For regions and formulas.
    """
    if isinstance(byte, np.ndarray):
        whole = byte.astype(np.int64)
        powers: Column = np.minimum(whole & -whole, LINE).astype(np.float64)
        return powers
    whole_byte = int(as_float(byte))
    return float(min(whole_byte & -whole_byte, LINE))


@cache
def _table(offset: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean requests and beats by bytes of a row and logarithm of the step."""
    steps = [2**power for power in range(LINE.bit_length())]
    found = np.array([[_mean(byte, step, offset) for step in steps] for byte in range(LONGEST + 1)])
    return found[:, :, 0], found[:, :, 1]


def _mean(byte: int, step: int, offset: int) -> tuple[float, float]:
    rows = [_row((offset + step * i) % LINE, byte) for i in range(LINE // step)]
    return sum(r for r, _ in rows) / len(rows), sum(b for _, b in rows) / len(rows)


def _row(start: int, byte: int) -> tuple[int, int]:
    """Requests and beats of a row that begins `start` bytes into a line."""
    requests = beats = 0
    while byte > 0:
        sizes = [BEAT << i for i in range((LINE // BEAT).bit_length())]
        brought = [min(size - start % size, byte) for size in sizes]
        best = brought.index(max(brought))
        requests, beats = requests + 1, beats + sizes[best] // BEAT
        start, byte = start + brought[best], byte - brought[best]
    return requests, beats
