"""DRAM command by command: each activation, column, precharge and refresh at the earliest time that all limits allow.

A queue looks some requests ahead. Columns go in order, or row hits first (FR-FCFS); rows of other banks are opened and closed ahead
in both. One request may stand for the same column in all units of a rank: its activation is then several, spaced by tRRD and tFAW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.events.dram_timing import DramTiming

WINDOW = 4  # activations that tFAW counts
Command = tuple[float, int, int, int]  # time, kind, place in the queue, bank
COLUMN, ACTIVATE, PRECHARGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Request:
    """One column access."""

    bank: int
    row: int


@dataclass(frozen=True, slots=True)
class Controller:
    """How requests are served.

    Parameters
    ----------
    banks_a_group : int
        Neighbouring banks that share a bank group.
    openings, together : int
        Activations that open a row of a request, and units that each opens.
    interval_s : float
        Least time between columns beside tCCD: a power limit.
    ahead : int
        Requests that the queue sees.
    row_hits_first : bool
    refreshes : bool
    """

    banks_a_group: int = 1
    openings: int = 1
    together: int = 1
    interval_s: float = 0.0
    ahead: int = 16
    row_hits_first: bool = False
    refreshes: bool = True


@dataclass(frozen=True, slots=True)
class Played:
    """What a sequence of requests took."""

    time_s: float
    rows_opened: int
    refreshes: int


@dataclass(slots=True)
class _Bank:
    """What a bank allows next [s]."""

    row: int | None = None
    column: float = 0.0
    activate: float = 0.0
    precharge: float = 0.0


@dataclass(slots=True)
class _State:
    timing: DramTiming
    controller: Controller
    banks: list[_Bank]
    activations: list[float] = field(default_factory=list)
    last: tuple[float, int] | None = None  # last column: its time and bank
    next_refresh: float = 0.0
    rows_opened: int = 0
    refreshes: int = 0

    def column_at(self, bank: int) -> float:
        if self.last is None:
            return self.banks[bank].column
        time, other = self.last
        group = self.controller.banks_a_group
        gap = self.timing.ccd_l if other // group == bank // group else self.timing.ccd_s
        return max(self.banks[bank].column, time + max(gap, self.controller.interval_s))

    def activation_at(self, earliest: float) -> float:
        if self.activations:
            earliest = max(earliest, self.activations[-1] + self.timing.rrd)
        reach = WINDOW + 1 - min(self.controller.together, WINDOW)
        return max(earliest, self.activations[-reach] + self.timing.faw) if len(self.activations) >= reach else earliest

    def open(self, bank: int, row: int, at: float) -> None:
        for _ in range(self.controller.openings):
            at = self.activation_at(at)
            self.activations.extend([at] * min(self.controller.together, WINDOW))
        del self.activations[:-WINDOW]
        found = self.banks[bank]
        found.row, found.column, found.precharge = row, at + self.timing.rcd, at + self.timing.ras
        self.rows_opened += 1

    def read(self, bank: int, at: float) -> None:
        self.last = (at, bank)
        self.banks[bank].precharge = max(self.banks[bank].precharge, at + self.timing.rtp)

    def close(self, bank: int, at: float) -> None:
        self.banks[bank].row, self.banks[bank].activate = None, at + self.timing.rp

    def refresh(self) -> None:
        """All banks closed, refreshed, and free again."""
        closed = max([self.next_refresh, *(b.precharge for b in self.banks if b.row is not None)]) + self.timing.rp
        for bank in self.banks:
            bank.row, bank.activate = None, max(bank.activate, closed + self.timing.rfc)
        self.next_refresh += self.timing.refi
        self.refreshes += 1


def play(requests: Sequence[Request], timing: DramTiming, controller: Controller | None = None) -> Played:
    """Serve requests that are all there at the start.

    Returns
    -------
    Played
        The time from the first command to the last column.
    """
    controller = controller or Controller()
    banks = [_Bank() for _ in range(1 + max((r.bank for r in requests), default=0))]
    state = _State(timing, controller, banks, next_refresh=timing.refi)
    left, queue = iter(requests), [*requests[: controller.ahead]]
    for _ in queue:
        next(left)
    while queue:
        at, kind, place, bank = min(_commands(queue, state))
        if controller.refreshes and at >= state.next_refresh:
            state.refresh()
        elif kind == COLUMN:
            state.read(bank, at)
            queue.pop(place)
            queue.extend(r for r in [next(left, None)] if r is not None)
        elif kind == ACTIVATE:
            state.open(bank, queue[place].row, at)
        else:
            state.close(bank, at)
    return Played(state.last[0] if state.last else 0.0, state.rows_opened, state.refreshes)


def _commands(queue: Sequence[Request], state: _State) -> list[Command]:
    """The next command of each request that may have one: the oldest of a bank decides over its row."""
    found: list[Command] = []
    seen: set[int] = set()
    for place, request in enumerate(queue):
        bank = state.banks[request.bank]
        if bank.row == request.row:
            if place == 0 or state.controller.row_hits_first:
                found.append((state.column_at(request.bank), COLUMN, place, request.bank))
        elif request.bank not in seen:
            if bank.row is None:
                found.append((state.activation_at(bank.activate), ACTIVATE, place, request.bank))
            else:
                found.append((bank.precharge, PRECHARGE, place, request.bank))
        seen.add(request.bank)
    return found
