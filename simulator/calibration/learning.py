"""Learns the correction: piecewise-linear functions of a kernel's features, kept where they help on devices left out.

For each kind of operator and each family of devices: train on the residuals of the other families (under coefficients fitted
without this one), correct this one, compare. A kind keeps its correction where the mean over groups of MAPE falls by `GAIN`.

    python -m simulator.calibration.learning --data ../shared/data --write
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column
from simulator.calibration.command import learn_file
from simulator.calibration.residuals import Rows, items_of, rows_under

KINDS = (
    "gemm_16bit", "gemm_narrow", "gemm_fp32", "bmm_fp32", "bmm_16bit", "rows", "prefill_16bit", "prefill_narrow", "decode_16bit", "experts_16bit",
    "experts_narrow",
)  # fmt: skip
SEGMENTS = 4
GAIN = 0.003  # of MAPE, absolute: less is not worth its coefficients
PENALTY = 1.0  # ridge on slopes, beside groups of weight one
TURN = 0.15  # log-residual from which on an error counts by its size
ROUNDS = 6
# Slopes that cannot turn a prediction against the physics: what depends on the hardware never makes a better machine slower.
BOUNDS = {"ramp": (-0.9, 1.0), "cache": (0.0, 1.0), "waves": (0.0, 1.0), "rows": (0.0, 1.0)}
FREE = (-1.0, 1.0)

Curve = dict[str, list[float]]


def learn(rows: Sequence[Rows]) -> dict[str, Any]:
    """A constant and the curves of all features, from residuals."""
    names = sorted(set.intersection(*(set(r.features) for r in rows)))
    columns = {name: np.concatenate([r.features[name] for r in rows]) for name in names}
    knots = {name: np.linspace(float(np.percentile(x, 1.0)), float(np.percentile(x, 99.0)), SEGMENTS + 1) for name, x in columns.items()}
    knots = {name: k for name, k in knots.items() if k[-1] - k[0] > 0.1}  # a feature that does not vary teaches nothing
    basis = [np.ones(sum(len(r.residual) for r in rows))]
    bounds = [(-1.0, 1.0)]
    for name, k in knots.items():
        basis.extend(np.clip(columns[name], left, right) - left for left, right in pairwise(k))
        bounds.extend([BOUNDS.get(name, FREE)] * SEGMENTS)
    solved = _solve(np.stack(basis, axis=1), -np.concatenate([r.residual for r in rows]), _weights(rows), np.array(bounds))
    curves: dict[str, Curve] = {}
    for place, (name, k) in enumerate(knots.items()):
        slopes = solved[1 + place * SEGMENTS : 1 + (place + 1) * SEGMENTS]
        curves[name] = {"knots": [round(float(x), 3) for x in k], "slopes": [round(float(x), 4) for x in slopes]}
    return {"constant": round(float(solved[0]), 4), "features": curves}


def _solve(basis: NDArray[np.float64], target: Column, weights: Column, bounds: NDArray[np.float64]) -> Column:
    """Bounded least squares with a ridge, errors counted by their size where they are large."""
    from scipy.optimize import lsq_linear

    penalty = np.sqrt(PENALTY) * np.eye(basis.shape[1])
    penalty[0, 0] *= 0.1
    found = np.zeros(basis.shape[1])
    for _ in range(ROUNDS):
        w = np.sqrt(weights / np.sqrt(1.0 + ((target - basis @ found) / TURN) ** 2))
        normal, side = (basis * w[:, None]).T @ (basis * w[:, None]) + penalty.T @ penalty, (basis * w[:, None]).T @ (w * target)
        root = np.linalg.cholesky(normal)
        found = np.asarray(lsq_linear(root.T, np.linalg.solve(root, side), bounds=(bounds[:, 0], bounds[:, 1])).x, dtype=np.float64)
    return found


def _weights(rows: Sequence[Rows]) -> Column:
    """Groups weigh the same, whatever their size."""
    sizes: dict[tuple[str, ...], int] = {}
    for r in rows:
        sizes[r.group] = sizes.get(r.group, 0) + len(r.residual)
    return np.concatenate([np.full(len(r.residual), 10.0 / sizes[r.group]) for r in rows])


def corrected(rows: Rows, learned: Mapping[str, Any]) -> Column:
    """Residuals after the correction."""
    value: Column = rows.residual + learned["constant"]
    for name, curve in learned["features"].items():
        for left, right, slope in zip(curve["knots"], curve["knots"][1:], curve["slopes"], strict=False):
            value = value + slope * (np.clip(rows.features[name], left, right) - left)
    return value


def mape(groups: Sequence[tuple[tuple[str, ...], Column]]) -> float:
    """Mean over groups of at least 30 rows of the mean absolute error."""
    found: dict[tuple[str, ...], list[Column]] = {}
    for group, residual in groups:
        found.setdefault(group, []).append(np.abs(np.exp(residual) - 1.0))
    joined = [np.concatenate(parts) for parts in found.values()]
    return float(np.mean([float(np.mean(e)) for e in joined if len(e) >= 30] or [float(np.mean(e)) for e in joined]))


def run(data: Path, rows: int) -> dict[str, Any]:
    """Learn, judge and keep: the new coefficient file."""
    items = [i for i in items_of(data, rows) if i.batch.key["timing"] != "eager"]  # there the host speaks, too
    families = sorted({i.family for i in items})
    whole = rows_under(items, "", correction=False)
    under = {family: rows_under(items, family, correction=False) for family in families}
    kinds: dict[str, Any] = {}
    folds: dict[str, dict[str, Any]] = {f: {"kinds": {}} for f in families}
    error: dict[str, Any] = {}
    for kind in KINDS:
        judged = _judge(kind, under)
        if judged is None:
            continue
        before, after, by_family = judged
        error[kind] = {"devices_left_out_mape": round(before, 4), "corrected_mape": round(after, 4), "kept": bool(before - after >= GAIN)}
        if before - after >= GAIN:
            kinds[kind] = learn([r for r in whole if r.learned == kind])
            for family, learned in by_family.items():
                folds[family]["kinds"][kind] = learned
    provenance = {
        "data": "all visible tables: NeuSight, Vidur, aiconfigurator, DeepBench, LLMCompass; single kernels", "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m simulator.calibration.learning --write", "method": " ".join((__doc__ or "").split("\n\n")[1].split()), "error": error,
    }  # fmt: skip
    return {"provenance": provenance, "coefficients": {"kinds": kinds}, "folds": folds}


def _judge(kind: str, under: Mapping[str, Sequence[Rows]]) -> tuple[float, float, dict[str, dict[str, Any]]] | None:
    """Error on families left out, without and with correction, and what was learned without each; None where fewer than two families have the kind."""
    before: list[tuple[tuple[str, ...], Column]] = []
    after: list[tuple[tuple[str, ...], Column]] = []
    learned: dict[str, dict[str, Any]] = {}
    families = {r.family for rows in under.values() for r in rows if r.learned == kind}
    if len(families) < 2:
        return None
    for family, rows in under.items():
        others = [r for r in rows if r.learned == kind and r.family != family]
        learned[family] = learn(others)
        own = [r for r in rows if r.learned == kind and r.family == family]
        before.extend((r.group, r.residual) for r in own)
        after.extend((r.group, corrected(r, learned[family])) for r in own)
    return mape(before), mape(after), learned


if __name__ == "__main__":
    learn_file("correction", __doc__, run)
