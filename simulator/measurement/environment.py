"""What a measurement was made on: enough to repeat it, nothing that names the machine or its owner."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime

from hardware_specs.this_machine import Reported, reported
from magnitudes.errors import InputError

_MMAP_MOST, _TRIM_THRESHOLD = -4, -1  # parameters of glibc's mallopt


class MeasurementError(InputError):
    """A measurement that cannot be made, and what would help."""


def last_cache_byte() -> float:
    """Size of this processor's last-level cache."""
    return float(reported().last_cache_byte)


def reported_in(environment: Mapping[str, str]) -> Reported:
    """What the system of a trace said of its processor.

    Raises
    ------
    MeasurementError
        If the trace does not say it.
    """
    try:
        return Reported(**{f.name: {"str": str, "int": int, "float": float}[str(f.type)](environment[f.name]) for f in fields(Reported)})
    except (KeyError, ValueError) as error:
        raise MeasurementError(f"the trace does not say what its processor is ({error}); measure again") from error


def scheduling() -> str:
    """How the system schedules this process: a real-time policy keeps other programs out of the measurement."""
    if not hasattr(os, "sched_getscheduler"):  # pragma: no cover - not Linux
        return "unknown"
    names = {os.SCHED_OTHER: "other", os.SCHED_FIFO: "fifo", os.SCHED_RR: "round robin", os.SCHED_BATCH: "batch", os.SCHED_IDLE: "idle"}
    return names.get(os.sched_getscheduler(0), "unknown")


def host_environment() -> dict[str, str]:
    """Processor, caches, memory, system and date."""
    return {name: str(value) for name, value in asdict(reported()).items()} | {
        "system": f"{platform.system()} {platform.release().split('-')[0]}", "libc": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(), "scheduling": scheduling(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def keep_heap() -> bool:
    """Ask glibc to keep freed memory: else the system zeroes fresh pages in the middle of a kernel that returns a new array.

    Returns
    -------
    bool
        Whether it could be asked.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    import ctypes

    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_MMAP_MOST, 0)) and bool(libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1))


def sensor_text(fields: str) -> str:
    """What ``nvidia-smi`` says of the first device; empty where there is none."""
    command = ["nvidia-smi", "--id=0", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
