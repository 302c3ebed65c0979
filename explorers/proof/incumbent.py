"""The best design known while a proof goes on: found by drawing, improved axis by axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorers.diagnosis import missing_figures
from explorers.space.space import DesignSpace, Places
from explorers.space.statement import SpaceError
from magnitudes.arrays import Column

DRAWN = 20_000
STARTS = 8
SWEEPS = 20


@dataclass
class Incumbent:
    """The best feasible design so far.

    Parameters
    ----------
    space : DesignSpace
    log : float
        Logarithm of the objective, minimised: of a figure to be maximised, minus its logarithm. Infinite while there is none.
    places : Places or None
    evaluated : int
        Designs scored.
    missing : str
        Where the objective is no number, if such a design was met.
    """

    space: DesignSpace
    log: float = float("inf")
    places: Places | None = None
    evaluated: int = 0
    missing: str = ""

    def offer(self, places: Places) -> Column:
        """Score designs; returns the logarithms of their objectives, infinite where infeasible."""
        scores = self.space.score(places)
        self.evaluated += len(places)
        self.missing = self.missing or missing_figures(self.space, places, scores)
        sign = self.space.objectives[0].sign
        figure = scores.objectives[:, 0] * sign
        if (figure[scores.feasible] <= 0.0).any():
            raise SpaceError(f"{self.space.objectives[0].name} is zero or negative for some designs; a proof needs a figure that is positive everywhere")
        logs = np.full(len(places), np.inf)
        logs[scores.feasible] = np.log(figure[scores.feasible]) * sign
        best = int(logs.argmin())
        if logs[best] < self.log:
            self.log, self.places = float(logs[best]), places[best].copy()
        return logs

    def search(self, generator: np.random.Generator) -> None:
        """Draw designs (all, where there are few), then improve the best of them one axis at a time until nothing changes."""
        if self.space.grid_size <= DRAWN:
            self.offer(self.space.every())
            return
        drawn = self.space.sample(DRAWN, generator)
        logs = self.offer(drawn)
        for start in np.argsort(logs)[:STARTS]:
            if np.isfinite(logs[start]):
                self._descend(drawn[start], float(logs[start]))

    def _descend(self, places: Places, log: float) -> None:
        for _ in range(SWEEPS):
            before = log
            for axis, size in enumerate(self.space.sizes):
                tried = np.repeat(places[None, :], size, axis=0)
                tried[:, axis] = np.arange(size)
                logs = self.offer(self.space.canonical(tried))
                best = int(logs.argmin())
                if logs[best] < log:
                    places, log = self.space.canonical(tried)[best], float(logs[best])
            if log == before:
                return
