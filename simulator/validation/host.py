"""The pace of the host behind eager measurements: one number a host, read off kernels that are too small to matter.

An eager call lasts as long as the framework's path to the launch, until the kernel outlasts it. That path belongs to the host's
processor and framework, not to the device, and its shortest length is measured by any tiny kernel. The lengths of the paths of
different operators relative to each other are the framework's (``host_path`` in ``calibration/timing.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from simulator.validation.prediction import Context, system_of_rows, times_of
from simulator.validation.tidy import Table

TINY_S = 9e-6  # a replayed kernel this short hides behind any host seen so far (17 to 45 us)
ENOUGH_ROWS = 10


@dataclass(frozen=True, slots=True)
class Host:
    """The host of one source's device.

    Attributes
    ----------
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
    keys = set(zip(table.frame["source"], table.frame["device"], strict=True))
    path = times_of(table, replace(context, hosts=dict.fromkeys(keys, 1.0)))
    host_s = table.frame["measured_us"].to_numpy(np.float64) * 1e-6 / path
    grouped: Mapping[object, object] = table.frame.groupby(["source", "device"], observed=True).indices
    found = []
    for key, rows in grouped.items():
        assert isinstance(key, tuple) and isinstance(rows, np.ndarray)
        if len(rows) >= ENOUGH_ROWS:
            found.append(Host(table.file, str(key[0]), str(key[1]), float(np.median(host_s[rows])), len(rows)))
    return tuple(found)


def _launches(device: str) -> bool:
    """Whether a device has a host that launches kernels on it: a processor is its own."""
    return system_of_rows(device).chip.engine.execution != "host"
