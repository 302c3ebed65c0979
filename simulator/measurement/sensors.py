"""Clock and power while kernels run, from what the system shows without a driver's tool: files below /sys and /proc.

A processor's packages count their energy (RAPL, on Intel and AMD alike), so that the mean power of a stretch is known; clocks are read at
its end. AMD's GPUs show both beside their device. Virtual machines often show neither: then a row has no such column.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

SYSTEM = Path("/")
POWERCAP = "sys/class/powercap"


def host_meter(root: Path = SYSTEM, now_s: Callable[[], float] = time.monotonic) -> Callable[[], dict[str, float]]:
    """Begin to watch the processor; the meter, asked at the end, tells ``clock_hz`` and ``power_w`` as far as they are known."""
    begin_s, begin = now_s(), _energy_uj(root)

    def read() -> dict[str, float]:
        clock_hz, spent = _clock_hz(root), _energy_uj(root)
        passed_s = now_s() - begin_s
        readings = {} if clock_hz is None else {"clock_hz": clock_hz}
        if begin and spent.keys() == begin.keys() and passed_s > 0.0:
            used_uj = sum((spent[name][0] - begin[name][0]) % (spent[name][1] or float("inf")) for name in begin)  # counters start anew
            readings["power_w"] = used_uj * 1e-6 / passed_s
        return readings

    return read


def amd_gpu(root: Path = SYSTEM) -> dict[str, float]:
    """``clock_hz`` and ``power_w`` of the first AMD GPU now, where its driver shows them."""
    readings: dict[str, float] = {}
    for folder in sorted(root.glob("sys/class/drm/card*/device/hwmon/hwmon*")):
        if _number(folder / "freq1_input") is None:
            continue
        readings["clock_hz"] = _number(folder / "freq1_input") or 0.0
        power_uw = next((p for p in (_number(folder / name) for name in ("power1_average", "power1_input")) if p is not None), None)
        return readings if power_uw is None else readings | {"power_w": power_uw * 1e-6}
    return readings


def _energy_uj(root: Path) -> dict[str, tuple[float, float]]:
    """Each package's counter of energy, and where it starts anew; those inside packages are theirs already."""
    found = {}
    for folder in sorted((root / POWERCAP).glob("intel-rapl:*")):
        energy = _number(folder / "energy_uj")
        if folder.name.count(":") == 1 and energy is not None:
            found[folder.name] = (energy, _number(folder / "max_energy_range_uj") or 0.0)
    return found


def _clock_hz(root: Path) -> float | None:
    """Mean clock of the cores: as their governor says, else as /proc/cpuinfo does."""
    clocks = [_number(f) for f in root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")]
    known = [khz * 1e3 for khz in clocks if khz is not None] or _listed_hz(root)
    return sum(known) / len(known) if known else None


def _listed_hz(root: Path) -> list[float]:
    try:
        lines = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return [float(line.partition(":")[2]) * 1e6 for line in lines if line.startswith("cpu MHz")]
    except (OSError, ValueError):
        return []


def _number(file: Path) -> float | None:
    """What a file says; None where it is not there, may not be read (counters of energy often are root's), or says no number."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return None
