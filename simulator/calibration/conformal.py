"""Learns intervals: how far off kernels were on devices left out of every fit, by kind of operator and size.

Quantiles of log-residuals of predictions that knew nothing of the device, devices weighing the same; widened towards what quantiles of
the *other* devices need to cover 90 % of a device's rows, as far as the devices at hand are then not covered beyond 92 %; of groups that
scores average (30 rows and more), where a kind has any. ``worst`` is the widest of any device: what counts where nothing like it was measured.

    python -m simulator.calibration.conformal --data ../shared/data --write
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from magnitudes.arrays import Column, Mask
from simulator.calibration.command import learn_file
from simulator.calibration.residuals import Item, Rows, items_of, rows_under
from simulator.confidence.kinds import NEAR_MEMORY

EDGES = (4.0, 32.0)  # predicted time beside a launch: what is mostly launch, what ramps, what streams
LEVEL = 0.9
FEW = 60  # rows below which a regime takes the quantiles of the whole kind
MOST = 0.92  # of the rows at hand, beyond which an interval is wider than it says
ENOUGH = 30  # rows of a group that make it count in full
DATA = "all visible tables: NeuSight, Vidur, aiconfigurator, DeepBench, LLMCompass; single kernels; AttAcc's command-level simulation for attention near memory"
STEPS = np.arange(1.0, 2.51, 0.025)


def learned(rows: Sequence[Rows]) -> dict[str, Any]:
    """The band of one kind."""
    families, counted = sorted({r.family for r in rows}), _counted(rows)
    scale, covered, unseen = _widening(counted, sorted({r.family for r in counted}))
    pooled = [_quantiles(counted, regime) for regime in range(len(EDGES) + 1)]
    each = [[_quantiles([r for r in rows if r.family == f], regime) for f in families] for regime in range(len(EDGES) + 1)]
    flop, byte = (np.concatenate([getattr(r, name) for r in rows]) for name in ("flop", "byte"))
    return {
        "edges": list(EDGES),
        "fast": [round(scale * low, 4) for low, _ in pooled],
        "slow": [round(scale * high, 4) for _, high in pooled],
        "worst_fast": [round(scale * min(low for low, _ in regime), 4) for regime in each],
        "worst_slow": [round(scale * max(high for _, high in regime), 4) for regime in each],
        "seen": {
            "flop": [float(flop.min()), float(flop.max())], "byte": [float(byte.min()), float(byte.max())],
            "formats": sorted({r.format for r in rows}), "generations": sorted({r.generation for r in rows}),
        },
        "devices": families, "widened": round(scale, 3), "covered": round(covered, 3), "covered_by_others": None if unseen is None else round(unseen, 3),
    }  # fmt: skip


def _counted(rows: Sequence[Rows]) -> Sequence[Rows]:
    """Rows of groups that scores average: smaller ones count only where a kind has no others, and in what is ``worst``."""
    sizes: dict[tuple[str, ...], int] = {}
    for r in rows:
        sizes[r.group] = sizes.get(r.group, 0) + len(r.residual)
    return [r for r in rows if sizes[r.group] >= ENOUGH] or rows


def _widening(rows: Sequence[Rows], families: Sequence[str]) -> tuple[float, float, float | None]:
    """The factor on quantiles; what they cover then, and what quantiles of the other devices would."""
    regimes = range(len(EDGES) + 1)
    pooled = [_quantiles(rows, regime) for regime in regimes]
    others = {f: [_quantiles([r for r in rows if r.family != f], regime) for regime in regimes] for f in families} if len(families) > 1 else {}
    kept = (1.0, _covered(rows, families, dict.fromkeys(families, pooled), 1.0), _covered(rows, families, others, 1.0) if others else None)
    for scale in STEPS:
        at_hand = _covered(rows, families, dict.fromkeys(families, pooled), scale)
        if at_hand > MOST:
            break
        kept = (float(scale), at_hand, _covered(rows, families, others, scale) if others else None)
        if kept[2] is None or kept[2] >= LEVEL:
            break
    return kept


def _covered(rows: Sequence[Rows], families: Sequence[str], bands: Mapping[str, Sequence[tuple[float, float]]], scale: float) -> float:
    """Mean over devices of the share of rows inside each device's bands, groups weighing the same."""
    shares, weights = [], []
    for device in sorted({r.device for r in rows if r.family in families}):
        own = [r for r in rows if r.device == device]
        weight = np.concatenate([np.full(len(r.residual), w) for r, w in zip(own, _group_weights(own), strict=True)])
        inside = np.concatenate([_inside(r, bands[r.family], scale) for r in own])
        shares.append(float(np.sum(weight * inside) / np.sum(weight)))
        weights.append(min(1.0, len(inside) / ENOUGH))
    return float(np.average(shares, weights=weights))


def _group_weights(rows: Sequence[Rows]) -> list[float]:
    """Weight of one row of each batch: groups of `ENOUGH` rows weigh the same, smaller ones less."""
    sizes: dict[tuple[str, ...], int] = {}
    for r in rows:
        sizes[r.group] = sizes.get(r.group, 0) + len(r.residual)
    return [min(1.0, sizes[r.group] / ENOUGH) / sizes[r.group] for r in rows]


def _inside(rows: Rows, bands: Sequence[tuple[float, float]], scale: float) -> Mask:
    """Which measurements lie within a band (of measured over predicted)."""
    off, regime = -rows.residual, np.digitize(rows.size, EDGES)
    low, high = (np.array([scale * b[i] for b in bands])[regime] for i in (0, 1))
    return np.asarray((off >= np.minimum(low, 0.0)) & (off <= np.maximum(high, 0.0)))


def _quantiles(rows: Sequence[Rows], regime: int) -> tuple[float, float]:
    """Quantiles of ln(measured / predicted) in a regime, each device with the same weight, each of its groups too."""
    off, weight = _pooled(rows, lambda r: np.digitize(r.size, EDGES) == regime)
    if len(off) < FEW:
        off, weight = _pooled(rows, lambda r: np.ones(len(r.size), dtype=bool))
    order = np.argsort(off)
    place = np.cumsum(weight[order]) / weight.sum()
    tail = (1.0 - LEVEL) / 2.0
    low, high = (float(off[order][min(int(np.searchsorted(place, q)), len(off) - 1)]) for q in (tail, 1.0 - tail))
    return min(low, 0.0), max(high, 0.0)


def _pooled(rows: Sequence[Rows], kept: Callable[[Rows], Mask]) -> tuple[Column, Column]:
    """Log-errors of some rows, and their weights."""
    masks = [kept(r) for r in rows]
    sizes: dict[tuple[str, ...], int] = {}
    groups: dict[str, set[tuple[str, ...]]] = {}
    for r, mask in zip(rows, masks, strict=True):
        sizes[r.group] = sizes.get(r.group, 0) + int(mask.sum())
        if mask.any():
            groups.setdefault(r.device, set()).add(r.group)
    parts = []
    for r, mask in zip(rows, masks, strict=True):
        if mask.any():
            of_group = min(1.0, sizes[r.group] / ENOUGH) / sizes[r.group]
            parts.append((-r.residual[mask], np.full(int(mask.sum()), of_group / len(groups[r.device]))))
    if not parts:
        return np.zeros(0), np.zeros(0)
    return np.concatenate([p for p, _ in parts]), np.concatenate([w for _, w in parts])


def correlation(rows: Sequence[Rows]) -> dict[str, float]:
    """Share of the variance of log-residuals that operators of one kind have in common on a device, and operators of different kinds."""
    kinds, families = sorted({r.kind for r in rows}), sorted({r.family for r in rows})
    means = np.full((len(kinds), len(families)), np.nan)
    spread = np.full(len(kinds), np.nan)
    for i, kind in enumerate(kinds):
        own = [r for r in rows if r.kind == kind]
        centre = float(np.mean([np.mean(r.residual) for r in own]))
        spread[i] = float(np.mean([np.mean((r.residual - centre) ** 2) for r in own]))
        for j, family in enumerate(families):
            some = [float(np.mean(r.residual)) - centre for r in own if r.family == family]
            means[i, j] = np.mean(some) if some else np.nan
    scaled = means / np.sqrt(spread)[:, None]
    pairs = [scaled[i, j] * scaled[k, j] for j in range(len(families)) for i in range(len(kinds)) for k in range(i)]
    known = [p for p in pairs if not np.isnan(p)]
    same = float(np.clip(np.nanmean(scaled**2), 0.0, 1.0))
    return {"same_kind": round(same, 3), "other_kind": round(float(np.clip(np.mean(known), 0.0, same)), 3)}


def run(data: Path, rows: int) -> dict[str, Any]:
    """The new coefficient file."""
    items = items_of(data, rows)
    outside = _outside(items)
    floor = rows_under(items, "", correction=False, fidelity="roofline")
    by_kind = {kind: [r for r in outside if r.kind == kind] for kind in sorted({r.kind for r in outside})}
    kinds = {kind: learned(some) for kind, some in by_kind.items() if sum(len(r.residual) for r in some) >= ENOUGH}  # no quantile is read off two rows
    outside, floor = ([r for r in some if r.kind != NEAR_MEMORY] for some in (outside, floor))  # no likeness of what a GPU does
    roofs = {kind: learned([r for r in floor if r.kind == kind]) for kind in kinds if kind != NEAR_MEMORY}
    coefficients = {"tile": kinds | {"any": learned(outside)}, "roofline": roofs | {"any": learned(floor)}, "correlation": correlation(outside)}
    error = {
        kind: {"left_out_coverage90": row["covered"], "by_bands_of_other_devices": row["covered_by_others"], "devices": len(row["devices"])}
        for kind, row in kinds.items()
    }
    provenance = {
        "data": DATA, "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m simulator.calibration.conformal --write", "method": " ".join((__doc__ or "").split("\n\n")[1].split()), "error": error,
    }  # fmt: skip
    return {"provenance": provenance, "coefficients": coefficients}


def _outside(items: Sequence[Item]) -> list[Rows]:
    """Residuals of each device under coefficients and corrections that were learned without it."""
    found = []
    for family in sorted({i.family for i in items}):
        found.extend(rows_under([i for i in items if i.family == family], family, correction=True))
    return found


if __name__ == "__main__":
    learn_file("intervals", __doc__, run)
