"""Every design, streamed: the optimum and the whole front, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from explorers.diagnosis import conflict
from explorers.pareto import Front, not_dominated
from explorers.space.space import DesignSpace, Places, SpaceError
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
    tried = 0
    for places, objectives, count in chunks(space):
        front.merge(places, objectives)
        tried += count
        if progress is not None:
            progress(tried)
    if len(front.places) == 0:
        note = f"no design is feasible: {conflict(space)}"
        return Study("exhaustive", space, 0, {}, front.places, space.score(front.places), tried, time.perf_counter() - start, None, note)
    note = f"{front.dropped} designs of the front were left out to bound memory" if front.dropped else "every design was evaluated"
    return Study("exhaustive", space, 0, {}, front.places, space.score(front.places), tried, time.perf_counter() - start, 0.0, note)


def chunks(space: DesignSpace) -> Iterator[tuple[Places, Column, int]]:
    """The feasible designs of each part of the grid that no other of the part beats, and how many designs it has; a few parts at a time."""
    space.problem  # noqa: B018 - compiled before threads share it
    workers = cores()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[tuple[Places, Column, int]]] = deque()
        for first in range(0, space.grid_size, CHUNK):
            waiting.append(pool.submit(_part, space, first))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _part(space: DesignSpace, first: int) -> tuple[Places, Column, int]:
    places = space.places(np.arange(first, min(first + CHUNK, space.grid_size)))
    canonical = space.canonical(places)
    if canonical is not places:
        places = places[(canonical == places).all(axis=1)]
    if len(places) == 0:
        return places, np.zeros((0, len(space.objectives))), 0
    scores = space.score(places)
    rows = np.flatnonzero(scores.feasible)
    kept = rows[not_dominated(scores.objectives[rows])]
    return places[kept], scores.objectives[kept], len(places)
