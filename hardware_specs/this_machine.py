"""The processor that this program runs on, as a spec read from the operating system.

Clock and caches come from the system's own report. What the system does not report is derived or assumed, and says so:
`roofscape calibrate` replaces rates and bandwidths by measured ones.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_CACHE = Path("/sys/devices/system/cpu/cpu0/cache")
ASSUMED_CHANNEL_BYTE_PER_S = 25.6e9  # one DDR4-3200 channel (JEDEC JESD79-4: 3200 MT/s x 8 B)


@dataclass(frozen=True, slots=True)
class Reported:
    """What an operating system says of a processor.

    Parameters
    ----------
    processor, architecture : str
    cores : int
        That this process may use.
    lanes : int
        fp32 numbers of the widest vector instructions.
    private_cache_byte, last_cache_byte : int
        Cache of a core in front of the last one, and the last one.
    """

    processor: str
    architecture: str
    cores: int
    clock_hz: float
    lanes: int
    private_cache_byte: int
    last_cache_byte: int
    memory_byte: int


def reported() -> Reported:
    """What the system at hand says."""
    return Reported(
        processor=_cpuinfo("model name") or platform.processor() or platform.machine() or "this machine", architecture=platform.machine() or "unknown",
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, clock_hz=_clock_hz(), lanes=_vector_lanes(),
        private_cache_byte=_cache_byte(-2, 2**20), last_cache_byte=_cache_byte(-1, 8 * 2**20), memory_byte=_memory_byte(),
    )  # fmt: skip


def this_machine_tree() -> dict[str, Any]:
    """A spec's tree of this machine, in the format of the catalogue's files."""
    return tree_of(reported())


def tree_of(machine: Reported) -> dict[str, Any]:
    """A spec's tree of a processor from what its system says."""
    cores, clock_hz = machine.cores, machine.clock_hz
    per_core = 2 * 2 * machine.lanes * clock_hz  # two fused multiply-add pipes, 2 flop each
    return {
        "name": "this-machine",
        "title": machine.processor,
        "vendor": machine.architecture,
        "family": "cpu",
        "generation": "host",
        "sources": {
            "system": {"kind": "measured", "title": "read from the operating system (/proc/cpuinfo, /sys, sysconf)"},
            "lanes": {"kind": "derived", "title": f"cores x two FMA pipes x {machine.lanes} fp32 lanes (widest vector flag of /proc/cpuinfo) x clock"},
            "guess": {"kind": "assumed", "title": "not reported by the system; `roofscape calibrate` measures bandwidths, latencies stay assumed"},
        },
        "tiers": {
            "l2": _cache(cores * machine.private_cache_byte, cores * 64 * clock_hz, "4 ns"),
            "llc": _cache(machine.last_cache_byte, cores * 32 * clock_hz, "20 ns"),
            "ddr": {
                "kind": "DDR",
                "capacity": f"{machine.memory_byte} B @system",
                "bandwidth": f"{max(1, min(cores, 8)) * ASSUMED_CHANNEL_BYTE_PER_S / 1e9:.6g} GB/s @guess",
                "latency": "90 ns @guess",
            },
        },
        "engines": {
            "cores": {
                "execution": "host",
                "beside": ["l2", "llc", "ddr"],
                "cores": f"{cores} @system",
                "clock": f"{clock_hz / 1e9:.6g} GHz @system",
                "vector": {"fp32": f"{cores * per_core / 1e9:.6g} GFLOP/s @lanes", "fp64": f"{cores * per_core / 2e9:.6g} GFLOP/s @lanes"},
            }
        },
    }


def _cache(byte: int, byte_per_s: float, latency: str) -> dict[str, str]:
    return {"kind": "SRAM", "capacity": f"{byte} B @system", "bandwidth": f"{byte_per_s / 1e9:.6g} GB/s @guess", "latency": f"{latency} @guess"}


def _cpuinfo(key: str) -> str:
    """The first value of a key in /proc/cpuinfo; empty where there is none."""
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.exists() else ""
    match = re.search(rf"^{re.escape(key)}\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _clock_hz() -> float:
    """Highest clock that the system reports; 2 GHz where it reports none."""
    limit = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    if limit.exists():
        return float(limit.read_text()) * 1e3
    return float(_cpuinfo("cpu MHz") or 2000) * 1e6


def _vector_lanes() -> int:
    """fp32 lanes of the widest vector instructions."""
    flags = f" {_cpuinfo('flags') or _cpuinfo('Features')} "
    return next((lanes for flag, lanes in (("avx512f", 16), ("avx2", 8), ("avx", 8), ("sve", 8), ("asimd", 4)) if f" {flag} " in flags), 4)


def _cache_byte(place: int, unknown: int) -> int:
    """Size of a core's cache: the last (-1) or the one before it (-2); `unknown` where the system does not say."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    sizes = sorted(int(t[:-1]) * units[t[-1]] for f in _CACHE.glob("index*/size") if (t := f.read_text().strip()) and t[-1] in units)
    return sizes[place] if len(sizes) >= -place else unknown


def _memory_byte() -> int:
    """Physical memory; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 * 2**30
