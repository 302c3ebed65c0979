"""Why nothing was found, and where figures are missing: said so that a space can be mended."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from explorers.space.space import DesignSpace, Scores

DRAWN = 20_000


def conflict(space: DesignSpace, drawn: int = DRAWN) -> str:
    """Which constraints leave nothing, among designs drawn evenly.

    Returns
    -------
    str
        One that never holds, with how near it came; or two that never hold together; or that all of them together leave nothing.
    """
    scores = space.score(space.sample(drawn, np.random.default_rng(0)))
    holds = scores.violations <= 0.0
    texts = [c.text for c in space.constraints]
    among = f"among {drawn:,} designs drawn"
    for i, text in enumerate(texts):
        if not holds[:, i].any():
            return f"'{text}' never holds {among}{_nearest(space, scores, i)}"
    for i, j in combinations(range(len(texts)), 2):
        if not (holds[:, i] & holds[:, j]).any():
            return f"'{texts[i]}' and '{texts[j]}' never hold together {among}: loosen one of them"
    if not scores.feasible.any() and holds.all(axis=1).any():
        return f"where all constraints hold, no design {among} can be built: it does not fit, or its parallelism does not divide the model"
    return f"the constraints never hold all together {among}: loosen one of them" if texts else f"no design {among} can be built"


def _nearest(space: DesignSpace, scores: Scores, constraint: int) -> str:
    """How near the best of some designs came to a constraint, and which design that is not far from."""
    violations = scores.violations[:, constraint]
    if not np.isfinite(violations).any() or space.constraints[constraint].condition is not None:
        return ": loosen it"
    return f" (the nearest misses by {np.nanmin(violations):.1%} of the limit): loosen it, or widen an axis"


def missing_figures(space: DesignSpace, places: np.ndarray, scores: Scores) -> str:
    """Where an objective is no number: how often, and one design; nothing if it always is."""
    said = []
    for i, goal in enumerate(space.objectives):
        rows = np.flatnonzero(np.isnan(scores.objectives[:, i]))
        if len(rows):
            design = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in space.design(places[rows[0]]).items())
            said.append(f"{goal.name} is no number for {len(rows):,} of {len(scores):,} designs, such as {design}")
    return "; ".join(said)
