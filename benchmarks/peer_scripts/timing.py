"""What the scripts of all peers share: points from standard input, the best pass over them, JSON to standard output.

Runs in the peer's own environment: the standard library only.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

PASSES = 6  # as many as our side takes: half before the peer, half after
BUDGET_S = 6.0

Point = dict[str, Any]


def compare(package: str, prepared: Callable[[Point], Callable[[], float]], **more: Any) -> None:
    """Time one peer and print the outcome.

    Parameters
    ----------
    package : str
        As the package index names it.
    prepared : callable
        ``point -> call``; the call is one evaluation and returns a time [s]. What is prepared is not timed, nor is the
        first call of each point: tables may be loaded then.
    """
    points: list[Point] = json.load(sys.stdin)
    calls, kept, times_s, refused = [], [], [], ""
    start = time.perf_counter()
    for place, point in enumerate(points):
        try:
            call = prepared(point)
            times_s.append(call())
        except Exception as error:  # a peer refuses in its own ways: assertions, ValueError, ...
            refused = f"{type(error).__name__}: {str(error).strip()[:160]}"
            continue
        calls.append(call)
        kept.append(place)
        if time.perf_counter() - start > BUDGET_S:
            break
    if not calls:
        raise SystemExit(f"no point could be evaluated; the last error: {refused}")
    seconds = min(_pass_s(calls) for _ in range(PASSES))
    answer = {
        "package": package, "version": version(package), "evaluated": len(calls), "evaluations_per_s": len(calls) / seconds,
        "points": kept, "time_s": times_s, "refused": refused, **more,
    }  # fmt: skip
    print("\n" + json.dumps(answer))


def _pass_s(calls: list[Callable[[], float]]) -> float:
    """Of the processor, not of the clock: what else runs on the machine does not count."""
    start = time.process_time()
    for call in calls:
        call()
    return time.process_time() - start
