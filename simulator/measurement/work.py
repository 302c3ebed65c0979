"""A case made runnable: buffers of random data, and the call that is timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simulator.measurement.cases import Case

COLD_CACHES = 2.5  # copies together are this many times the last-level cache: of what was touched a round ago nothing is left there
MOST_COPIES = 256  # more would make the loop that turns them a part of what is measured
MOST_BYTE = 2.0**30  # of buffers


@dataclass(frozen=True, slots=True)
class Work:
    """How to run a case.

    Parameters
    ----------
    buffers : callable
        Makes one set of buffers, filled with random numbers: the arguments of `call`.
    call : callable
        Runs the kernel once on a set of buffers.
    byte : float
        Size of one set.
    """

    buffers: Callable[[], tuple[Any, ...]]
    call: Callable[..., object]
    byte: float


class Backend(Protocol):
    """A library that runs cases."""

    @property
    def name(self) -> str:
        """``numpy`` or ``torch``; rows carry it as `library`."""

    @property
    def cache_byte(self) -> float:
        """Last-level cache of the device."""

    def knows(self, case: Case) -> bool:
        """Whether it has a kernel for that operator and data type."""

    def work(self, case: Case) -> Work:
        """A case as buffers and a call."""

    def versions(self) -> dict[str, str]:
        """Of what it is made of, for the record."""


class RandomPool:
    """Normal random numbers, drawn once and copied from: drawing afresh for every copy would take longer than measuring.

    Parameters
    ----------
    seed : int
    """

    SIZE = 2**22 + 1009  # numbers; copies start at places that no power of two divides

    def __init__(self, seed: int = 0) -> None:
        self.numbers = np.random.default_rng(seed).standard_normal(self.SIZE, dtype=np.float32)
        self.place = 0

    def take(self, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A new array of numbers from the pool."""
        count = math.prod(shape)
        out = np.empty(count, np.float32)
        done = 0
        while done < count:
            part = self.numbers[self.place : self.place + count - done]
            out[done : done + len(part)] = part
            done += len(part)
            self.place = (self.place + len(part)) % self.SIZE
        return out.reshape(shape)


def copies_of(case: Case, work: Work, cache_byte: float) -> int:
    """Sets of buffers to take in turn: one where they shall stay in cache, else as many as exceed it (as far as memory and the loop allow)."""
    if case.warm:
        return 1
    wanted = math.ceil(COLD_CACHES * cache_byte / max(work.byte, 1.0))
    return max(1, min(wanted, MOST_COPIES, int(MOST_BYTE / max(work.byte, 1.0))))
