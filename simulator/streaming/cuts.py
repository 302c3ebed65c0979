"""Where a chain of stages is cut into sections: dynamic programming over its cuts, row by row.

The best way to reach a cut is the best way to an earlier one and the section between the two. A tensor at a cut lies in main memory; on a fabric that
keeps what it holds from one section to the next it may also stay on chip, which is a state of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from magnitudes.arrays import Condition, Real, as_float, both, either, equal, minimum, where
from simulator.cost import NEVER_S
from simulator.streaming.fabric import Fabric
from simulator.streaming.section import Load, Parts, extended, section_parts
from simulator.streaming.stage import Stage

LONGEST = 16  # stages of a section: of longer chains not all cuts are tried
SCHEDULES = ("", "pipelined", "sequential")


@dataclass(frozen=True, slots=True)
class Way:
    """The best way to a cut.

    Parameters
    ----------
    time_s : Real
    parts : mapping of str to Real
        What each resource takes, sections added.
    sections : Real
    start : Real
        Place of the first stage of its last section.
    found : Real
        Whether that section found its inputs on chip: 1, or 0.
    """

    time_s: Real
    parts: Parts
    sections: Real
    start: Real = 0.0
    found: Real = 0.0


def best_way(stages: Sequence[Stage], fabric: Fabric, schedule: str = "", joined: frozenset[int] = frozenset()) -> Way:
    """The fastest way through a chain: the last of `best_ways`."""
    return best_ways(stages, fabric, schedule, joined)[-1][False]


def best_ways(stages: Sequence[Stage], fabric: Fabric, schedule: str = "", joined: frozenset[int] = frozenset()) -> list[dict[bool, Way]]:
    """The fastest way to each cut of a chain, by whether what crosses it stays on chip.

    Parameters
    ----------
    stages : sequence of Stage
    fabric : Fabric
    schedule : str
        ``pipelined``: sections as long as fit; ``sequential``: each stage a section, every tensor through main memory, scores of attention too;
        empty: the fastest mixture.
    joined : set of int
        Stages that belong to the section of the one before them. Where no such section fits, the time is `NEVER_S` and more.
    """
    readers = readers_of(stages)
    kept = (False, True) if fabric.keeps and not schedule else (False,)
    ways: list[dict[bool, Way]] = [{False: Way(0.0, {}, 0.0)}]
    reach = 1 if schedule == "sequential" else LONGEST
    loads: list[Load] = []
    for end, stage in enumerate(stages, start=1):
        loads = [extended(load, stage) for load in (*loads, Load())][-reach:]
        first = end - len(loads)
        last = end == len(stages)
        if end in joined:
            ways.append({False: Way(NEVER_S, {}, 0.0)})
            continue
        ways.append({after: _best(ways, loads, first, readers, fabric, after, schedule) for after in kept if not (after and last)})
    return ways


def sections_on(ways: Sequence[Mapping[bool, Way]]) -> list[tuple[int, int, bool, bool]]:
    """The sections of a single design's way: first stage, the stage behind the last, and whether inputs and results stay on chip."""
    end, after = len(ways) - 1, False
    sections: list[tuple[int, int, bool, bool]] = []
    while end:
        way = ways[end][after]
        start, before = int(as_float(way.start)), bool(way.found)
        sections.append((start, end, before, after))
        end, after = start, before
    return sections[::-1]


def readers_of(stages: Sequence[Stage]) -> dict[str, frozenset[str]]:
    """Who reads the result of each stage."""
    return {s.name: frozenset(r.name for r in stages if s.name in r.sources) for s in stages}


def _best(
    ways: Sequence[Mapping[bool, Way]], loads: Sequence[Load], first: int, readers: Mapping[str, frozenset[str]], fabric: Fabric, after: bool, schedule: str
) -> Way:
    """The best way to the cut behind some runs of stages that end there."""
    best: Way | None = None
    for start, load in enumerate(loads, start=first):
        for before, way in ways[start].items():
            time_s, parts = section_parts(load, readers, fabric, (before, after))
            option = _joined(way, time_s, parts, float(start), float(before))
            best = option if best is None else _better(option, best, schedule)
    assert best is not None
    return best


def _joined(way: Way, time_s: Real, parts: Parts, start: float, found: float) -> Way:
    """A way, and one section behind it."""
    names = {**way.parts, **parts}
    return Way(way.time_s + time_s, {n: way.parts.get(n, 0.0) + parts.get(n, 0.0) for n in names}, way.sections + 1.0, start, found)


def _better(a: Way, b: Way, schedule: str) -> Way:
    """The faster of two ways, row by row; of pipelines the one of fewer sections, where it is possible at all."""
    first: Condition = a.time_s < b.time_s
    if schedule == "pipelined":
        fewer = both(a.sections < b.sections, a.time_s < NEVER_S)
        same = both(equal(a.sections, b.sections), first)
        first = either(either(fewer, same), both(first, b.time_s >= NEVER_S))
    parts = {n: where(first, a.parts.get(n, 0.0), b.parts.get(n, 0.0)) for n in {**b.parts, **a.parts}}
    time_s = minimum(a.time_s, b.time_s) if schedule != "pipelined" else where(first, a.time_s, b.time_s)
    return Way(time_s, parts, where(first, a.sections, b.sections), where(first, a.start, b.start), where(first, a.found, b.found))
