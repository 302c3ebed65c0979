"""What a product's mapping asks of the queues, as DOSA's program and Gemmini's unroller of products count it.

The program counts tiles in blocks of 16 rows and columns, whatever the array's side: a tile of fewer than 32 is one block, and a block is as large
as the array. Its arrays are aligned to the array's rows.
"""

from __future__ import annotations

from magnitudes.arrays import Real, floor, maximum, where
from simulator.spatial.commanded.caches import Layer, missed
from simulator.spatial.commanded.counts import Counts, Split, blocks, split
from simulator.spatial.commanded.drive import Drive
from simulator.spatial.commanded.requests import Rows, row_unit
from workloads.operator import Contraction
from workloads.operators.tiling import Tiling

BLOCK = 16.0  # rows by which the program divides a tile


def product_counts(operator: Contraction, tiling: Tiling, drive: Drive) -> Counts:
    """The queues' work for one product."""
    side = tiling.side
    m, n, k = (
        split(extent, maximum(floor(loop.tile / BLOCK), 1.0) * side)
        for extent, loop in ((operator.m, tiling.p), (operator.n, tiling.k), (operator.k, tiling.c))
    )
    one = Split(1.0, 1.0, 1.0)
    cuts = {"p": m, "q": one, "k": n, "c": k, "r": one, "s": one}
    extent: dict[str, Real] = {"p": operator.m, "q": 1.0, "k": operator.n, "c": operator.k, "r": 1.0, "s": 1.0}
    layer = Layer(extent, {d: c.tile for d, c in cuts.items()}, {d: c.count for d, c in cuts.items()}, {d: o.place for d, o in tiling.loops.items()})
    row_blocks, sum_blocks = m.each(blocks(side)), k.each(blocks(side))
    lacking, line = missed(layer, drive), drive.line_byte
    inputs, columns = (Rows(cut, row_unit(side, drive), 0) for cut in (k, n))
    return Counts(
        tiles=m.count * n.count * k.count,
        sums=k.count,
        held=False,
        weights=columns.moved(m.count * sum_blocks * side, m.count * sum_blocks, line, lacking["weights"]),
        inputs=inputs.moved(n.count * operator.m, n.count * row_blocks, line, lacking["inputs"]),
        results=columns.moved(operator.m, row_blocks, line),
        padding_rows=0.0,
        cleared_rows=0.0,
        execute_clocks=n.each(blocks(side)) * sum_blocks * _rows_clocks(operator.m, m, row_blocks, side, drive),
        side=side,
    )


def _rows_clocks(rows: Real, m: Split, row_blocks: Real, side: Real, drive: Drive) -> Real:
    """Clocks in which all rows stream past one block of weights; the first block of a tile brings its weights along, which take the whole side."""
    whole = maximum(side, drive.least_rows)
    rest = maximum(rows - (row_blocks - 1.0) * side, drive.least_rows)
    return (row_blocks - 1.0) * whole + where(m.last > side, rest, whole)
