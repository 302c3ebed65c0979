"""The loop of the DRAM controller over plain arrays, so that a compiler can take it. Read `dram_controller` first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

OPEN, OPEN_ADAPTIVE, CLOSED, CLOSED_ADAPTIVE = 0, 1, 2, 3
FIFO, FR_FCFS_GRP = 0, 1
BANKWISE, READ_WRITE = 0, 1
IN_ORDER = 0
NO_REFRESH = 0
SIMPLE, REORDER = 0, 2
SEEN = 256  # requests that a reordering arbiter sees beyond the first that waits
BANKS = 8
WINDOW = 4  # activations that tFAW spans


def compiled() -> Callable[..., Any]:
    """The loop, compiled by numba where that is installed."""
    try:
        from numba import njit
    except ModuleNotFoundError:
        return play
    names = ("chosen_request", "buffer_of", "admitted")
    for name in names:
        found = globals()[name]
        if not hasattr(found, "py_func"):
            globals()[name] = njit(cache=True, nogil=True)(found)
    return njit(cache=True, nogil=True)(play)  # type: ignore[no-any-return]


def buffer_of(kind: int, bank: int, write: int) -> int:
    """The buffer that a request waits in."""
    if kind == BANKWISE:
        return bank
    return write if kind == READ_WRITE else 0


def admitted(
    arrival: Any, bank: Any, write: Any, kind: int, size: int, arbiter: int, state: Any, waiting: Any, filled: Any, now: float, most_active: int
) -> None:
    """Let requests that have arrived into their buffers, as the arbiter does.

    `state` holds the next request to look at, the number that wait inside, the number in flight, and one beyond the last admitted; `waiting` marks the requests
    inside a buffer (1), those passed over by a reordering arbiter (2), and the others (0).
    """
    requests = len(arrival)
    if arbiter == SIMPLE and state[1] > 0:  # one request at a time finds its way; the next when that is served
        return
    place = state[0]
    while place < requests and arrival[place] <= now and state[2] < most_active:
        if waiting[place] == 0:
            b = buffer_of(kind, bank[place], write[place])
            if filled[b] < size:
                waiting[place] = 1
                filled[b] += 1
                state[1] += 1
                state[2] += 1
                state[3] = max(state[3], place + 1)
                if arbiter == SIMPLE:
                    state[0] = place + 1
                    return
            elif arbiter != REORDER or place - state[0] > SEEN:
                break
        place += 1
    while state[0] < requests and waiting[state[0]] != 0:
        state[0] += 1


def chosen_request(first: int, last: int, waiting: Any, bank: Any, row: Any, write: Any, open_row: Any, scheduler: int, direction: int) -> int:
    """The request that is served next: the oldest, or a row hit before it, of the last direction first where these are grouped."""
    oldest, hit, grouped = -1, -1, -1
    for i in range(first, last):
        if waiting[i] != 1:
            continue
        if oldest < 0:
            oldest = i
            if scheduler == FIFO:
                return i
        if open_row[bank[i]] == row[i]:
            if hit < 0:
                hit = i
                if scheduler != FR_FCFS_GRP:
                    return i
            if write[i] == direction:
                grouped = i
                break
    if grouped >= 0:
        return grouped
    return hit if hit >= 0 else oldest


def play(arrival: Any, bank: Any, row: Any, write: Any, settings: Any, times: Any) -> Any:  # noqa: PLR0912, PLR0915 - one loop, for a compiler
    """Serve all requests; returns mean latency, end, time with a row open, activations, row hits and refreshes."""
    page, scheduler, kind, size, respond, refresh, most_postponed, most_pulled_in, arbiter, most_active = settings
    rcd, rp, ras, rc, rtp, wr, wtr, ccd, rrd, faw, rfc, refi, read_latency, write_latency, burst = times
    requests = len(arrival)
    open_row = np.full(BANKS, -1, dtype=np.int64)
    column_from, activate_from, precharge_from = np.zeros(BANKS), np.zeros(BANKS), np.zeros(BANKS)
    opened_at = np.zeros(BANKS)
    waiting = np.zeros(requests, dtype=np.int8)
    filled = np.zeros(BANKS, dtype=np.int64)
    state = np.zeros(4, dtype=np.int64)  # next to look at, waiting inside, in flight, one beyond the last admitted
    finish = np.full(requests, -1.0)
    response = np.zeros(requests)
    recent = np.full(WINDOW, -1.0)  # last activations, oldest first
    in_flight = np.zeros(requests)  # finish times of what was served, a ring kept in order of service
    released, served, last_served = 0, 0, 0
    now, last_column, bus_free, last_write_end = 0.0, -1.0, 0.0, -1.0
    direction = 0
    activations, hits, refreshes = 0, 0, 0
    open_s, open_count, open_since = 0.0, 0, 0.0
    next_refresh, debt, ahead = refi, 0, 0
    first = 0
    while served < requests:
        while released < served and in_flight[released] <= now:
            released += 1
            state[2] -= 1
        admitted(arrival, bank, write, kind, size, arbiter, state, waiting, filled, now, most_active)
        idle = state[1] == 0
        if refresh != NO_REFRESH:
            while next_refresh <= now:
                next_refresh += refi
                if ahead > 0:
                    ahead -= 1
                else:
                    debt += 1
            due = debt > 0 and (idle or debt > most_postponed)
            upcoming = arrival[state[0]] if state[0] < requests else now
            pulled = idle and debt == 0 and ahead < most_pulled_in and upcoming > now + rp + rfc and state[2] == 0
            if due or pulled:
                start = now
                for b in range(BANKS):
                    if open_row[b] >= 0:
                        start = max(start, precharge_from[b])
                if open_count > 0:
                    open_s += start - open_since
                    open_count = 0
                    start += rp
                for b in range(BANKS):
                    open_row[b] = -1
                    activate_from[b] = max(activate_from[b], start + rfc)
                refreshes += 1
                if due:
                    debt -= 1
                else:
                    ahead += 1
                now = max(now, start if due else start + rfc)
                continue
        if idle:
            soonest = np.inf
            if released < served and state[2] >= most_active:
                soonest = in_flight[released]
            elif state[0] < requests:
                soonest = arrival[state[0]]
                if state[2] >= most_active and released < served:
                    soonest = max(soonest, in_flight[released])
            if refresh != NO_REFRESH and debt == 0 and next_refresh > now:
                soonest = min(soonest, max(next_refresh, now))
                if released < served and ahead < most_pulled_in and in_flight[served - 1] > now:  # the pause begins when the last answer is out
                    soonest = min(soonest, in_flight[served - 1])
            now = max(soonest, np.nextafter(now, np.inf))
            continue
        i = chosen_request(first, state[3], waiting, bank, row, write, open_row, scheduler, direction)
        b = bank[i]
        if open_row[b] == row[i]:
            hits += 1
            column = max(column_from[b], now)
        else:
            if open_row[b] >= 0:
                closed = max(now, precharge_from[b])
                activate_from[b] = max(activate_from[b], closed + rp)
                open_row[b] = -1
                open_count -= 1
                if open_count == 0:
                    open_s += closed - open_since
            at = max(now, activate_from[b])
            if recent[WINDOW - 1] >= 0.0:
                at = max(at, recent[WINDOW - 1] + rrd)
            if recent[0] >= 0.0:
                at = max(at, recent[0] + faw)
            for k in range(WINDOW - 1):
                recent[k] = recent[k + 1]
            recent[WINDOW - 1] = at
            if open_count == 0:
                open_since = at
            open_count += 1
            open_row[b] = row[i]
            opened_at[b] = at
            column_from[b] = at + rcd
            precharge_from[b] = at + ras
            activate_from[b] = at + rc
            activations += 1
            column = at + rcd
        if last_column >= 0.0:
            column = max(column, last_column + ccd)
        latency = write_latency if write[i] == 1 else read_latency
        if write[i] == 0 and last_write_end >= 0.0:
            column = max(column, last_write_end + wtr)
        column = max(column, bus_free - latency)
        last_column = column
        done = column + latency + burst
        bus_free = done
        if write[i] == 1:
            last_write_end = done
            precharge_from[b] = max(precharge_from[b], done + wr)
        else:
            precharge_from[b] = max(precharge_from[b], column + rtp)
        direction = write[i]
        waiting[i] = 2
        filled[buffer_of(kind, b, write[i])] -= 1
        state[1] -= 1
        finish[i] = done
        in_flight[served] = done
        served += 1
        last_served = max(last_served, i)
        while first < requests and waiting[first] == 2:
            first += 1
        close = page == CLOSED
        if page in (OPEN_ADAPTIVE, CLOSED_ADAPTIVE):
            wanted, other = False, False
            for j in range(first, state[3]):
                if waiting[j] == 1 and bank[j] == b:
                    if row[j] == row[i]:
                        wanted = True
                        break
                    other = True
            close = not wanted and (page == CLOSED_ADAPTIVE or other)
        if close:
            closed = precharge_from[b]
            activate_from[b] = max(activate_from[b], closed + rp)
            open_row[b] = -1
            open_count -= 1
            if open_count == 0:
                open_s += closed - open_since
        now = max(now, column - rcd - rp)  # while this column waits for its row, rows of other banks are prepared
    end = 0.0
    latest = 0.0
    total = 0.0
    for i in range(requests):
        latest = max(latest, finish[i])
        response[i] = latest if respond == IN_ORDER else finish[i]
        total += response[i] - arrival[i]
        end = max(end, response[i])
    if open_count > 0:
        open_s += end - open_since
    return np.array([total / requests, end, min(open_s, end), float(activations), float(hits), float(refreshes)])
