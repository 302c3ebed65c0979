"""Several fidelities: the roofline of every design first, which costs next to nothing, then the asked fidelity of the few that matter.

All designs (or a draw) are scored at roofline fidelity. What is learned from each evaluation at the asked fidelity is the *ratio* of the two, by a
Gaussian process over the axes and the rooflines themselves; the designs are ranked anew by roofline times ratio as evaluations come
(Kennedy and O'Hagan, *Predicting the output from a complex computer code when fast approximations are available*, Biometrika 2000).
Where the evaluator is an event model, with nothing of its own below it, a proxy of logged evaluations stands in (setting ``log``: a sweep's
folder, or a study); without a log such a space is explored by the model of its axes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from explorers.evaluators.estimator import Estimator
from explorers.pareto import not_dominated
from explorers.predicted import Predicted, predicted
from explorers.search.surrogate import ModelGuided, told_reference
from explorers.space.space import DesignSpace, Places
from explorers.surrogate.picking import best_rows
from explorers.surrogate.scale import Scale, inputs_of, limits_of
from magnitudes.arrays import Column

MOST_SCORED = 1_000_000  # designs whose roofline is computed
FRONT = 256  # designs of the roofline's front that others are compared with


def lower_fidelity(space: DesignSpace) -> DesignSpace | None:
    """The same space at roofline fidelity; None where there is nothing below what is asked."""
    evaluator = space.evaluator
    if not isinstance(evaluator, Estimator) or evaluator.fidelity == "roofline" or any(a.path == "fidelity" for a in space.axes):
        return None
    return replace(space, evaluator=replace(evaluator, fidelity="roofline"))


@dataclass
class Fidelity(ModelGuided):
    """Rooflines of all designs (or what a proxy says of them), and the ratio to the asked fidelity learned from a few."""

    about: ClassVar[str] = "rooflines of all designs first, then the few that matter at the asked fidelity, whose ratio is learned"
    settings_tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "startup": (4, 8, 12),
        "batch": (1, 2, 4),
        "candidates": (4000, 16000),
        "optimism": (0.5, 1.0, 2.0),
    }

    startup: int = 6
    candidates: int = 8000
    log: Any = ""
    learner: str = "network"
    low: DesignSpace | None = field(init=False, repr=False)
    scored: int = field(init=False, default=0)
    kept: Places = field(init=False, repr=False)
    rooflines: Column = field(init=False, repr=False)
    worst: Column = field(init=False, repr=False)
    ends: Column = field(init=False, repr=False)
    low_scale: Scale = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.low = predicted(self.space, self.log, self.learner) if self.log else lower_fidelity(self.space)
        if self.low is not None and not self._score_all(self.low):
            self.low = None

    @property
    def note(self) -> str:
        """What a study says of evaluations that its budget does not count."""
        if isinstance(self.low, Predicted):
            return f"{self.low.told}; {self.scored} designs were predicted beside the budget"
        return f"{self.scored} rooflines were computed beside the budget" if self.low is not None else "no lower fidelity: a model of the axes guided alone"

    def _score_all(self, low: DesignSpace) -> bool:
        """Roofline of all designs or a draw; the most promising are kept."""
        places = low.every() if low.grid_size <= MOST_SCORED else np.unique(low.sample(MOST_SCORED, self.generator), axis=0)
        scores = low.score(places)
        self.scored = len(places)
        rows = np.flatnonzero(scores.feasible)
        if len(rows) == 0:
            return False
        self.low_scale = Scale.of(scores.objectives[rows])
        logs = self.low_scale.told(scores.objectives[rows])
        self.worst = scores.objectives[rows].max(axis=0)
        self.ends = np.stack([logs.min(axis=0), logs.max(axis=0)])
        near = rows[np.argsort(behind(logs), kind="stable")[: self.candidates]]
        self.kept, self.rooflines = places[near], scores.objectives[near]
        return True

    def scale(self) -> Scale:
        return self.low_scale if self.low is not None else super().scale()

    def base(self, places: Places, scale: Scale) -> Column | float:
        if self.low is None:
            return 0.0
        scores = self.low.score(places)
        return np.column_stack([scale.told(scores.objectives), limits_of(scores)])

    def inputs(self, places: Places) -> Column:
        axes = inputs_of(self.space, places)
        if self.low is None:
            return axes
        logs = self.low_scale.told(self.low.score(places).objectives)
        return np.column_stack([axes, (logs - self.ends[0]) / np.maximum(self.ends[1] - self.ends[0], 1e-12)])

    def pool(self) -> Places:
        if self.low is None:
            return super().pool()
        left = self._unseen(self.kept)
        return left if len(left) else self._unseen(np.unique(self.space.sample(self.candidates, self.generator), axis=0))

    def reference(self) -> Column:
        if self.low is None or self.scores is None:
            return super().reference() if self.low is None else told_reference(self.space, self.worst)
        found = self.scores.objectives[self.scores.feasible]
        return told_reference(self.space, np.maximum(self.worst, found.max(axis=0)) if len(found) else self.worst)

    def first(self, count: int) -> Places:
        """Half of what the rooflines promise most, half drawn from what they promise at all."""
        if self.low is None:
            return super().first(count)
        none = np.zeros((0, self.rooflines.shape[1]))
        rows = best_rows(self.rooflines, np.ones(len(self.kept)), none, told_reference(self.space, self.worst), (count + 1) // 2)
        drawn = self.generator.permutation(len(self.kept))[: count - len(rows)]
        return self.kept[[*rows, *drawn.tolist()]]


def behind(logs: Column) -> Column:
    """How far each row is from being on the front: the least step in all objectives together that makes it so, shape (rows,)."""
    front = logs[not_dominated(logs)]
    if len(front) > FRONT:
        front = front[np.argsort(front[:, 0], kind="stable")[np.linspace(0, len(front) - 1, FRONT).astype(int)]]
    spread = np.maximum(np.ptp(logs, axis=0), 1e-12)
    far = np.full(len(logs), -np.inf)
    for point in front:
        far = np.maximum(far, ((logs - point) / spread).min(axis=1))
    return far
