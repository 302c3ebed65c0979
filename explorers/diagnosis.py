"""Why nothing was found, and where figures are missing: said so that a space can be mended."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from explorers.space.goal import SOMETHING
from explorers.space.space import DesignSpace, Places, Scores

DRAWN = 20_000
FACTOR = 10.0  # a limit missed by more is told as a factor


def conflict(space: DesignSpace, drawn: int = DRAWN) -> str:
    """Which constraints leave nothing, among all designs where they are few, else among some drawn evenly.

    Returns
    -------
    str
        One that never holds, with how near it came; or two that never hold together; or that all of them together leave nothing; or how many
        are feasible, where some are.
    """
    whole = space.grid_size <= drawn
    scores = space.score(space.every() if whole else space.sample(drawn, np.random.default_rng(0)))
    holds = scores.violations <= 0.0
    texts = [c.text for c in space.constraints]
    looked_at = f"{len(scores):,} designs{' drawn' * (not whole)}"
    among = f"among {'all ' * whole}{looked_at}"
    if scores.feasible.any():
        return f"{int(scores.feasible.sum()):,} of {looked_at} are feasible: a larger budget or another explorer finds them"
    for i, text in enumerate(texts):
        if not holds[:, i].any():
            return f"'{text}' never holds {among}{_nearest(space, scores, i)}"
    for i, j in combinations(range(len(texts)), 2):
        if not (holds[:, i] & holds[:, j]).any():
            return f"'{texts[i]}' and '{texts[j]}' never hold together {among}: loosen one of them"
    if holds.all(axis=1).any():
        return f"where all constraints hold, no design {among} can be built: it does not fit, or its parallelism does not divide the model"
    return f"the constraints never hold all together {among}: loosen one of them" if texts else f"no design {among} can be built"


def _nearest(space: DesignSpace, scores: Scores, constraint: int) -> str:
    """How near the best of some designs came to a constraint, and which design that is not far from."""
    violations, asked = scores.violations[:, constraint], space.constraints[constraint]
    if not np.isfinite(violations).any() or asked.condition is not None:
        return ": loosen it"
    least = float(np.nanmin(violations))
    if least <= SOMETHING:
        far = "meets the limit, and should be beyond it"
    elif not asked.numeric:
        far = f"misses by {least:.3g}"
    else:
        far = f"misses by {least:.1%} of the limit" if least < FACTOR else f"is {1.0 + least:,.3g} times the limit"
    return f" (the nearest {far}): loosen it, or widen an axis"


@dataclass
class Missing:
    """Where objectives are no finite numbers: gathered over any parts of a space.

    Parameters
    ----------
    space : DesignSpace
    designs : int
        Looked at so far.
    counts : mapping of int to int
        Objective -> how many of them have no number.
    examples : mapping of int to Places
        Objective -> the first such design, as a row of places.
    """

    space: DesignSpace
    designs: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    examples: dict[int, Places] = field(default_factory=dict)

    def look(self, places: Places, scores: Scores) -> Missing:
        """Take in some designs."""
        self.designs += len(places)
        for i in range(len(self.space.objectives)):
            rows = np.flatnonzero(~np.isfinite(scores.objectives[:, i]))
            if len(rows):
                self.counts[i] = self.counts.get(i, 0) + len(rows)
                self.examples.setdefault(i, places[rows[0]])
        return self

    def merge(self, other: Missing) -> None:
        """Take in what another saw later."""
        self.designs += other.designs
        for i, count in other.counts.items():
            self.counts[i] = self.counts.get(i, 0) + count
            self.examples.setdefault(i, other.examples[i])

    def __str__(self) -> str:
        """How often, and one design; nothing if all are numbers."""
        return "; ".join(
            f"{self.space.objectives[i].name} is no number for {count:,} of {self.designs:,} designs, such as {self._shown(i)}"
            for i, count in sorted(self.counts.items())
        )

    def _shown(self, objective: int) -> str:
        design = self.space.design(self.examples[objective])
        return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in design.items())


def missing_figures(space: DesignSpace, places: Places, scores: Scores) -> str:
    """Where an objective is no finite number: how often, and one design; nothing if it always is."""
    return str(Missing(space).look(places, scores))
