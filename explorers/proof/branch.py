"""Branch and bound: a region is cut into boxes, each bounded; those that cannot hold a better design go, small ones are tried whole."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorers.proof.boxes import bounds
from explorers.proof.incumbent import Incumbent
from explorers.proof.region import Region
from explorers.space.space import Places
from magnitudes.arrays import Column

BATCH = 2048  # boxes bounded together
LEAF = 512  # designs of a box that are tried one by one: about what bounding it once more would cost
WHOLE = 200_000  # designs of a region that are tried at once: a tenth of a second
TOGETHER = 1 << 19  # designs scored together


@dataclass(frozen=True, slots=True)
class Frontier:
    """Boxes that may still hold a better design.

    Parameters
    ----------
    first, last : Places, shape (boxes, axes)
        Least and largest rank of each free axis.
    bound : Column, shape (boxes,)
    cut : Places, shape (boxes,)
        The axis along which each will be cut.
    """

    first: Places
    last: Places
    bound: Column
    cut: Places

    def __len__(self) -> int:
        return len(self.bound)

    def rows(self, which: Any) -> Frontier:
        """Some of the boxes."""
        return Frontier(self.first[which], self.last[which], self.bound[which], self.cut[which])

    def joined(self, other: Frontier) -> Frontier:
        """These boxes and others."""
        return Frontier(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in ("first", "last", "bound", "cut")))


def prove(region: Region, incumbent: Incumbent, gap: float, until: float) -> float:
    """The least logarithm of the objective that a design of the region may have; infinite where all that matters was tried.

    Parameters
    ----------
    region : Region
    incumbent : Incumbent
        Offered every design that is tried.
    gap : float
        Boxes that cannot beat the incumbent by more than this, relative, are dropped.
    until : float
        `time.monotonic` at which to stop.
    """
    if region.size <= WHOLE:
        _try(region, _one(region), incumbent)
        return float("inf")
    whole = _one(region)
    frontier = _bounded(region, whole.first, whole.last, whole.bound)
    dropped = np.inf  # the least bound among boxes that were dropped although they may beat the incumbent within the gap
    while len(frontier) and time.monotonic() < until:
        limit = incumbent.log - np.log1p(gap)
        alive = frontier.bound < limit
        dropped = min(dropped, frontier.bound[~alive].min(initial=np.inf))
        frontier = frontier.rows(alive)
        small = _sizes(frontier.first, frontier.last) <= LEAF
        _try(region, frontier.rows(small), incumbent)
        frontier = frontier.rows(~small)
        if not len(frontier):
            break
        order = np.argsort(frontier.bound, kind="stable")
        taken, rest = frontier.rows(order[:BATCH]), frontier.rows(order[BATCH:])
        frontier = rest.joined(_halves(region, taken))
    return float(min(dropped, frontier.bound.min(initial=np.inf)))


def _one(region: Region) -> Frontier:
    """The region as one box."""
    axes = len(region.free)
    last = np.array([[len(v) - 1 for v in region.columns]], dtype=np.int64)
    return Frontier(np.zeros((1, axes), dtype=np.int64), last, np.array([-np.inf]), np.zeros(1, dtype=np.int64))


def _bounded(region: Region, first: Places, last: Places, parent: Column) -> Frontier:
    """Boxes with their bounds, no smaller than those of the boxes they were cut from."""
    found = bounds(region, first, last)
    spread = np.where(last > first, found.spread, -1.0)
    return Frontier(first, last, np.maximum(found.bound, parent), spread.argmax(axis=1))


def _halves(region: Region, boxes: Frontier) -> Frontier:
    """Each box cut in two along its axis; halves that can hold nothing are left out."""
    rows = np.arange(len(boxes))
    middle = (boxes.first[rows, boxes.cut] + boxes.last[rows, boxes.cut]) // 2
    lower_last, upper_first = boxes.last.copy(), boxes.first.copy()
    lower_last[rows, boxes.cut], upper_first[rows, boxes.cut] = middle, middle + 1
    first, last = np.concatenate([boxes.first, upper_first]), np.concatenate([lower_last, boxes.last])
    return _bounded(region, first, last, np.concatenate([boxes.bound, boxes.bound]))


def _sizes(first: Places, last: Places) -> Column:
    sizes: Column = np.prod((last - first + 1).astype(np.float64), axis=1)
    return sizes


def _try(region: Region, boxes: Frontier, incumbent: Incumbent) -> None:
    """Score every design of some boxes."""
    waiting, count = [], 0
    for first, last in zip(boxes.first, boxes.last, strict=True):
        shape = last - first + 1
        inner = np.stack(np.unravel_index(np.arange(int(shape.prod())), shape), axis=1) + first
        waiting.append(inner)
        count += len(inner)
        if count >= TOGETHER:
            incumbent.offer(region.places(np.concatenate(waiting)))
            waiting, count = [], 0
    if waiting:
        incumbent.offer(region.places(np.concatenate(waiting)))
