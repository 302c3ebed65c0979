"""From what the queues are asked to do to how long it takes.

Each queue works in order, the queues beside each other, and two tiles are under way at once: while one computes, the next loads. A tile
therefore takes the longest of the host's call, its loads, its computing and its stores, and no less than half of what it takes from its
first load to its last store. A queue that moves rows is held up by

- the bus, which a line that no cache has holds for as much longer as memory is slower than the cache;
- requests in flight, of which an answer frees one;
- commands in flight, of which there are one more than the array's side goes into the requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, floor, largest, where
from simulator.calibration import table
from simulator.machine import MachineError
from simulator.spatial.commanded.counts import Counts, Stream

TILES = 2.0  # under way at once


@dataclass(frozen=True, slots=True)
class Pace:
    """What the queues are held up by, in clocks.

    Parameters
    ----------
    requests : Real
        In flight at once.
    answer_clocks : Real
        From a request to its answer.
    last_clocks, memory_clocks : Real
        By which a line from the last cache, or from memory, holds the bus longer.
    start_clocks : Real
        Before the first call of a layer.
    """

    requests: Real
    answer_clocks: Real
    last_clocks: Real
    memory_clocks: Real
    start_clocks: Real


def pace_of(engine: SpatialEngine) -> Pace:
    """The pace of an engine, with what was fitted where it was.

    Raises
    ------
    MachineError
        If nothing says how its requests are served.
    """
    if engine.requests is None:
        raise MachineError(
            f"{engine.name} is not driven by commands that its spec describes, so that a mapping given cannot be followed: "
            "leave the mapping out, or say the engine's requests, answer_clocks, cache and call_clocks (as gemmini does)"
        )
    slower = engine.line_byte / engine.memory_bus_byte - engine.line_byte / engine.bus_byte
    fitted: Mapping[str, float] = table("commanded")
    return Pace(engine.requests, engine.answer_clocks, slower, fitted.get("memory_clocks", slower), fitted.get("start_clocks", 0.0))


def product_call_clocks(engine: SpatialEngine) -> Real:
    """Clocks in which the host calls for one tile of a product, with what was fitted where it was."""
    fitted: Mapping[str, float] = table("commanded")
    return fitted.get("product_call_clocks", engine.product_call_clocks)


def stream_clocks(stream: Stream, side: Real, pace: Pace) -> Real:
    """Clocks in which a queue moves its rows."""
    bus = stream.beats + pace.last_clocks * stream.last + pace.memory_clocks * stream.memory
    commands = floor(pace.requests / side) + 1.0
    in_flight = (stream.commands * pace.answer_clocks + bus) / commands
    return largest((bus, stream.requests * pace.answer_clocks / pace.requests, in_flight))


def layer_clocks(counts: Counts, call_clocks: Real, pace: Pace) -> tuple[Real, dict[str, Real]]:
    """Clocks of one image or product, and of each queue alone.

    Parameters
    ----------
    call_clocks : Real
        In which the host calls for one tile.
    """
    side, tiles = counts.side, counts.tiles
    load = (stream_clocks(counts.weights, side, pace) + stream_clocks(counts.inputs, side, pace) + counts.padding_rows) / tiles
    execute = counts.execute_clocks / tiles
    sets = tiles / counts.sums  # of tiles that add to the same results
    clear, store = counts.cleared_rows / sets, stream_clocks(counts.results, side, pace) / sets

    def tile(*queues: Real) -> Real:
        """One tile that asks so much of its queues."""
        return largest((call_clocks, *queues, sum(queues[1:], queues[0]) / TILES))

    first = where(counts.held, largest((call_clocks, load + clear + execute)), tile(load + clear, execute))
    several = first + tile(load, execute, store) + (counts.sums - 2.0) * tile(load, execute)
    each = where(counts.sums > 1.0, several, tile(load + clear, execute, store))
    clocks = pace.start_clocks + sets * each + load + execute + store  # the first tile fills the queues, the last drains them
    parts = {"host": tiles * call_clocks, "load": tiles * load + sets * clear, "execute": tiles * execute, "store": sets * store}
    return clocks, parts
