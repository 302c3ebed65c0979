"""A trace of a model's run, scored: the estimate's operators beside the kernels that ran them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import nan
from pathlib import Path

from magnitudes.arrays import as_float
from simulator.cost import largest_part
from simulator.result import Estimate
from simulator.validation.run import Options, Validation
from simulator.validation.scores import group_scores, headlines
from simulator.validation.tidy import TableError, Unscored, summed
from simulator.validation.traces.kineto import read_kineto
from simulator.validation.traces.launch import Launch
from simulator.validation.traces.match import Matched, Matching, match
from simulator.validation.traces.nsys import is_nsys, read_nsys
from workloads.operator import Attention, Contraction, Operator

OPS = {
    "contraction": "linear", "grouped_contraction": "moe", "convolution": "conv_fwd", "normalization": "rmsnorm", "softmax": "softmax", "gather": "embedding",
    "elementwise": "copy", "collective": "all_reduce", "routing": "moe",
}  # fmt: skip


NAMED, LONG_NAME = 3, 60  # kernels that a reason names, and letters of each


def is_trace(path: Path) -> bool:
    """Whether a file is a trace and not a table."""
    name = path.name.lower()
    return name.endswith((".json", ".json.gz")) or (name.endswith(".csv") and path.is_file() and is_nsys(path))


def read_launches(file: Path) -> list[Launch]:
    """The kernels of a trace of either profiler.

    Raises
    ------
    TableError
        If it cannot be read, or has none.
    """
    if not file.is_file():
        raise TableError(f"{file}: no such file")
    return read_nsys(file) if file.name.lower().endswith(".csv") else read_kineto(file)


def validate_trace(file: Path, ran: Estimate, options: Options) -> Validation:
    """Match a trace to a model's operators and score every operator, a row a call.

    Parameters
    ----------
    ran : Estimate
        Of what ran while the trace was recorded, kernel timed: one design, one kind of pass.

    Raises
    ------
    TableError
        If the file does not exist. A trace that cannot be read is unscored, with the reason.
    """
    import pandas as pd

    if not file.is_file():
        raise TableError(f"{file}: no such file")
    try:
        launches = read_launches(file)
    except TableError as error:
        return Validation(pd.DataFrame(), (), {}, (Unscored(str(error), error.rows, file.name),), (), options)
    matching = match(launches, ran.passes[0].costs)
    frame = pd.DataFrame([row for m in matching.matched for row in _rows(m, file.name, ran)])
    scores = tuple(group_scores(frame)) if len(frame) else ()
    notes = (*ran.notes, *_notes(launches, matching, ran))
    return Validation(frame, scores, headlines(scores), tuple(_unscored(matching, launches, file.name)), (), options, notes)


def _rows(m: Matched, file: str, ran: Estimate) -> list[dict[str, object]]:
    """A row a call."""
    first = m.costs[0].operator
    parts: dict[str, float] = {}
    for cost in m.costs:
        for name, part in cost.parts.items():
            parts[name] = parts.get(name, 0.0) + as_float(part) * (1.0 if len(m.costs) == 1 else as_float(cost.count))
    times = 1.0 if len(m.costs) == 1 else None
    shared = {
        "file": file, "source": "trace", "device": ran.system, "op": _op(first), "named": m.name, "dtype": first.arithmetic.name,
        "kernel": "" if m.how != "sum" else "all of the kind, a pass", "timing": "kernel", "predicted_us": m.predicted_us, "bound": largest_part(parts),
        "flop": sum(as_float(c.operator.flop) * (times or as_float(c.count)) for c in m.costs),
        **_span_us(m, ran), "byte": sum(as_float(c.operator.byte) * (times or as_float(c.count)) for c in m.costs), "parts": parts,
    }  # fmt: skip
    return [{**shared, "measured_us": t} for t in m.times_us]


def _span_us(m: Matched, ran: Estimate) -> dict[str, float]:
    """The 90 % interval of one call, or of all operators of a kind in a pass."""
    if ran.confidence is None:
        return {"low_us": nan, "high_us": nan}
    whole = ran.confidence.of_costs(m.predicted_us * 1e-6, [(c, c.total_s) for c in m.costs])
    own = ran.confidence.of_cost(m.costs[0]) if len(m.costs) == 1 else whole
    return {"low_us": as_float(own.low_s) * 1e6, "high_us": as_float(own.high_s) * 1e6}


def _op(operator: Operator) -> str:
    """The `op` of a tidy table whose class an operator's scores belong to."""
    if isinstance(operator, Attention):
        return "attn_decode" if isinstance(operator.q_len, float) and operator.q_len == 1.0 else "attn_prefill"
    if isinstance(operator, Contraction) and operator.b_residency.value != "weight":
        return "bmm"
    return OPS.get(operator.kind, "copy")


def _unscored(matching: Matching, launches: list[Launch], file: str) -> list[Unscored]:
    """Kernels without an operator, by reason: their share of the device's time, and by name those that take most of it."""
    whole_us = sum(k.time_us for k in launches)
    time_us: dict[str, dict[str, float]] = {}
    for u in matching.unmatched:
        own = time_us.setdefault(u.reason, {})
        own[u.kernel] = own.get(u.kernel, 0.0) + u.time_us
    told = {reason: f"{reason} ({sum(own.values()) / whole_us:.1%} of the device's time: {_names(own)})" for reason, own in time_us.items()}
    return summed(Unscored(told[u.reason], u.calls, file) for u in matching.unmatched)


def _names(time_us: Mapping[str, float]) -> str:
    """The kernels that take most of a time, the longest names cut."""
    most = [name if len(name) <= LONG_NAME else f"{name[:LONG_NAME]}..." for name in sorted(time_us, key=lambda n: -time_us[n])[:NAMED]]
    return ", ".join(most) + (f" and {len(time_us) - NAMED} more" if len(time_us) > NAMED else "")


def _notes(launches: list[Launch], matching: Matching, ran: Estimate) -> list[str]:
    """What was taken for granted, and how kernels were matched."""
    calls, whole_ms = sum(k.calls for k in launches), sum(k.time_us for k in launches) * 1e-3
    how = sorted({f"{m.name} by {m.how}" for m in matching.matched})
    return [
        f"{calls} kernels, {whole_ms:.3f} ms, {matching.passes:g} passes of {ran.model} on {ran.system}: {_asked(ran)}, tp {as_float(ran.cut.tp):g}",
        f"matched: {', '.join(how) or 'nothing'}",
    ]


def _asked(ran: Estimate) -> str:
    """The scenario in words: its phase, and the sizes that it has."""
    sizes = {f.name: getattr(ran.scenario, f.name) for f in fields(ran.scenario)}
    return ", ".join([ran.scenario.phase, *(f"{name.replace('_', '-')} {as_float(x):g}" for name, x in sizes.items() if isinstance(x, float) and x != 0.0)])
