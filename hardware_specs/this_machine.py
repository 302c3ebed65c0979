"""The processor that this program runs on, as a spec read from the operating system.

Clock and caches come from the system's own report. What the system does not report is derived or assumed, and says so:
`roofscape calibrate` replaces those values by measured ones.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_CACHE = Path("/sys/devices/system/cpu/cpu0/cache")
ASSUMED_CHANNEL_BYTE_PER_S = 25.6e9  # one DDR4-3200 channel (JEDEC JESD79-4: 3200 MT/s x 8 B)


def this_machine_tree() -> dict[str, Any]:
    """A spec's tree of this machine, in the format of the catalogue's files."""
    cores, clock_hz = os.cpu_count() or 1, _clock_hz()
    lanes = _vector_lanes()
    per_core = 2 * 2 * lanes * clock_hz  # two fused multiply-add pipes, 2 flop each
    cache_byte = _last_cache_byte()
    return {
        "name": "this-machine",
        "title": _model_name(),
        "vendor": platform.machine() or "unknown",
        "family": "cpu",
        "generation": "host",
        "sources": {
            "system": {"kind": "measured", "title": "read from the operating system (/proc/cpuinfo, /sys, sysconf)"},
            "lanes": {"kind": "derived", "title": f"cores x two FMA pipes x {lanes} fp32 lanes (widest vector flag of /proc/cpuinfo) x clock"},
            "guess": {"kind": "assumed", "title": "not reported by the system; `roofscape calibrate` measures it"},
        },
        "tiers": {
            "llc": {
                "kind": "SRAM",
                "capacity": f"{cache_byte} B @system",
                "bandwidth": f"{cores * 32 * clock_hz / 1e9:.6g} GB/s @guess",
                "latency": "20 ns @guess",
            },
            "ddr": {
                "kind": "DDR",
                "capacity": f"{_memory_byte()} B @system",
                "bandwidth": f"{max(1, min(cores, 8)) * ASSUMED_CHANNEL_BYTE_PER_S / 1e9:.6g} GB/s @guess",
                "latency": "90 ns @guess",
            },
        },
        "engines": {
            "cores": {
                "execution": "host",
                "beside": ["llc", "ddr"],
                "cores": f"{cores} @system",
                "clock": f"{clock_hz / 1e9:.6g} GHz @system",
                "vector": {"fp32": f"{cores * per_core / 1e9:.6g} GFLOP/s @lanes", "fp64": f"{cores * per_core / 2e9:.6g} GFLOP/s @lanes"},
            }
        },
    }


def _cpuinfo(key: str) -> str:
    """The first value of a key in /proc/cpuinfo; empty where there is none."""
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.exists() else ""
    match = re.search(rf"^{re.escape(key)}\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _model_name() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine() or "this machine"


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


def _last_cache_byte() -> int:
    """Size of the last-level cache; 8 MiB where the system does not say."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    sizes = [text for f in sorted(_CACHE.glob("index*/size")) if (text := f.read_text().strip())]
    return max((int(s[:-1]) * units[s[-1]] for s in sizes if s[-1] in units), default=8 * 2**20)


def _memory_byte() -> int:
    """Physical memory; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 8 * 2**30
