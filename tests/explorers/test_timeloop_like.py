"""The Eyeriss-like space: time, energy and area pull apart."""

from __future__ import annotations

import numpy as np

from explorers.space.catalog import find_space


def test_objectives_pull_apart() -> None:
    space = find_space("timeloop-like")
    places = space.canonical(space.places(np.arange(space.grid_size)))
    scores = space.score(places)
    cost = np.where(scores.feasible[:, None], scores.objectives, np.inf)
    best = cost.argmin(axis=0)
    assert len({tuple(places[i]) for i in best}) == 3
    fastest, smallest = cost[best[0]], cost[best[2]]
    assert fastest[0] < smallest[0] and smallest[2] < fastest[2]
    assert cost[best[1]][1] < fastest[1] and cost[best[1]][0] > fastest[0]
