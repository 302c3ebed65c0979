"""Kernels of Nsight Systems' CSV reports: ``cuda_gpu_kern_sum`` (a row a kernel) and ``cuda_gpu_trace`` (a row a call).

``nsys stats --format csv`` may write lines of its own before the header; times are nanoseconds unless another unit stands in the header.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from pathlib import Path

from simulator.validation.tidy import TableError
from simulator.validation.traces.launch import Launch

UNITS_US = {"ns": 1e-3, "us": 1.0, "usec": 1.0, "µs": 1.0, "nsec": 1e-3, "ms": 1e3, "msec": 1e3, "s": 1e6, "sec": 1e6}


def is_nsys(file: Path) -> bool:
    """Whether a CSV file is one of the two reports."""
    return _header(_lines(file)) is not None


def read_nsys(file: Path) -> list[Launch]:
    """Kernels: in the order in which they began where the report has it, else most time first.

    Raises
    ------
    TableError
        If it is neither report, or has no kernel.
    """
    lines = _lines(file)
    place = _header(lines)
    if place is None:
        raise TableError("no report of Nsight Systems: no header with 'Name' and 'Total Time' or 'Duration'")
    rows = csv.DictReader(lines[place:])
    found = [launch for row in rows if (launch := _launch(row)) is not None]
    if not found:
        raise TableError("a trace without kernels: no row has a name and a time above zero")
    return sorted(found, key=lambda launch: (launch.start_us is None, launch.start_us or 0.0, -launch.time_us))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror}") from error


def _header(lines: list[str]) -> int | None:
    """The line of the header."""
    for place, line in enumerate(lines):
        if re.search(r"(Total Time|Duration) ?\(", line) and re.search(r"\bName\b", line):
            return place
    return None


def _launch(row: Mapping[str | None, str | None]) -> Launch | None:
    """One row; None where it is no kernel or has no time."""
    named = {(key or "").split(" (")[0].strip(): (value, _scale(key or "")) for key, value in row.items()}
    name = (named.get("Name") or ("", 1.0))[0]
    total = named.get("Duration") or named.get("Total Time")
    if not name or total is None:
        return None
    time_us, start = _number(total[0]) * total[1], named.get("Start")
    if not (math.isfinite(time_us) and time_us > 0.0):
        return None
    if start is not None:
        return Launch(name.strip(), time_us, 1, _number(start[0]) * start[1])
    calls = _number((named.get("Instances") or ("1", 1.0))[0])
    return Launch(name.strip(), time_us, int(calls) if calls >= 1.0 else 1)


def _scale(column: str) -> float:
    """Microseconds of one, by the unit in a column's name."""
    unit = re.search(r"\((\w+)\)", column)
    return UNITS_US.get(unit[1], 1.0) if unit else 1e-3


def _number(text: object) -> float:
    try:
        return float(str(text).replace(",", "").strip())
    except ValueError:
        return math.nan
