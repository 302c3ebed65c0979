"""Every design, streamed: the optimum and the whole front, in bounded memory."""

from __future__ import annotations

import time

import numpy as np

from explorers.pareto import Front
from explorers.space.space import DesignSpace, SpaceError
from explorers.study import Progress, Study

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
    for first in range(0, space.grid_size, CHUNK):
        places = space.places(np.arange(first, min(first + CHUNK, space.grid_size)))
        canonical = space.canonical(places)
        if canonical is not places:
            places = places[(canonical == places).all(axis=1)]
        if len(places):
            front.offer(places, space.score(places))
        tried += len(places)
        if progress is not None:
            progress(tried)
    note = f"{front.dropped} designs of the front were left out to bound memory" if front.dropped else "every design was evaluated"
    return Study("exhaustive", space, 0, {}, front.places, space.score(front.places), tried, time.perf_counter() - start, 0.0, note)
