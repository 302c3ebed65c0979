"""An estimate as plain data: the documented keys of ``--json``, and a table with a row a design."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.arrays import Reader, Real, maximum, minimum, total
from simulator.confidence.of_estimate import NEVER
from simulator.cost import Cost, MappedRows, Placed
from simulator.figures import TIMES, Figures, PassEstimate
from simulator.memory import TierUse, misfit_reason
from workloads.operator import Fused
from workloads.scenario import Scenario, Train

if TYPE_CHECKING:
    import pandas as pd

MEMORY = ("weight_byte", "state_byte", "activation_byte", "workspace_byte", "capacity_byte", "spilled_byte")
IN_TRAINING = ("gradient_byte", "optimizer_byte")

FEATURES = ("cached_prompt", "kv_keep", "speculate", "acceptance")  # told where they are used


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


def design_dict(estimate: Figures, index: int = 0) -> dict[str, Any]:
    """One design of an estimate with the documented keys.

    Returns
    -------
    dict
        ``time_s`` of the scenario; ``ttft_s`` (time to first token) and ``tpot_s`` (mean time per output token after the first),
        null where the scenario has none; ``throughput_token_per_s``; ``interval90`` of these four as ``[low, high]``, and whether
        they are ``extrapolated``; ``fits``, ``feasible``, ``reason``; ``memory_byte`` (of one chip) and its parts under ``memory``,
        with what lies where under ``tiers`` there;
        in training ``mfu`` and ``hfu``, shares of the chips' peak;
        ``bound``, the resource that bounds most of the time, and ``bounds``, its share by resource; ``groups``, what all operators of a
        ``kind`` take together in a pass of each ``phase``: ``time_s`` and ``interval90``; ``operators``, each with
        ``name, kind, phase, count, time_s`` (of one call), ``interval90, bound, flop, byte`` (of one call on one chip) and ``parts``; where several run as one,
        their names under ``fused`` and the ``sections`` that they were cut into;
        ``engine``, which runs it, and ``engines``, what each engine (or two that share it) would take [s]; ``counts`` of
        events (columns, rows and bytes on the bus of units near memory), where the law has them;
        ``mapping`` where it was searched or given: loops of each block with their iterations, the innermost first, those side by side
        in the array (``unrolled``), and ``times_floor``, its cost by ``goal`` over a floor that no mapping is under.
    """
    return _design(estimate, _tree(estimate), index)


def design_dicts(estimate: Figures) -> list[dict[str, Any]]:
    """All designs of an estimate, a dictionary each."""
    tree = _tree(estimate)
    return [_design(estimate, tree, i) for i in range(len(estimate))]


def _tree(estimate: Figures) -> dict[str, Any]:
    """The keys of a design with columns in place of numbers: computed once for all rows."""
    time_s, use = estimate.time_s, estimate.memory
    return {
        "chips": estimate.chips,
        **_asked(estimate.scenario),
        **{n: getattr(estimate.cut, n) for n in ("tp", "pp", "ep", "dp")},
        "time_s": time_s,
        "ttft_s": estimate.ttft_s,
        "tpot_s": estimate.tpot_s,
        "throughput_token_per_s": estimate.throughput_token_per_s,
        **_intervals(estimate),
        "fits": estimate.fits,
        "feasible": estimate.feasible,
        "memory_byte": use.total_byte,
        **_utilisation(estimate),
        "memory": {name: getattr(use, name) for name in _purposes(estimate)} | {"tiers": [_without(_fields(t), estimate) for t in use.tiers]},
        "bound": estimate.bound,
        "bounds": {name: share / time_s for name, share in estimate.shares.items()},
        "groups": [_group_tree(estimate, p, kind) for p in distinct_passes(estimate) for kind in dict.fromkeys(c.operator.kind for c in p.costs)],
        "operators": [_operator_tree(estimate, p, c) for p in distinct_passes(estimate) for c in p.costs],
    }


def _utilisation(estimate: Figures) -> dict[str, Any]:
    """Of a step of training, the shares of the chips' peak that are the model's work, and all that is computed."""
    if not isinstance(estimate.scenario, Train):
        return {}
    return {"mfu": estimate.mfu, "hfu": estimate.hfu}


def _purposes(estimate: Figures) -> tuple[str, ...]:
    return (*MEMORY, *IN_TRAINING) if isinstance(estimate.scenario, Train) else MEMORY


def _without(tier: dict[str, Any], estimate: Figures) -> dict[str, Any]:
    """A tier's use by what there is to hold in a scenario."""
    return tier if isinstance(estimate.scenario, Train) else {k: v for k, v in tier.items() if k not in IN_TRAINING}


def _asked(scenario: Scenario) -> dict[str, Any]:
    """The sizes of a scenario, and those of its features that are used."""
    values = {f.name: getattr(scenario, f.name) for f in fields(scenario)}
    plain = {name: v is None or (isinstance(v, float) and v == 0.0) for name, v in values.items()}
    return {name: v for name, v in values.items() if not (plain[name] and name in FEATURES)}


def _picked(x: Any, index: int) -> Any:
    """One row of a tree: of its dictionaries, its lists of dictionaries and its ``(low, high)`` pairs."""
    if isinstance(x, MappedRows):
        return x.of(index)
    if isinstance(x, dict):
        return {key: _picked(value, index) for key, value in x.items()}
    if isinstance(x, tuple) or (isinstance(x, list) and x and isinstance(x[0], dict)):
        return [_picked(value, index) for value in x]
    return row(x, index)


def _design(estimate: Figures, tree: Mapping[str, Any], index: int) -> dict[str, Any]:
    """One design: its names, its row of the tree, and what is to be said of it."""
    found = _picked(dict(tree), index)
    names = {"model": estimate.model, "system": estimate.system, "chip": estimate.chip, "phase": estimate.scenario.phase}
    how = {"fidelity": estimate.fidelity, "timing": estimate.timing}
    reason = _reason(estimate, index, bool(found["fits"]), bool(row(estimate.legal, index)))
    return {**names, **how, **found, "fits": bool(found["fits"]), "feasible": bool(found["feasible"]), "reason": reason, "notes": list(estimate.notes)}


def _reason(estimate: Figures, index: int, fits: bool, legal: bool) -> str | None:
    """Why a design is infeasible; None where it is not."""
    if not legal:
        return "the degrees of parallelism do not divide the model, or ask for more chips than there are"
    if fits:
        return None if bool(row(estimate.feasible, index)) else "a fusion group does not fit on chip: ask for this design alone to see which, and why"
    use = estimate.memory
    homes = tuple(TierUse(**{k: row(v, index) for k, v in _fields(t).items()}) for t in use.asked)
    return misfit_reason(replace(use, homes=homes))


def _fields(use: TierUse) -> dict[str, Any]:
    """A tier's use by the names of its fields."""
    return {f.name: getattr(use, f.name) for f in fields(use)}


def distinct_passes(estimate: Figures) -> list[PassEstimate]:
    """One pass a phase: of decode steps at several contexts, the middle one."""
    by_phase: dict[str, list[PassEstimate]] = {}
    for p in estimate.passes:
        by_phase.setdefault(p.run.phase, []).append(p)
    return [group[len(group) // 2] for group in by_phase.values()]


def _intervals(estimate: Figures) -> dict[str, Any]:
    """The 90 % intervals of the figures, and whether a part that matters is like nothing measured."""
    found = {figure: estimate.interval90(figure) for figure in TIMES}
    whole = found["time_s"]
    ends = {figure: None if s is None else (s.low_s, s.high_s) for figure, s in found.items()}
    ends["throughput_token_per_s"] = estimate.rate90
    return {"interval90": ends, "extrapolated": None if whole is None else whole.extrapolated}


def _group_tree(estimate: Figures, p: PassEstimate, kind: str) -> dict[str, Any]:
    """All operators of a kind in one pass: their time together, whose errors are neither one nor independent."""
    costs = [(c, maximum(c.total_s, NEVER)) for c in p.costs if c.operator.kind == kind]
    time_s = total(share_s for _, share_s in costs)
    own = None if estimate.confidence is None else estimate.confidence.of_costs(time_s, costs)
    return {"kind": kind, "phase": p.run.phase, "time_s": time_s, "interval90": None if own is None else (own.low_s, own.high_s)}


def _operator_tree(estimate: Figures, p: PassEstimate, cost: Cost) -> dict[str, Any]:
    operator = cost.operator
    own = None if estimate.confidence is None else estimate.confidence.of_cost(cost)
    placed = cost.placed or Placed((estimate.engine,), (cost.time_s,), 0.0, {})
    return {
        "name": operator.name,
        "kind": operator.kind,
        "phase": p.run.phase,
        "count": cost.count,
        "time_s": cost.time_s,
        "interval90": None if own is None else (own.low_s, own.high_s),
        "bound": cost.bound,
        "engine": placed.way,
        "engines": _by_way(placed),
        "flop": operator.flop,
        "byte": operator.byte,
        "parts": dict(cost.parts),
        "counts": dict(cost.counts),
        **({"mapping": cost.mapped} if cost.mapped else {}),
        **({"fused": tuple(o.name for o in operator.operators), "sections": operator.sections} if isinstance(operator, Fused) else {}),
    }


def _by_way(placed: Placed) -> dict[str, Real]:
    """Time of each way, the fastest of several deals between the same engines."""
    times: dict[str, Real] = {}
    for way, time_s in zip(placed.ways, placed.times_s, strict=True):
        times[way] = minimum(times[way], time_s) if way in times else time_s
    return times


def flat(design: Mapping[str, Any]) -> dict[str, Any]:
    """A design without its nested parts: what fits a table's row."""
    plain = {k: v for k, v in design.items() if not isinstance(v, dict | list)}
    ends = {_end(figure, end): pair[i] for figure, pair in design["interval90"].items() if pair for i, end in enumerate(("low", "high"))}
    use = design.get("energy", {})
    return plain | ends | {key: use[key] for key in ("energy_j", "j_per_token", "power_w", "area_m2") if key in use}


def _end(figure: str, end: str) -> str:
    """The column of an interval's end; the unit stays last: ``tpot_low_s``, ``throughput_low_token_per_s``."""
    name, _, unit = figure.partition("_")
    return f"{name}_{end}_{unit}"


def to_frame(estimate: Figures) -> pd.DataFrame:
    """A table with a row a design and a column a figure."""
    import pandas as pd

    return pd.DataFrame([flat(d) for d in design_dicts(estimate)])
