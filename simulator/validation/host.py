"""The pace of the host behind eager measurements: one number a run, read off kernels that are too small to matter.

An eager call lasts as long as the framework's path to the launch, until the kernel outlasts it. That path belongs to the host's
processor and framework, not to the device, and its shortest length is measured by any tiny kernel. The lengths of the paths of
different operators relative to each other are the framework's (``host_path`` in ``calibration/timing.json``).

A device's rows are one run on one host, unless an operator's tiny kernels show a pace of their own, more than a quarter off the
others': frameworks' paths differ by less than that, so that it was timed in another run (on another host, or another day's clock).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column
from simulator.validation.prediction import Context, system_of_rows, times_of
from simulator.validation.tidy import Table

TINY_S = 9e-6  # a replayed kernel this short hides behind any host seen so far (17 to 45 us)
ENOUGH_ROWS = 10
ANOTHER_RUN = 1.25  # between the pace of an operator and that of its device


@dataclass(frozen=True, slots=True)
class Host:
    """The host of one source's device.

    Attributes
    ----------
    op : str
        The operator that was timed on it; empty where all were that have no host of their own.
    host_s : float
        Time of its cheapest eager operator.
    rows : int
        Tiny kernels that it was read off.
    """

    file: str
    source: str
    device: str
    host_s: float
    rows: int
    op: str = ""


def paces(hosts: Iterable[Host]) -> dict[tuple[str, ...], float]:
    """Times of the cheapest eager operator, by source and device, and by operator behind them where it had a run of its own [s]."""
    return {(h.source, h.device, h.op) if h.op else (h.source, h.device): h.host_s for h in hosts}


def hosts_of(table: Table, context: Context) -> tuple[Host, ...]:
    """The hosts of a table's eager rows, where enough tiny kernels show them.

    The path of each tiny kernel is known in units of the host's cheapest operator, so that each measures it; the median counts.
    """
    eager = table.frame["timing"] == "eager"
    if "host_us" in table.frame.columns:
        eager &= table.frame["host_us"].isna()
    if context.fidelity == "roofline" or context.timing not in (None, "eager") or not eager.any():
        return ()
    table = replace(table, frame=table.frame[eager])
    table = replace(table, frame=table.frame[table.frame["device"].map(_launches)])
    if table.frame.empty:
        return ()
    work_s = times_of(table, replace(context, timing="graph"))
    tiny = work_s < TINY_S
    table = replace(table, frame=table.frame[tiny])
    if table.frame.empty:
        return ()
    one_s: dict[tuple[str, ...], float] = dict.fromkeys(zip(table.frame["source"], table.frame["device"], strict=True), 1.0)
    measured_s = table.frame["measured_us"].to_numpy(np.float64) * 1e-6
    host_s = measured_s / times_of(table, replace(context, hosts=one_s))
    found = [
        Host(table.file, source, device, float(np.median(host_s[rows])), len(rows))
        for (source, device), rows in _split(table, "source", "device")
        if len(rows) >= ENOUGH_ROWS
    ]
    return (*found, *_other_runs(table, measured_s, found, context))


def _other_runs(table: Table, measured_s: Column, usual: Sequence[Host], context: Context) -> Iterator[Host]:
    """Operators whose tiny kernels say another pace than those of all operators on the device."""
    known = paces(usual)
    ratio = measured_s / times_of(table, replace(context, hosts=known))
    for (source, device, op), rows in _split(table, "source", "device", "op"):
        own = float(np.median(ratio[rows]))
        if (source, device) in known and len(rows) >= ENOUGH_ROWS and abs(np.log(own)) > np.log(ANOTHER_RUN):
            yield Host(table.file, source, device, own * known[source, device], len(rows), op)


def _split(table: Table, *by: str) -> Iterator[tuple[tuple[str, ...], NDArray[np.intp]]]:
    """Places of a table's rows by what they have in common."""
    for key, rows in table.frame.groupby(list(by), observed=True).indices.items():
        assert isinstance(key, tuple) and isinstance(rows, np.ndarray)
        yield tuple(str(k) for k in key), rows


def _launches(device: str) -> bool:
    """Whether a device has a host that launches kernels on it: a processor is its own."""
    return system_of_rows(device).chip.engine.execution != "host"
