"""An estimate as plain data: the documented keys of ``--json``, and a table with a row a design."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.arrays import Reader
from simulator.cost import Cost
from simulator.memory import misfit_reason
from simulator.result import Estimate, PassEstimate

if TYPE_CHECKING:
    import pandas as pd


def row(x: Any, index: int) -> Any:
    """One design's value of a number, a truth or a list of names, as a plain Python object."""
    if isinstance(x, list):
        return x[index]
    if isinstance(x, np.ndarray):
        value = x[index].item() if x.ndim else x.item()
        return None if isinstance(value, float) and math.isnan(value) else value  # NaN: this row has no such figure
    if isinstance(x, Reader):
        raise TypeError("a region or a formula has no rows")
    return x


def design_dict(estimate: Estimate, index: int = 0) -> dict[str, Any]:
    """One design of an estimate with the documented keys.

    Returns
    -------
    dict
        ``time_s`` of the scenario; ``ttft_s`` (time to first token) and ``tpot_s`` (mean time per output token after the first),
        null where the scenario has none; ``throughput_token_per_s``; ``fits``, ``feasible``, ``reason``; ``memory_byte`` (of one chip)
        and its parts under ``memory``; ``bound``, the resource that bounds most of the time, and ``bounds``, its share by resource;
        ``operators``, each with ``name, kind, phase, count, time_s`` (of one call), ``bound, flop, byte`` (of one call on one chip) and ``parts``.
    """

    def pick(x: Any) -> Any:
        return row(x, index)

    scenario = {f.name: pick(getattr(estimate.scenario, f.name)) for f in fields(estimate.scenario)}
    cut = {n: pick(getattr(estimate.cut, n)) for n in ("tp", "pp", "ep", "dp")}
    time_s, use = pick(estimate.time_s), estimate.memory
    fits, legal = bool(pick(estimate.fits)), bool(pick(estimate.legal))
    return {
        "model": estimate.model,
        "system": estimate.system,
        "chip": estimate.chip,
        "chips": pick(estimate.chips),
        "phase": estimate.scenario.phase,
        **scenario,
        **cut,
        "fidelity": estimate.fidelity,
        "timing": estimate.timing,
        "time_s": time_s,
        "ttft_s": pick(estimate.ttft_s),
        "tpot_s": pick(estimate.tpot_s),
        "throughput_token_per_s": pick(estimate.throughput_token_per_s),
        "fits": fits,
        "feasible": fits and legal,
        "reason": _reason(estimate, index, fits, legal),
        "memory_byte": pick(use.total_byte),
        "memory": {f.name: pick(getattr(use, f.name)) for f in fields(use)},
        "bound": pick(estimate.bound),
        "bounds": {name: pick(share) / time_s for name, share in estimate.shares.items()},
        "operators": [_operator_dict(p, c, index) for p in _distinct(estimate) for c in p.costs],
        "notes": list(estimate.notes),
    }


def _reason(estimate: Estimate, index: int, fits: bool, legal: bool) -> str | None:
    """Why a design is infeasible; None where it is not."""
    if not legal:
        return "the degrees of parallelism do not divide the model, or ask for more chips than there are"
    if fits:
        return None
    use = estimate.memory
    single = type(use)(**{f.name: float(row(getattr(use, f.name), index)) for f in fields(use)})
    return misfit_reason(single, "main memory")


def _distinct(estimate: Estimate) -> list[PassEstimate]:
    """One pass a phase: of decode steps at several contexts, the middle one."""
    by_phase: dict[str, list[PassEstimate]] = {}
    for p in estimate.passes:
        by_phase.setdefault(p.run.phase, []).append(p)
    return [group[len(group) // 2] for group in by_phase.values()]


def _operator_dict(p: PassEstimate, cost: Cost, index: int) -> dict[str, Any]:
    operator = cost.operator
    return {
        "name": operator.name,
        "kind": operator.kind,
        "phase": p.run.phase,
        "count": row(cost.count, index),
        "time_s": row(cost.time_s, index),
        "bound": row(cost.bound, index),
        "flop": row(operator.flop, index),
        "byte": row(operator.byte, index),
        "parts": {name: row(part, index) for name, part in cost.parts.items()},
    }


def design_dicts(estimate: Estimate) -> list[dict[str, Any]]:
    """All designs of an estimate, a dictionary each."""
    return [design_dict(estimate, i) for i in range(len(estimate))]


def flat(design: Mapping[str, Any]) -> dict[str, Any]:
    """A design without its nested parts: what fits a table's row."""
    return {k: v for k, v in design.items() if not isinstance(v, dict | list)}


def to_frame(estimate: Estimate) -> pd.DataFrame:
    """A table with a row a design and a column a figure."""
    import pandas as pd

    return pd.DataFrame([flat(d) for d in design_dicts(estimate)])
