"""The command timeline in closed form: columns, row switches, refresh.

- Columns follow each other at the bank's own pace (tCCD_L in a bank group, tCCD_S across them) or at what the power budget allows.
- A unit that owns one bank stands still while it changes rows: tRTP + tRP + tRCD, and one more spacing for each further activation where
  tFAW does not let all units open together. With several banks a unit reads one while another opens.
- Refresh takes all banks: each tREFI they are closed, refreshed for tRFC and opened again (JESD238, all-bank refresh).
"""

from __future__ import annotations

import numpy as np

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, ceil, floor, maximum, minimum
from simulator.machine import MachineError
from simulator.near_memory.layout import rank_units, row_columns, unit_banks

IN_GROUP = ("bank", "bank_group")  # units there see the long column cycle of their group
WINDOW = 4.0  # activations that tFAW counts


def short_s(engine: NearMemoryEngine) -> Real:
    """Column to column in different bank groups: the pace of the bus [s]."""
    return engine.column_to_column_s if engine.column_to_column_short_s is None else engine.column_to_column_short_s


def interval_s(engine: NearMemoryEngine) -> Real:
    """From one column of a unit to its next [s]."""
    own = engine.column_to_column_s if engine.at in IN_GROUP else short_s(engine)
    return maximum(own, engine.mac_to_mac_s)


def openings(engine: NearMemoryEngine) -> tuple[Real, Real]:
    """Activations that open a row for all units of a rank, and the least time between two [s]."""
    units = maximum(rank_units(engine), 1.0)
    together = units if engine.banks_at_once is None else engine.banks_at_once
    spacing_s = maximum(engine.activate_to_activate_s, engine.four_activate_s * minimum(together, WINDOW) / WINDOW)
    return ceil(units / together), spacing_s


def opening_s(engine: NearMemoryEngine) -> Real:
    """From the first activation of a row to the first column in all units [s]."""
    count, spacing_s = openings(engine)
    return engine.activate_s + (count - 1.0) * spacing_s


def switch_s(engine: NearMemoryEngine) -> Real:
    """From the last column of a row to the first of the next row of the same banks [s]."""
    return engine.read_to_precharge_s + engine.precharge_s + opening_s(engine)


def stream_s(columns: Real, rows: Real, engine: NearMemoryEngine) -> Real:
    """Columns of several rows, from banks that are all closed to the last column, without refresh [s]."""
    return opening_s(engine) + (columns - 1.0) * interval_s(engine) + (rows - 1.0) * exposed_s(engine)


def exposed_s(engine: NearMemoryEngine) -> Real:
    """What a change of rows adds to the columns of a row, in a steady stream [s].

    A bank is busy for a row's columns and its switch; `unit_banks` of them take turns. Nor may rows follow faster than activations do.
    """
    columns_s = row_columns(engine) * interval_s(engine)
    count, spacing_s = openings(engine)
    alone_s = maximum(switch_s(engine) - interval_s(engine), 0.0)
    turn_s = maximum((columns_s + alone_s) / unit_banks(engine), count * spacing_s)
    return maximum(turn_s - columns_s, 0.0)


def refresh_stall_s(engine: NearMemoryEngine) -> Real:
    """What one refresh takes from the units: closing, refreshing, opening again [s]."""
    return engine.precharge_s + engine.refresh_s + opening_s(engine)


def refreshing_s(busy_s: Real, engine: NearMemoryEngine, *, alone: bool) -> Real:
    """What refresh adds to `busy_s` of commands [s].

    Parameters
    ----------
    busy_s : Real
        Time of the commands without refresh.
    engine : NearMemoryEngine
    alone : bool
        True for a kernel that starts behind a refresh: whole refreshes fall due in it, the first after one interval. False inside a
        longer run: the mean.
    """
    if engine.refresh_interval_s is None:
        return 0.0 * busy_s
    stall_s = refresh_stall_s(engine)
    working_s = engine.refresh_interval_s - stall_s
    if alone:
        return maximum(floor((busy_s - stall_s) / working_s), 0.0) * stall_s
    return busy_s * stall_s / working_s


def check_timing(engine: NearMemoryEngine) -> None:
    """Refuse timing that contradicts itself.

    Raises
    ------
    MachineError
        Naming the fields and what to change.
    """
    short = engine.column_to_column_short_s
    if short is not None and _any_over(short, engine.column_to_column_s):
        raise MachineError(f"{engine.name}: column_to_column_short (tCCD_S) is over column_to_column (tCCD_L); it is the shorter of the two, or leave it out")
    if engine.refresh_interval_s is not None and _any_over(refresh_stall_s(engine), 0.999 * engine.refresh_interval_s):
        raise MachineError(
            f"{engine.name}: a refresh (precharge + refresh + activate) takes all of refresh_interval; raise that (tREFI) or lower refresh (tRFC)"
        )
    if _any_over(engine.activate_to_activate_s, engine.four_activate_s) and _any_over(engine.four_activate_s, 0.0):
        raise MachineError(f"{engine.name}: activate_to_activate (tRRD) is over four_activate (tFAW), which spans four of them; raise the latter")
    if _any_over(engine.column_byte, engine.row_byte):
        raise MachineError(f"{engine.name}: a column has more bytes than a row; lower column or raise row")
    rest = _rest(engine.row_byte, engine.column_byte)
    if rest is not None:
        row, column = rest
        whole = row // column
        near = [f"{column * count:.10g} B" for count in (whole, whole + 1.0) if count]
        raise MachineError(f"{engine.name}: a row of {row:.10g} B is no whole number of columns of {column:.10g} B; make row {' or '.join(near)}")


def _rest(row_byte: Real, column_byte: Real) -> tuple[float, float] | None:
    """The first row that its columns do not fill, and its column; None for formulas and regions, which are checked design by design."""
    if not isinstance(row_byte, float | int | np.ndarray) or not isinstance(column_byte, float | int | np.ndarray):
        return None
    rows, columns = np.broadcast_arrays(np.atleast_1d(row_byte), np.atleast_1d(column_byte))
    broken = np.mod(rows, columns) != 0.0
    return (float(rows[broken][0]), float(columns[broken][0])) if broken.any() else None


def _any_over(a: Real, b: Real) -> bool:
    """Whether `a` is over `b` on any row; False for formulas and regions, which are checked design by design."""
    over = a > b
    return bool(np.any(over)) if isinstance(over, bool | np.bool_ | np.ndarray) else False
