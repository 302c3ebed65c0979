"""The closed command timeline against DRAM played command by command, on two hundred random streams of several refresh intervals.

Of shorter streams one whole refresh more or less, on the edge of an interval, may be over the limit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import as_float
from simulator.events.dram import Controller, Request, play
from simulator.events.dram_timing import GRADES, DramTiming, TimingError
from simulator.near_memory.timeline import refreshing_s, stream_s

CASES, LIMIT = 200, 0.05


def beside(timing: DramTiming, *, units: int, banks: int, row_columns: int, together: int, mac_s: float) -> NearMemoryEngine:
    """A rank whose units have so many banks each."""
    return NearMemoryEngine(
        name="u", beside=("m",), clock_hz=1e9, vector_flop_per_s={}, at="bank", banks=float(units * banks), units=float(units), row_byte=32.0 * row_columns,
        column_to_column_s=timing.ccd_l, mac_to_mac_s=mac_s, activate_s=timing.rcd, precharge_s=timing.rp, read_to_precharge_s=timing.rtp,
        activate_to_activate_s=timing.rrd, four_activate_s=timing.faw, banks_at_once=float(together), refresh_s=timing.rfc, refresh_interval_s=timing.refi,
    )  # fmt: skip


@pytest.mark.parametrize("row_hits_first", [False, True])
@pytest.mark.parametrize("seed", range(CASES // 2))
def test_closed_form_is_close(seed: int, row_hits_first: bool) -> None:
    rng = np.random.default_rng([seed, row_hits_first])
    timing = GRADES[str(rng.choice(list(GRADES)))]
    units, banks, columns, rows = int(rng.choice([1, 4, 16])), int(rng.choice([1, 2, 4])), int(rng.choice([16, 32, 64])), int(rng.integers(80, 120))
    together, mac_s = int(rng.choice([4, 16])), float(rng.uniform(0.5, 3.0)) * timing.ccd_l
    engine = beside(timing, units=units, banks=banks, row_columns=columns, together=together, mac_s=mac_s)
    busy_s = as_float(stream_s(float(rows * columns), float(rows), engine))
    closed = busy_s + as_float(refreshing_s(busy_s, engine, alone=True))
    requests = [Request(row % banks, row) for row in range(rows) for _ in range(columns)]
    controller = Controller(banks, max(1, -(-units // together)), together, mac_s, ahead=2 * columns, row_hits_first=row_hits_first)
    played = play(requests, timing, controller)
    assert closed == pytest.approx(played.time_s, rel=LIMIT), (timing.name, units, banks, columns, rows, together)


def test_one_row_by_hand() -> None:
    t = GRADES["HBM3"]
    assert play([Request(0, 0)] * 3, t).time_s == pytest.approx(t.rcd + 2 * t.ccd_l)
    two = play([Request(0, 0), Request(0, 1)], t)
    assert two.time_s == pytest.approx(max(t.ras, t.rcd + t.rtp) + t.rp + t.rcd) and two.rows_opened == 2
    assert play([Request(0, 0), Request(1, 0)], t).time_s == pytest.approx(max(t.rcd + t.ccd_s, t.rrd + t.rcd))


def test_five_activations_wait_for_their_window() -> None:
    t = GRADES["DDR4-3200"]
    assert play([Request(b, 0) for b in range(5)], t).time_s == pytest.approx(t.faw + t.rcd)


def test_a_refresh_falls_due_each_interval() -> None:
    t = GRADES["DDR4-3200"]
    requests = [Request(0, 0)] * 4000
    free = play(requests, t, Controller(refreshes=False)).time_s
    played = play(requests, t)
    assert played.refreshes == 2 and played.time_s == pytest.approx(free + 2 * (t.rp + t.rfc + t.rcd), rel=0.01)


def test_row_hits_first_opens_fewer_rows() -> None:
    t = GRADES["DDR4-3200"]
    mixed = [Request(0, n % 2) for n in range(64)]
    assert play(mixed, t, Controller(row_hits_first=True)).rows_opened < play(mixed, t).rows_opened == 64


@pytest.mark.parametrize(("field", "value", "says"), [("ccd_s", 9e-9, "ccd_l"), ("ras", 1e-9, "rcd"), ("rrd", 1e-6, "raise faw"), ("rfc", 1e-3, "refi")])
def test_timing_that_contradicts_itself_is_refused(field: str, value: float, says: str) -> None:
    with pytest.raises(TimingError, match=says):
        replace(GRADES["DDR5-4800"], **{field: value})  # type: ignore[arg-type]
