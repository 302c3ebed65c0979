"""Every design, streamed: the optimum and the whole front, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from explorers.diagnosis import Missing, conflict
from explorers.pareto import Front, not_dominated
from explorers.space.space import DesignSpace, Places
from explorers.space.statement import SpaceError
from explorers.stream import cores
from explorers.study import Progress, Study
from magnitudes.arrays import Column

CHUNK = 1 << 18  # designs scored together
MOST = 20_000_000_000  # hours


def solve(space: DesignSpace, progress: Progress | None = None) -> Study:
    """The best design (or the whole front) of a space, by trying all.

    Raises
    ------
    SpaceError
        If there are more designs than can be tried in hours.
    """
    if space.grid_size > MOST:
        raise SpaceError(f"{space.name} has {space.grid_size:.2e} designs; at most {MOST:.0e} can be tried one by one: use exact, or coarser axes")
    start = time.perf_counter()
    front = Front.empty(len(space.axes), len(space.objectives))
    missing = Missing(space)
    for part in parts(space):
        front.merge(part.places, part.objectives)
        missing.merge(part.missing)
        if progress is not None:
            progress(missing.designs)
    tried = missing.designs
    if len(front.places) == 0:
        note = "; ".join([*([str(missing)] if missing.counts else []), f"no design is feasible: {conflict(space)}"])
        return Study("exhaustive", space, 0, {}, front.places, space.score(front.places), tried, time.perf_counter() - start, None, note)
    note = f"{front.dropped} designs of the front were left out to bound memory" if front.dropped else "every design was evaluated"
    note = f"{note}; {missing}" if missing.counts else note
    return Study("exhaustive", space, 0, {}, front.places, space.score(front.places), tried, time.perf_counter() - start, 0.0, note)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the grid: its feasible designs that no other of it beats, and what was missing among all of it."""

    places: Places
    objectives: Column
    missing: Missing


def parts(space: DesignSpace) -> Iterator[Part]:
    """The grid part by part, a few at a time."""
    space.problem  # noqa: B018 - compiled before threads share it
    workers = cores()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Part]] = deque()
        for first in range(0, space.grid_size, CHUNK):
            waiting.append(pool.submit(_part, space, first))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _part(space: DesignSpace, first: int) -> Part:
    places = space.places(np.arange(first, min(first + CHUNK, space.grid_size)))
    canonical = space.canonical(places)
    if canonical is not places:
        places = places[(canonical == places).all(axis=1)]
    if len(places) == 0:
        return Part(places, np.zeros((0, len(space.objectives))), Missing(space))
    scores = space.score(places)
    rows = np.flatnonzero(scores.feasible)
    kept = rows[not_dominated(scores.objectives[rows])]
    return Part(places[kept], scores.objectives[kept], Missing(space).look(places, scores))
