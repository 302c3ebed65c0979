"""Bytes through the tiers of a processor: each tier serves what the nearer ones do not hold, at the rate that was measured from it to the cores.

Arithmetic and memory overlap in part: together they take their p-norm, which is never less than the larger of the two (p = 1 is no overlap
at all, as in the execution-cache-memory model of Treibig and Hager 2009; large p is a roofline).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hardware_specs.schema import HostEngine, Tier
from magnitudes.arrays import Real, clip, largest, maximum, minimum, power, total
from simulator.host.library import Constants
from simulator.machine import Machine
from simulator.traffic import miss_share


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes that a loop reads or writes, and how long ago they were touched.

    Parameters
    ----------
    byte, distance_byte : Real
        Bytes moved, and bytes touched since they were last touched.
    written : bool
    """

    byte: Real
    distance_byte: Real
    written: bool = False


def cores_of(machine: Machine) -> Real:
    """Cores of a processor."""
    engine = machine.engine
    assert isinstance(engine, HostEngine)
    return engine.cores


def stream_parts(streams: Iterable[Stream], machine: Machine, threads: Real, memory: Constants) -> dict[str, Real]:
    """Time that each tier needs for what it serves of some streams [s].

    Parameters
    ----------
    threads : Real
        Cores that work.
    memory : mapping
        ``draw_cache``: how much more than its even share of a cache one core can draw; ``flying_byte``: what a core keeps in flight to memory,
        which over the latency is what it can draw (Little's law); ``sustained``: share of the ceiling that an ordinary loop gets; ``write``:
        traffic of a byte written (2 where the line is fetched first); ``keeps``, ``keeps_sharpness``: share of a cache that data to be used
        again may fill, and how sudden the end is.
    """
    parts: dict[str, Real] = {}
    share, streams = threads / cores_of(machine), tuple(streams)
    reaching = [_moved(s, memory) for s in streams]  # bytes of each stream that nearer tiers did not serve
    rate: Real = 0.0
    for place, tier in enumerate(machine.tiers):
        last = place == len(machine.tiers) - 1
        missed = [r if last else r * _missed(s, machine, place, share, memory) for s, r in zip(streams, reaching, strict=True)]
        served = total(reaching) if last else maximum(total(reaching) - total(missed), 0.0)
        drawn = _drawn_byte_per_s(tier, machine, threads, memory, last=last)
        rate = drawn if place == 0 else minimum(rate, drawn)  # what comes from afar passes the nearer tiers
        parts[tier.name] = served / rate
        reaching = missed
    return parts


def _drawn_byte_per_s(tier: Tier, machine: Machine, threads: Real, memory: Constants, *, last: bool) -> Real:
    """What some cores draw from a tier together: of caches their share and more, of memory what they keep in flight, but at least their share."""
    ceiling = tier.bandwidth_byte_per_s * min(memory["sustained"], 1.0)
    even = ceiling / cores_of(machine)
    alone = maximum(even, memory["flying_byte"] / maximum(tier.latency_s, LEAST_S)) if last else even * max(memory["draw_cache"], 1.0)
    return minimum(ceiling, threads * alone)


def _moved(stream: Stream, memory: Constants) -> Real:
    """Traffic of a stream: what is written may be fetched first."""
    return stream.byte * maximum(memory["write"], 1.0) if stream.written else stream.byte


def _missed(stream: Stream, machine: Machine, place: int, share: Real, memory: Constants) -> Real:
    """Share of what reaches a tier that it passes on, relative to what reached it."""
    here = miss_share(stream.distance_byte, _held(machine, place, share), memory["keeps"], memory["keeps_sharpness"])
    if place == 0:
        return here
    nearer = miss_share(stream.distance_byte, _held(machine, place - 1, share), memory["keeps"], memory["keeps_sharpness"])
    return minimum(here / maximum(nearer, 1e-9), 1.0)


def _held(machine: Machine, place: int, share: Real) -> Real:
    """What the cores at work can keep in a cache: all of one that they share, their own part of the nearest."""
    tier: Tier = machine.tiers[place]
    return tier.capacity_byte * share if place == 0 and len(machine.tiers) > 2 else tier.capacity_byte


def overlapped(parts: Mapping[str, Real], machine: Machine, sharpness: float) -> Real:
    """Time of work whose arithmetic and memory overlap in part: their p-norm, p = `sharpness` (1 or more)."""
    p, tiers = max(float(sharpness), 1.0), {t.name for t in machine.tiers}
    memory_s = total(part for name, part in parts.items() if name in tiers)
    own = [memory_s, *(part for name, part in parts.items() if name not in tiers)]
    top = maximum(largest(own), LEAST_S)
    powers: Real = power(total(power(part / top, p) for part in own), 1.0 / p)
    return top * powers


LEAST_S = 1e-15  # so that nothing is divided by zero


def threads_for(work: Real, grain: Real, machine: Machine) -> Real:
    """Cores that a library puts to work: one more for each `grain` of work. A share of a core stands for what lies between."""
    return clip(work / grain, 1.0, cores_of(machine))


def fork_s(threads: Real, constants: Constants) -> Real:
    """Waking threads and waiting for the last [s]: nothing for one, all of it for two or more."""
    return minimum(threads - 1.0, 1.0) * float(constants["fork_s"])
