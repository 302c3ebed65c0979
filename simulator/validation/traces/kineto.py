"""Kernels of a Chrome trace that ``torch.profiler`` (Kineto) exports: ``trace.json`` or ``trace.json.gz``.

The file is the Trace Event format: ``traceEvents`` with ``ph: X`` events, whose ``ts`` and ``dur`` are microseconds. A kernel has the
category ``kernel``; its ``args`` name the framework's operator by ``External id``, which the operator (category ``cpu_op``) bears too, with
the shapes of its inputs in ``Input Dims`` where they were recorded. Where a kernel lacks it, the launch in the runtime
(``cuda_runtime``, ``cuda_driver``) with the same ``correlation`` leads there.
"""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.tidy import TableError
from simulator.validation.traces.launch import Dims, Launch

DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")
HOST = ("cpu_op", "operator")
RUNTIME = ("cuda_runtime", "cuda_driver", "hip_runtime", "runtime")


def read_kineto(file: Path) -> list[Launch]:
    """Kernels and copies on the device, in the order in which they began.

    Raises
    ------
    TableError
        If it is no such trace, or nothing in it ran on a device.
    """
    events = [e for e in _events(file) if isinstance(e, dict) and e.get("ph", "X") == "X"]
    by_id, by_correlation = _operators(events), _runtime(events)
    launches = [_launch(e, by_id, by_correlation) for e in events if _category(e) in DEVICE]
    found = [launch for launch in launches if launch is not None]
    if not found:
        seen = ", ".join(f"{n} {c or 'without a category'}" for c, n in Counter(_category(e) for e in events).most_common(5))
        raise TableError(
            f"a trace without kernels: {len(events)} complete events ({seen or 'none'}); record it with the device's activities "
            "(ProfilerActivity.CUDA), and export it after the work is done"
        )
    return sorted(found, key=lambda launch: launch.start_us or 0.0)


def _events(file: Path) -> list[Any]:
    try:
        content = gzip.decompress(file.read_bytes()) if file.name.lower().endswith(".gz") else file.read_bytes()
        trace = json.loads(content)
    except (OSError, EOFError, ValueError, gzip.BadGzipFile) as error:
        raise TableError(f"no JSON: {error}") from error
    except Exception as error:  # zlib's own error, which has no common base with the others
        raise TableError(f"cannot be unpacked: {error}") from error
    events = trace.get("traceEvents") if isinstance(trace, dict) else trace
    if not isinstance(events, list):
        raise TableError("no Chrome trace: it has no list 'traceEvents'")
    return events


def _category(event: Mapping[str, Any]) -> str:
    return str(event.get("cat", "")).lower()


def _args(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event's arguments by name without case: releases differ in it."""
    args = event.get("args")
    return {str(k).lower(): v for k, v in args.items()} if isinstance(args, dict) else {}


def _operators(events: Iterable[Mapping[str, Any]]) -> dict[Any, Mapping[str, Any]]:
    """The innermost operator of each external id: several nested ones may bear it, the shortest launches."""
    found: dict[Any, Mapping[str, Any]] = {}
    for event in (e for e in events if _category(e) in HOST):
        key = _args(event).get("external id")
        if key is not None and (key not in found or _number(event.get("dur")) <= _number(found[key].get("dur"))):
            found[key] = event
    return found


def _runtime(events: Iterable[Mapping[str, Any]]) -> dict[Any, Any]:
    """The external id of each launch in the runtime, by correlation."""
    launches = (_args(e) for e in events if _category(e) in RUNTIME)
    return {a["correlation"]: a.get("external id") for a in launches if "correlation" in a}


def _launch(event: Mapping[str, Any], by_id: Mapping[Any, Mapping[str, Any]], by_correlation: Mapping[Any, Any]) -> Launch | None:
    """One kernel with the operator that launched it; None where it has no duration."""
    args, time_us = _args(event), _number(event.get("dur"))
    if not (math.isfinite(time_us) and time_us > 0.0):
        return None
    key = args.get("external id")
    if key not in by_id:
        key = by_correlation.get(args.get("correlation"))
    operator = by_id.get(key, {})
    return Launch(str(event.get("name", "")), time_us, 1, _number(event.get("ts")), str(operator.get("name", "")), _dims(operator))


def _dims(operator: Mapping[str, Any]) -> Dims:
    dims = _args(operator).get("input dims")
    if not isinstance(dims, list):
        return ()
    return tuple(tuple(int(n) for n in d if isinstance(n, int | float)) for d in dims if isinstance(d, list))


def _number(value: Any) -> float:
    """A number of the trace; NaN for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
