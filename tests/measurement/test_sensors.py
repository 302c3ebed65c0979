"""Clock and power read off the files of a system, here those of a made-up one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.measurement.sensors import amd_gpu, host_meter
from simulator.measurement.trace import OUTCOMES


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def rapl(root: Path, name: str, energy: int, most: int = 1_000_000) -> None:
    folder = root / "sys/class/powercap" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")


def clock_of(*times_s: float) -> Callable[[], float]:
    return iter(times_s).__next__


def test_power_is_the_energy_of_all_packages_over_the_time(tmp_path: Path) -> None:
    rapl(tmp_path, "intel-rapl:0", 900_000)
    rapl(tmp_path, "intel-rapl:1", 100)
    rapl(tmp_path, "intel-rapl:0:0", 5)  # the cores of package 0: counted there
    write(tmp_path, sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="3000000", sys__devices__system__cpu__cpu1__cpufreq__scaling_cur_freq="2000000")
    meter = host_meter(tmp_path, clock_of(10.0, 10.5))
    rapl(tmp_path, "intel-rapl:0", 100_000)  # started anew at 1 J: 0.2 J
    rapl(tmp_path, "intel-rapl:1", 50_100)
    rapl(tmp_path, "intel-rapl:0:0", 77)
    assert meter() == pytest.approx({"clock_hz": 2.5e9, "power_w": 0.25 / 0.5})


def test_a_clock_that_only_cpuinfo_tells(tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo="processor : 0\ncpu MHz\t\t: 2400.5\nprocessor : 1\ncpu MHz\t\t: 2600.5\n")
    assert host_meter(tmp_path)() == pytest.approx({"clock_hz": 2500.5e6})


def test_a_system_that_shows_nothing_has_no_readings(tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo="cpu MHz : unknown")
    assert host_meter(tmp_path)() == {} and amd_gpu(tmp_path) == {}


def test_an_amd_gpu_is_found_beside_a_display(tmp_path: Path) -> None:
    write(tmp_path, sys__class__drm__card0__device__hwmon__hwmon1__name="another")
    write(tmp_path, sys__class__drm__card1__device__hwmon__hwmon4__freq1_input="2100000000\n")
    assert amd_gpu(tmp_path) == {"clock_hz": 2.1e9}
    write(tmp_path, sys__class__drm__card1__device__hwmon__hwmon4__power1_input="710000000")
    assert amd_gpu(tmp_path) == pytest.approx({"clock_hz": 2.1e9, "power_w": 710.0})


def test_readings_are_no_part_of_a_rows_identity() -> None:
    assert {"clock_hz", "power_w"} <= set(OUTCOMES)
