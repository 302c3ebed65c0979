"""How often to repeat, and what to keep: the clock of processors, and the statistics that all clocks share.

A repeat is a loop of back-to-back calls long enough for the clock. Where other programs share the machine, a repeat during which the
scheduler took a core away says nothing about the kernel: it is counted, and left out wherever enough others are there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

LOOP_S = 1.5e-3  # one repeat at least: 30,000 ticks of a 50 ns clock
FEWEST, MOST = 7, 200  # repeats
STEADY = 0.01  # the median's own uncertainty at which repeating stops, as a share
WARM_UP = 3  # calls before the first repeat
QUIET_SHARE = 0.2  # of the repeats must be undisturbed, for the others to be left out


@dataclass(frozen=True, slots=True)
class Times:
    """What repeats of one kernel took.

    Attributes
    ----------
    call_s : tuple of float
        Time of a call, one value a repeat.
    disturbed : tuple of bool
        Whether the scheduler took a core away meanwhile.
    """

    call_s: tuple[float, ...]
    disturbed: tuple[bool, ...]

    def kept(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The undisturbed repeats; all of them where those are too few."""
        times, disturbed = np.array(self.call_s), np.array(self.disturbed)
        enough = max(3, QUIET_SHARE * len(times))
        return times[~disturbed] if int((~disturbed).sum()) >= enough else times

    def statistics(self) -> dict[str, float]:
        """Columns of a row: the median, its spread, and how it came about."""
        kept = self.kept()
        low, middle, high = np.quantile(kept, (0.1, 0.5, 0.9))
        return {
            "measured_us": float(middle) * 1e6, "p10_us": float(low) * 1e6, "p90_us": float(high) * 1e6, "min_us": float(kept.min()) * 1e6,
            "repeats": float(len(self.call_s)), "disturbed": float(sum(self.disturbed)),
        }  # fmt: skip


def repeat(once: Callable[[], tuple[float, bool]], budget_s: float, now: Callable[[], float] = time.perf_counter) -> Times:
    """Repeat until the median is steady or the time is up.

    Parameters
    ----------
    once : callable
        One repeat: the time of a call [s], and whether it was disturbed.
    budget_s : float
        Time for all repeats.
    """
    times: list[float] = []
    disturbed: list[bool] = []
    end = now() + budget_s
    while len(times) < MOST:
        call_s, bad = once()
        times.append(call_s)
        disturbed.append(bad)
        if now() >= end and len(times) >= 3:
            break
        if len(times) >= FEWEST and steady(Times(tuple(times), tuple(disturbed)).kept()):
            break
    return Times(tuple(times), tuple(disturbed))


def steady(times: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    """Whether the median is known to `STEADY`: its standard error is 1.25 sigma over the root of the count, sigma from the quartiles (/ 1.35)."""
    if len(times) < FEWEST:
        return False
    low, middle, high = np.quantile(times, (0.25, 0.5, 0.75))
    return bool(1.25 * (high - low) / 1.35 / np.sqrt(len(times)) <= STEADY * middle)


def switches() -> int:
    """How often the scheduler has taken a core away from this process; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def host_clock(call: Callable[..., object], sets: Sequence[tuple[Any, ...]]) -> Callable[[], tuple[float, bool]]:
    """One repeat on this processor: calls back to back, each on the next of the sets in turn.

    The first calls warm up caches, thread pools and page tables, and say how many calls a repeat needs.
    """
    turn = cycle(sets)
    warm = [_timed(call, next(turn)) for _ in range(WARM_UP)]
    calls = max(1, round(LOOP_S / max(min(warm), 1e-7)))

    def once() -> tuple[float, bool]:
        order = list(islice(turn, calls))
        before, begin = switches(), time.perf_counter()
        for arguments in order:
            call(*arguments)
        return (time.perf_counter() - begin) / calls, switches() != before

    return once


def _timed(call: Callable[..., object], arguments: tuple[Any, ...]) -> float:
    begin = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begin
