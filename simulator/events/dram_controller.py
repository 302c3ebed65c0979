"""A DRAM controller request by request: ten choices of policy, the latency that requests see, and the power that the devices draw.

Requests arrive at their times, wait until an arbiter admits them to a buffer, and are served one column after another. Each command goes at
the earliest time that the standard's least times allow; the row of a next request is prepared while an earlier one is read. Power is what
the data sheet's currents say of the time with rows open, of activations, columns and refreshes (Micron, *TN-41-01: Calculating memory
system power for DDR3*, 2007). The choices are those of DRAMSys (Steiner et al., SAMOS 2020), as ArchGym's space has them (ISCA 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magnitudes.arrays import Column
from magnitudes.errors import InputError
from magnitudes.names import NameMiss, nearest

CHOICES: dict[str, tuple[str, ...]] = {
    "page_policy": ("open", "open_adaptive", "closed", "closed_adaptive"),
    "scheduler": ("fifo", "fr_fcfs_grp", "fr_fcfs"),
    "scheduler_buffer": ("bankwise", "read_write", "shared"),
    "response_queue": ("fifo", "reorder"),
    "refresh_policy": ("no_refresh", "all_bank"),
    "arbiter": ("simple", "fifo", "reorder"),
}
COUNTS: dict[str, tuple[int, ...]] = {
    "buffer_size": (1, 2, 4, 8, 16, 32, 64, 128),
    "most_postponed": (1, 2, 4, 8),
    "most_pulled_in": (1, 2, 4, 8),
    "most_active": (1, 2, 4, 8, 16, 32, 64, 128),
}
NAMES = (
    "page_policy", "scheduler", "scheduler_buffer", "buffer_size", "response_queue", "refresh_policy", "most_postponed", "most_pulled_in", "arbiter",
    "most_active",
)  # fmt: skip
BANKS, COLUMNS = 8, 128  # of a rank; bursts of 64 B in a row of 8 KB


@dataclass(frozen=True, slots=True)
class Device:
    """A rank of DRAM devices: least times [s], currents [A] of one device, and how many there are.

    Parameters
    ----------
    rcd, rp, ras, rc, rtp, wr, wtr, ccd, rrd, faw, rfc, refi, read_latency, write_latency, burst : float
        Names as in JESD79-3, without their t.
    idd0, idd2n, idd3n, idd4r, idd4w, idd5 : float
    volt : float
    devices : int
    """

    name: str
    source: str
    rcd: float
    rp: float
    ras: float
    rc: float
    rtp: float
    wr: float
    wtr: float
    ccd: float
    rrd: float
    faw: float
    rfc: float
    refi: float
    read_latency: float
    write_latency: float
    burst: float
    idd0: float
    idd2n: float
    idd3n: float
    idd4r: float
    idd4w: float
    idd5: float
    volt: float
    devices: int

    def times(self) -> Column:
        """The least times in the order that the loop reads them."""
        return np.array([
            self.rcd, self.rp, self.ras, self.rc, self.rtp, self.wr, self.wtr, self.ccd, self.rrd, self.faw, self.rfc, self.refi, self.read_latency,
            self.write_latency, self.burst,
        ])  # fmt: skip


CLOCK = 1.25e-9
DDR3_1600 = Device(
    "DDR3-1600", "Micron 1 Gb x8 -125 (MT41J128M8), as DRAMPower 4 quotes its data sheet (memspecs/MICRON_1Gb_DDR3-1600_8bit_G): clocks of 1.25 ns",
    rcd=10 * CLOCK, rp=10 * CLOCK, ras=28 * CLOCK, rc=38 * CLOCK, rtp=6 * CLOCK, wr=12 * CLOCK, wtr=6 * CLOCK, ccd=4 * CLOCK, rrd=5 * CLOCK,
    faw=24 * CLOCK, rfc=88 * CLOCK, refi=6240 * CLOCK, read_latency=10 * CLOCK, write_latency=8 * CLOCK, burst=4 * CLOCK,
    idd0=0.070, idd2n=0.045, idd3n=0.045, idd4r=0.140, idd4w=0.145, idd5=0.170, volt=1.5, devices=8,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in the order of their arrival.

    Parameters
    ----------
    arrival_s : Column, shape (requests,)
    bank, row, write : array of int64, shape (requests,)
        `write` is 1 for a write.
    """

    arrival_s: Column
    bank: NDArray[np.int64]
    row: NDArray[np.int64]
    write: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.arrival_s)


@dataclass(frozen=True, slots=True)
class Served:
    """What a trace came to under one controller.

    Parameters
    ----------
    latency_s : float
        Mean time from a request's arrival to its response.
    power_w : float
        Mean of all devices of the rank, over the whole time.
    time_s : float
        Until the last response.
    activations, row_hits, refreshes : int
    """

    latency_s: float
    power_w: float
    time_s: float
    activations: int
    row_hits: int
    refreshes: int

    @property
    def energy_j(self) -> float:
        """Power times time."""
        return self.power_w * self.time_s


def settings_of(choices: Mapping[str, Any]) -> NDArray[np.int64]:
    """The ten choices as numbers, in the order of `NAMES`.

    Raises
    ------
    InputError
        If one is missing, unknown, or no value that it may have.
    """
    for name in choices:
        if name not in NAMES:
            raise NameMiss("choice of a DRAM controller", name, nearest(name, NAMES), f"(choices: {', '.join(NAMES)})")
    return np.array([_number(name, choices.get(name)) for name in NAMES], dtype=np.int64)


def _number(name: str, value: Any) -> int:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise InputError(f"{name} is {value!r}; it is one of {', '.join(CHOICES[name])}")
        return CHOICES[name].index(value)
    if not isinstance(value, int | float) or value < 1 or value != int(value):
        raise InputError(f"{name} is {value!r}; it is a whole number of 1 or more")
    return int(value)


def serve(trace: Trace, choices: Mapping[str, Any], device: Device = DDR3_1600) -> Served:
    """Serve a trace.

    Parameters
    ----------
    trace : Trace
    choices : mapping
        A value for each of `NAMES`.
    device : Device

    Raises
    ------
    InputError
    """
    return serve_all(trace, settings_of(choices)[None, :], device)[0]


def serve_all(trace: Trace, settings: NDArray[np.int64], device: Device = DDR3_1600) -> list[Served]:
    """Serve a trace under several controllers.

    Parameters
    ----------
    trace : Trace
    settings : array of int64, shape (controllers, 10)
        Choices by number, in the order of `NAMES`.
    device : Device
    """
    if len(trace) == 0:
        raise InputError("an empty trace: there is nothing to serve")
    loop, times = compiled_loop(), device.times()
    played = [loop(trace.arrival_s, trace.bank, trace.row, trace.write, row, times) for row in np.ascontiguousarray(settings)]
    return [_served(np.asarray(p), trace, device) for p in played]


def _served(played: Column, trace: Trace, device: Device) -> Served:
    latency, end, open_s, activations, hits, refreshes = (float(x) for x in played)
    return Served(latency, power_w(device, end, open_s, activations, trace, refreshes), end, int(activations), int(hits), int(refreshes))


def power_w(device: Device, time_s: float, open_s: float, activations: float, trace: Trace, refreshes: float) -> float:
    """Mean power of a rank from its currents [W] (TN-41-01, equations 1 to 9; no power-down, no termination)."""
    share_open = open_s / time_s
    background = device.idd3n * share_open + device.idd2n * (1.0 - share_open)
    around = (device.idd3n * device.ras + device.idd2n * (device.rc - device.ras)) / device.rc
    activating = (device.idd0 - around) * device.rc * activations / time_s
    writes = float(trace.write.sum())
    reading = (device.idd4r - device.idd3n) * device.burst * (len(trace) - writes) / time_s
    writing = (device.idd4w - device.idd3n) * device.burst * writes / time_s
    refreshing = (device.idd5 - device.idd3n) * device.rfc * refreshes / time_s
    return device.devices * device.volt * (background + activating + reading + writing + refreshing)


@cache
def compiled_loop() -> Callable[..., Column]:
    """The loop, compiled where numba is installed (extra ``dram``); the same in Python, some hundred times slower, where it is not."""
    from simulator.events import dram_loop

    return dram_loop.compiled()
