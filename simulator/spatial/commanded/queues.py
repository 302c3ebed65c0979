"""From what the queues are asked to do to how long it takes.

Each queue works in order, the queues beside each other, and two tiles are under way at once: while one computes, the next loads. A tile
therefore takes the longest of the host's call, its loads, its computing and its stores, and no less than half of what it takes from its
first load to its last store. A queue that moves rows is held up by

- the bus, which a line that no cache has holds for as much longer as memory is slower than the cache;
- requests in flight, of which an answer frees one;
- commands in flight, of which there are one more than the array's side goes into the requests.
"""

from __future__ import annotations

from magnitudes.arrays import Real, floor, largest, where
from simulator.spatial.commanded.counts import Counts, Stream
from simulator.spatial.commanded.drive import Drive, fitted_for

TILES = 2.0  # under way at once


def stream_clocks(stream: Stream, side: Real, drive: Drive, memory_clocks: Real) -> Real:
    """Clocks in which a queue moves its rows; `memory_clocks` is by how much a line that no cache has holds the bus longer."""
    bus = stream.beats + drive.last_clocks * stream.last + memory_clocks * stream.memory
    commands = floor(drive.requests / side) + 1.0
    in_flight = (stream.commands * drive.answer_clocks + bus) / commands
    return largest((bus, stream.requests * drive.answer_clocks / drive.requests, in_flight))


def layer_clocks(counts: Counts, drive: Drive, *, product: bool) -> tuple[Real, dict[str, Real]]:
    """Clocks of one image or product, and of each queue alone."""
    fitted = fitted_for(drive)
    call_clocks = fitted.product_call_clocks if product else drive.call_clocks
    tiles = counts.tiles
    weights, inputs, results = (stream_clocks(s, counts.side, drive, fitted.memory_clocks) for s in (counts.weights, counts.inputs, counts.results))
    load = (weights + inputs + counts.padding_rows) / tiles
    execute = counts.execute_clocks / tiles
    sets = tiles / counts.sums  # of tiles that add to the same results
    clear, store = counts.cleared_rows / sets, results / sets

    def tile(*queues: Real) -> Real:
        """One tile that asks so much of its queues."""
        return largest((call_clocks, *queues, sum(queues[1:], queues[0]) / TILES))

    first = where(counts.held, largest((call_clocks, load + clear + execute)), tile(load + clear, execute))
    several = first + tile(load, execute, store) + (counts.sums - 2.0) * tile(load, execute)
    each = where(counts.sums > 1.0, several, tile(load + clear, execute, store))
    clocks = fitted.start_clocks + sets * each + load + execute + store  # the first tile fills the queues, the last drains them
    parts = {"host": tiles * call_clocks, "load": tiles * load + sets * clear, "execute": tiles * execute, "store": sets * store}
    return clocks, parts
