"""A Gaussian process: what a figure is likely to be where it was not evaluated, and how sure that is.

Matérn 5/2 with a length an input (automatic relevance); lengths, noise and amplitude maximise the marginal likelihood (Rasmussen and Williams,
*Gaussian Processes for Machine Learning*, 2006, equations 2.25, 2.26 and 5.8). The amplitude has a closed form, so that it is not searched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from magnitudes.arrays import Column

LENGTHS = (-3.0, 4.0)  # logarithms of lengths that are tried; inputs lie between 0 and 1
NOISES = (-14.0, -2.0)  # of the noise, relative to the amplitude
PRIOR = 0.05  # weight of a wide prior on logarithms of lengths: an input that nothing was learned of stays moderate
STEPS = 40
ROWS = 1 << 14  # predicted together
FLAT = 1e-9  # a spread below which a figure is taken as constant


@dataclass(frozen=True)
class Gaussian:
    """A fitted process.

    Parameters
    ----------
    inputs : Column, shape (rows, inputs)
    lengths : Column, shape (inputs,)
    mean, amplitude : float
        Of the figure: its constant, and its variance far from all rows.
    weights : Column, shape (rows,)
    factor : Column, shape (rows, rows)
        Lower Cholesky factor of the correlations.
    """

    inputs: Column
    lengths: Column
    mean: float
    amplitude: float
    weights: Column
    factor: Column

    def predict(self, inputs: Column) -> tuple[Column, Column]:
        """Mean and standard deviation at some inputs, each of shape (rows,)."""
        parts = [self._predict(inputs[i : i + ROWS]) for i in range(0, len(inputs), ROWS)]
        if not parts:
            return np.zeros(0), np.zeros(0)
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _predict(self, inputs: Column) -> tuple[Column, Column]:
        if self.amplitude == 0.0:
            return np.full(len(inputs), self.mean), np.zeros(len(inputs))
        across = matern(inputs / self.lengths, self.inputs / self.lengths)
        known = solve_triangular(self.factor, across.T, lower=True)
        left = np.maximum(1.0 - (known**2).sum(axis=0), 0.0)
        return self.mean + across @ self.weights, np.sqrt(self.amplitude * left)


def fit(inputs: Column, figures: Column) -> Gaussian:
    """Learn a process.

    Parameters
    ----------
    inputs : Column, shape (rows, inputs)
        Between 0 and 1.
    figures : Column, shape (rows,)
    """
    mean = float(figures.mean())
    left = figures - mean
    if len(figures) < 2 or float(np.abs(left).max()) < FLAT:
        return Gaussian(inputs, np.ones(inputs.shape[1]), mean, 0.0, np.zeros(len(figures)), np.eye(len(figures)))
    squares = (inputs[:, None, :] - inputs[None, :, :]) ** 2
    start = np.append(np.full(inputs.shape[1], 0.0), -9.0)
    bounds = [LENGTHS] * inputs.shape[1] + [NOISES]
    found = minimize(_unlikely, start, args=(squares, left), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}).x
    lengths, noise = np.exp(found[:-1]), float(np.exp(found[-1]))
    covariance = _matern_of(np.sqrt((squares / lengths**2).sum(axis=2))) + noise * np.eye(len(left))
    factor: Column = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    weights = cho_solve((factor, True), left)
    return Gaussian(inputs, lengths, mean, float(left @ weights) / len(left), weights, factor)


def _unlikely(logs: Column, squares: Column, left: Column) -> tuple[float, Column]:
    """Negative logarithm of the marginal likelihood a row (amplitude at its best), and its gradient."""
    rows = len(left)
    lengths, noise = np.exp(logs[:-1]), np.exp(logs[-1])
    scaled = squares / lengths**2
    distance = np.sqrt(scaled.sum(axis=2))
    factor = cho_factor(_matern_of(distance) + noise * np.eye(rows), lower=True)
    inverse = cho_solve(factor, np.eye(rows))
    weights = inverse @ left
    amplitude = max(float(left @ weights) / rows, 1e-300)
    value = 0.5 * np.log(amplitude) + np.log(np.diag(factor[0])).sum() / rows + PRIOR * float((logs[:-1] ** 2).sum()) / rows
    outer = 0.5 * (inverse - np.outer(weights, weights) / amplitude) / rows
    slope = 5.0 / 3.0 * (1.0 + np.sqrt(5.0) * distance) * np.exp(-np.sqrt(5.0) * distance)  # of the correlation by the logarithm of a length
    gradient = np.einsum("ij,ijk->k", outer * slope, scaled) + 2 * PRIOR * logs[:-1] / rows
    return float(value), np.append(gradient, noise * np.trace(outer))


def matern(one: Column, other: Column) -> Column:
    """Correlations between rows of scaled inputs, shape (rows of one, rows of other)."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2.0 * one @ other.T
    return _matern_of(np.sqrt(np.maximum(squares, 0.0)))


def _matern_of(distance: Column) -> Column:
    far = np.sqrt(5.0) * distance
    result: Column = (1.0 + far + far**2 / 3.0) * np.exp(-far)
    return result
