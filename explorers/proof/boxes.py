"""Bounds of many boxes at once: affine functions below the formulas, and what budgets leave of them (a Lagrangian).

In a box every figure lies above an affine function of the logarithms. Minimising that alone would put every axis at its best end, which no
budget allows; with a price on each limit the least value over the box is still a bound, and the prices that make it largest carry the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from explorers.proof.region import Region
from explorers.space.space import Places
from magnitudes.affine import Affine, Box
from magnitudes.arrays import Column
from magnitudes.log_affine import LogAffine, Plain, inputs_of
from magnitudes.replay import replay

PRICE_STEPS = 24


@dataclass(frozen=True, slots=True)
class BoxBounds:
    """What is known of some boxes.

    Parameters
    ----------
    bound : Column, shape (boxes,)
        No design of the box has an objective with a smaller logarithm; infinite where none is feasible.
    spread : Column, shape (boxes, axes)
        How much each axis still moves the priced objective in the box: where to cut.
    """

    bound: Column
    spread: Column


def bounds(region: Region, first: Places, last: Places) -> BoxBounds:
    """Bounds of boxes.

    Parameters
    ----------
    region : Region
    first, last : Places, shape (boxes, axes)
        Least and largest rank of each free axis in each box.
    """
    formula, outputs = region.formula
    least = np.stack([v[first[:, i]] for i, v in enumerate(region.columns)], axis=1)
    most = np.stack([v[last[:, i]] for i, v in enumerate(region.columns)], axis=1)
    box = Box(least, most, (np.log(least) + np.log(most)) / 2)
    wanted: dict[str, Any] = {"figure": outputs["figure:0"]}
    for i, (small, large) in enumerate(region.limits):
        wanted |= {f"low:{i}": small, f"high:{i}": large}
    read = replay(formula, wanted, dict(zip((a.name for a in region.free), inputs_of(box), strict=True)))
    objective, floor = objective_bound(read["figure"], box, region.space.objectives[0].sign)
    limits, impossible = limit_bounds(read, len(region.limits), box)
    bound, spread = _priced(objective, limits, box)
    bound = np.maximum(bound, floor)
    bound = np.where(np.isnan(bound), -np.inf, bound)  # infinity less infinity: nothing is known
    return BoxBounds(np.where(impossible, np.inf, bound), spread)


def objective_bound(figure: Any, box: Box, sign: float) -> tuple[Affine, Column]:
    """The objective's affine bound, and its least value by intervals; of a figure to be maximised, minus its logarithm."""
    if sign > 0:
        return below(figure, box), _log(_end(figure, "low"), box)
    return above(figure, box).times(-1.0), -_log(_end(figure, "high"), box)


def limit_bounds(read: dict[str, Any], count: int, box: Box) -> tuple[list[Affine], Any]:
    """Affine functions that are at most zero where a limit holds, and which boxes break one everywhere."""
    limits, impossible = [], np.zeros(len(box.point), dtype=bool)
    for i in range(count):
        low, high = read[f"low:{i}"], read[f"high:{i}"]
        impossible |= np.broadcast_to(np.asarray(_end(low, "low") > _end(high, "high")), impossible.shape)
        open_rows = _end(low, "high") > _end(high, "low")
        if np.any(open_rows) and np.all(_end(low, "low") >= 0.0) and np.all(_end(high, "high") > 0.0):
            limits.append(below(low, box) - above(high, box))
    return limits, impossible


def _priced(objective: Affine, limits: list[Affine], box: Box) -> tuple[Column, Column]:
    """The largest of the Lagrangian bounds that a few steps of ascent find, and the spread of each axis under its prices."""
    prices = np.zeros((len(objective.value), len(limits)))
    best, best_prices = objective.range(box)[0], prices
    gradients = np.stack([c.gradient for c in limits], axis=1) if limits else np.zeros((len(best), 0, box.point.shape[1]))
    values = np.stack([c.value for c in limits], axis=1) if limits else np.zeros((len(best), 0))
    to_low, to_high = box.low - box.point, box.high - box.point
    step = 0.5
    for _ in range(PRICE_STEPS if limits else 0):
        total = objective.gradient + np.einsum("nm,nmd->nd", prices, gradients)
        at = np.where(total > 0, to_low, to_high)  # where the priced objective is least
        worth = objective.value + (prices * values).sum(axis=1) + (total * at).sum(axis=1)
        better = worth > best
        best, best_prices = np.where(better, worth, best), np.where(better[:, None], prices, best_prices)
        slope = values + np.einsum("nmd,nd->nm", gradients, at)
        size = np.maximum(np.abs(slope).sum(axis=1, keepdims=True), 1e-12)
        prices = np.maximum(best_prices * 0.5 + prices * 0.5 + step * slope / size, 0.0)
        step *= 0.85
    total = objective.gradient + np.einsum("nm,nmd->nd", best_prices, gradients)
    width = np.broadcast_to(box.high - box.low, total.shape)
    trade = np.abs(objective.gradient) + np.einsum("nm,nmd->nd", best_prices, np.abs(gradients))
    return best, (np.abs(total) + 0.25 * trade) * width


def below(x: Any, box: Box) -> Affine:
    """The affine function below a figure's logarithm."""
    return x.under if isinstance(x, LogAffine) else _flat(_end(x, "low"), box)


def above(x: Any, box: Box) -> Affine:
    """The affine function above a figure's logarithm."""
    return x.over if isinstance(x, LogAffine) else _flat(_end(x, "high"), box)


def _end(x: Any, which: str) -> Any:
    return np.asarray(getattr(x.interval, which)) if isinstance(x, LogAffine | Plain) else np.asarray(float(x))


def _log(value: Any, box: Box) -> Column:
    return np.broadcast_to(np.log(np.maximum(value, 1e-300)), (len(box.point),))


def _flat(value: Any, box: Box) -> Affine:
    return Affine(np.array(_log(value, box)), np.zeros_like(box.point))
