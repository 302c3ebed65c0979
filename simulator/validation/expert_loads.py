"""How many experts get work when a benchmark deals tokens to them: evenly, by independent choice, or by a power law."""

from __future__ import annotations

import re

import numpy as np

from magnitudes.arrays import Column, Real
from workloads.operator import expected_active

MANY_RANGE, FEW_RANGE = (1.0, 0.8), (0.01, 2.0)  # smallest and largest load of the benchmark's power law; the largest in tokens where there are many rows


def active_experts(tokens: Column, topk: Column, experts: Column, distribution: str) -> Real:
    """Experts that have at least one row.

    Parameters
    ----------
    distribution : str
        ``balanced`` (dealt out in turn), ``power_law_ALPHA``, or anything else for independent even choices.
    """
    if distribution == "balanced":
        return np.minimum(experts, tokens * topk)
    if distribution.startswith("power_law"):
        return _power_law(tokens * topk, tokens, experts, float(distribution.rpartition("_")[2]))
    return expected_active(experts, topk, tokens)


def distribution_problem(distribution: str) -> str:
    """Why a distribution's name cannot be read; empty where it can."""
    alpha = distribution.rpartition("_")[2]
    if not distribution.startswith("power_law") or re.fullmatch(r"\d+(\.\d*)?", alpha):
        return ""
    return f"distribution {distribution!r}: a power law is written power_law_ALPHA, such as power_law_1.2"


def _power_law(rows: Column, tokens: Column, experts: Column, alpha: float) -> Column:
    """Loads distributed as ``x ** -alpha`` between a smallest and a largest value, scaled to add up to `rows` and rounded to whole rows."""
    e = alpha - 1.0 if min(abs(alpha - 1.0), abs(alpha - 2.0)) > 1e-3 else alpha - 0.999
    many = rows > experts
    least = np.where(many, MANY_RANGE[0], FEW_RANGE[0])
    most = np.where(many, np.maximum(MANY_RANGE[1] * tokens, 1.5), FEW_RANGE[1])
    span = least**-e - most**-e
    mean = e / (1.0 - e) * (most ** (1.0 - e) - least ** (1.0 - e)) / span
    scale = rows / (experts * mean)
    half = np.clip(0.5 / scale, least, most)  # smaller loads round to nothing
    chosen = experts * (half**-e - most**-e) / span
    chosen_rows = experts * scale * e / (1.0 - e) * (most ** (1.0 - e) - half ** (1.0 - e)) / span
    lost = np.maximum(0.0, rows - np.maximum(chosen, chosen_rows))  # rounded away: dealt to experts that had none
    active = np.minimum(np.maximum(rows / tokens, chosen + 0.7 * lost), np.minimum(rows, experts))
    return np.asarray(active, dtype=np.float64)
