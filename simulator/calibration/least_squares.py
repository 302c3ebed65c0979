"""Levenberg and Marquardt's least squares in a few lines: `calibrate` runs wherever numpy does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column

STEP = 0.02  # of an unknown, in differences
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-8, 1e6


def least_squares(residuals: Callable[[Column], Column], start: Column, steps: int = 80, enough: float = 1e-5) -> Column:
    """Unknowns that make the sum of squares small.

    Parameters
    ----------
    residuals : callable
        Of a column of unknowns, all of the order of one.
    start : Column
    steps : int
        Jacobians at most.
    enough : float
        Share by which a step must better the sum for another to follow.
    """
    x, here = start, residuals(start)
    damping = FIRST_DAMPING
    for _ in range(steps):
        slope = _jacobian(residuals, x, here)
        normal, gradient = slope.T @ slope, slope.T @ here
        before = float(here @ here)
        while damping < MOST_DAMPING:
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), -gradient)
            there = residuals(x + move)
            if float(there @ there) < before:
                break
            damping *= 10.0
        else:
            return x
        x, here, damping = x + move, there, max(damping / 10.0, LEAST_DAMPING)
        if float(here @ here) > before * (1.0 - enough):
            return x
    return x


def _jacobian(residuals: Callable[[Column], Column], x: Column, here: Column) -> NDArray[np.float64]:
    columns = []
    for place in range(len(x)):
        moved = x.copy()
        moved[place] += STEP
        columns.append((residuals(moved) - here) / STEP)
    return np.stack(columns, axis=1)
