"""What learners share: they run alone on one thread with generators of their own, and are watched until they have settled."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import torch

from explorers.environments.game import Score
from explorers.space.space import Places, Scores

PATIENCE = 12  # games without a new design, after which a policy has settled
WINDOW = 4096  # designs asked for last, by which it is told whether a policy still brings anything
LEAST_NEW = 0.25  # share of them that are new, below which it has settled too, for it repeats itself


@contextmanager
def alone() -> Iterator[None]:
    """One thread, and the global generators, which the library seeds, as they were before."""
    threads, states = torch.get_num_threads(), (random.getstate(), np.random.get_state())  # noqa: NPY002
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


@dataclass
class Watched:
    """Scores, how many calls in a row asked for nothing new, and how many designs of the last calls were new."""

    score: Score
    idle: int = 0
    seen: set[bytes] = field(default_factory=set)
    lately: deque[tuple[int, int]] = field(default_factory=deque)  # of each call: designs asked for, new ones among them
    asked: int = 0  # in these calls
    new: int = 0

    def begin(self) -> None:
        """A policy begins, whatever it took to set up."""
        self.idle = self.asked = self.new = 0
        self.lately.clear()

    def settled(self, patience: int) -> bool:
        """Whether the policy brings next to nothing new: so many calls without any, or few designs in many."""
        return self.idle >= patience or (self.asked >= WINDOW and self.new < LEAST_NEW * self.asked)

    def __call__(self, places: Places) -> Scores:
        before = len(self.seen)
        self.seen.update(row.tobytes() for row in np.ascontiguousarray(places))
        new = len(self.seen) - before
        self.idle = 0 if new else self.idle + 1
        self.lately.append((len(places), new))
        self.asked, self.new = self.asked + len(places), self.new + new
        while self.asked - self.lately[0][0] >= WINDOW:
            asked, found = self.lately.popleft()
            self.asked, self.new = self.asked - asked, self.new - found
        return self.score(places)


def policies(seed: int, score: Score) -> Iterator[tuple[int, Watched]]:
    """One policy after another for as long as `score` allows: the seed of each, and what it is to ask, which tells when it has settled."""
    watched = Watched(score)
    with alone():
        for attempt in count():
            yield seed_of(seed, attempt), watched


def seed_of(seed: int, attempt: int) -> int:
    """A seed for each policy of a run."""
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0] % 2**31)
