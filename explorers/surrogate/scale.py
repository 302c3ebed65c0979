"""How places and figures are given to a model: inputs between 0 and 1, figures in logarithms where they have any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorers.space.space import DesignSpace, Places, Scores
from magnitudes.arrays import Column

LEAST = 1e-3  # a constraint met by more than a factor of a thousand is met


def inputs_of(space: DesignSpace, places: Places) -> Column:
    """An input between 0 and 1 for each ordered axis, and one a name for each choice."""
    columns: list[Column] = []
    for i, axis in enumerate(space.axes):
        if axis.ordered:
            columns.append((places[:, i] / max(axis.size - 1, 1))[:, None])
        else:
            columns.append((places[:, i][:, None] == np.arange(axis.size)[None, :]) / np.sqrt(2.0))
    return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Scale:
    """Objectives as a model sees them.

    Parameters
    ----------
    signs : tuple of float
        1 or -1 where all values of an objective have this sign and it is read in logarithms; 0 where it is read as it is.
    """

    signs: tuple[float, ...]

    @classmethod
    def of(cls, objectives: Column) -> Scale:
        """As some rows of objectives need it."""
        return cls(tuple(1.0 if (c > 0).all() else -1.0 if (c < 0).all() else 0.0 for c in objectives.T))

    def told(self, objectives: Column) -> Column:
        """What the model learns; order is kept."""
        columns = [s * np.log(np.maximum(s * c, 1e-300)) if s else c for s, c in zip(self.signs, objectives.T, strict=True)]
        return np.stack(columns, axis=1)

    def figures(self, told: Column) -> Column:
        """Back from what the model says."""
        columns = [s * np.exp(np.clip(s * c, -600, 600)) if s else c for s, c in zip(self.signs, told.T, strict=True)]
        return np.stack(columns, axis=1)


def limits_of(scores: Scores) -> Column:
    """Constraints as a model sees them, shape (designs, constraints + 1): zero or less where they hold; the last is whether it can be built."""
    violations = scores.missed
    numbers = np.log(np.maximum(1.0 + violations, LEAST))
    conditions = np.isin(violations, (0.0, 1.0)).all(axis=0) if len(violations) else np.zeros(violations.shape[1], dtype=bool)
    return np.column_stack([np.where(conditions, violations - 0.5, numbers), np.where(scores.built, -0.5, 0.5)])
