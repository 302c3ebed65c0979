"""What a convolution's mapping asks of the queues, as DOSA's program and Gemmini's unroller of convolutions count it.

The program takes an image of results as square, of the side that the mapping gives down; it pads by half the filter, so that an even filter
yields one row and column more, which make a tile of their own. Its arrays are aligned to eight bytes only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from magnitudes.arrays import Condition, Real, as_float, as_real, ceil, floor, largest, maximum, minimum, smallest, where
from simulator.spatial.commanded.caches import Layer, missed
from simulator.spatial.commanded.counts import Counts, Split, blocks, split, streamed
from simulator.spatial.commanded.drive import Drive
from simulator.spatial.commanded.requests import ABI_ALIGNED, Rows, row_unit
from workloads.operator import Convolution
from workloads.operators.tiling import Tiling

WRAP = 65536.0  # the unroller's counters have 16 bits: a tile wholly in the padding has "minus some" rows


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the image, in all tiles of results and filter together.

    Parameters
    ----------
    inside, padding : Real
        Pixels of the image and of its padding that the tiles need.
    runs, padding_runs : Real
        Commands that these take, each of at most as many pixels as the array has rows.
    """

    inside: Real
    padding: Real
    runs: Real
    padding_runs: Real

    def plus(self, times: Real, other: Axis) -> Axis:
        """This and so many times another."""
        return Axis(
            self.inside + times * other.inside, self.padding + times * other.padding,
            self.runs + times * other.runs, self.padding_runs + times * other.padding_runs,
        )  # fmt: skip


def convolution_counts(operator: Convolution, tiling: Tiling, drive: Drive) -> Counts:
    """The queues' work for one image."""
    side, kernel, stride = tiling.side, operator.kernel_h, operator.stride
    seen, padding = operator.out_h * stride, floor(operator.kernel_h / 2.0)
    out = floor((seen + 2.0 * padding - kernel) / stride) + 1.0
    across, down = split(out, tiling.p.tile), split(out, tiling.q.tile)
    cout, cin = split(operator.cout, tiling.k.tile), split(operator.cin, tiling.c.tile)
    r, s = split(kernel, tiling.r.tile), split(kernel, tiling.s.tile)
    extent = {"p": out, "q": out, "k": operator.cout, "c": operator.cin, "r": kernel, "s": kernel}
    cuts = {"p": across, "q": down, "k": cout, "c": cin, "r": r, "s": s}
    layer = Layer(
        extent, {d: c.tile for d, c in cuts.items()}, {d: c.count for d, c in cuts.items()}, {d: loop.place for d, loop in tiling.loops.items()}, stride
    )
    columns, rows = _axis(across, r, stride, padding, seen, side), _axis(down, s, stride, padding, seen, side)
    lacking, line = missed(layer, drive), drive.line_byte
    pixel, weight = (Rows(cut, row_unit(side, drive), ABI_ALIGNED) for cut in (cin, cout))
    result = Rows(cout, side, ABI_ALIGNED)
    filters, runs = across.count * down.count * kernel * kernel, out * across.each(blocks(side))
    held_blocks = cout.each(blocks(side)) * cin.each(blocks(side)) * kernel * kernel
    first = down.count * across.each(lambda x: maximum(side, drive.least_rows) - maximum(minimum(x, side), drive.least_rows))
    return Counts(
        tiles=across.count * down.count * cout.count * cin.count * r.count * s.count,
        sums=cin.count * r.count * s.count,
        held=_held(layer),
        weights=weight.moved(filters * operator.cin, filters * cin.each(blocks(side)), line, lacking["weights"]),
        inputs=pixel.moved(cout.count * rows.inside * columns.inside, cout.count * rows.inside * columns.runs, line, lacking["inputs"]),
        results=result.moved(out * out, runs, line),
        padding_rows=cout.count * pixel.pieces * (rows.inside * columns.padding + rows.padding * (columns.inside + columns.padding)),
        cleared_rows=result.pieces * out * out,
        execute_clocks=held_blocks * (out * across.each(streamed(side, drive.least_rows)) + first),
        side=side,
    )


def _axis(results: Split, filters: Split, stride: Real, padding: Real, seen: Real, side: Real) -> Axis:
    """What tiles of results and of the filter need along one axis; those between the first and the last reach over no edge."""
    width = results.tile * stride + filters.tile - 1.0
    between = Axis(width, 0.0, ceil(width / side), 0.0)
    total = Axis(0.0, 0.0, 0.0, 0.0).plus(filters.count * maximum(results.count - 2.0, 0.0), between)
    others, last_begin = minimum(results.count - 1.0, 1.0), (results.count - 1.0) * results.tile * stride
    last_width = results.last * stride + filters.tile - 1.0
    for j in range(int(most(filters.count))):
        begin = j * filters.tile - padding
        there = where(as_real(float(j)) < filters.count, 1.0, 0.0)
        total = total.plus(there * others, _tile(width, begin, seen, side)).plus(there, _tile(last_width, begin + last_begin, seen, side))
    return total


def _tile(width: Real, begin: Real, seen: Real, side: Real) -> Axis:
    """What one tile needs that begins so far into the image."""
    before, after = maximum(-begin, 0.0), maximum(begin + width - seen, 0.0)
    inside = width - before - after
    inside = where(inside < 0.0, inside + WRAP, inside)
    return Axis(inside, before + after, ceil(inside / side), ceil(before / side) + ceil(after / side))


def most(counts: Real) -> float:
    """The greatest of a column of counts."""
    return float(np.max(counts)) if isinstance(counts, np.ndarray) else as_float(counts)


def _held(layer: Layer) -> Condition:
    """Whether a loop over results runs inside one over sums."""
    running = {d: layer.count[d] > 1.0 for d in layer.place}
    outer = largest(where(running[d], layer.place[d], -np.inf) for d in "crs")
    return outer > smallest(where(running[d], layer.place[d], np.inf) for d in "pqk")
