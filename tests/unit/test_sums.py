"""Bytes that a product and its sums move: counted chunk by chunk on a ring that is played step by step, beside the closed form."""

from __future__ import annotations

from dataclasses import fields

import pytest

from magnitudes.arrays import as_float
from magnitudes.datatypes import data_type
from simulator.sums import Moved, last_sum_s, moved_by_kernels, moved_by_memory
from workloads.operator import Contraction

HALF = data_type("fp16")


def product(ranks: int) -> Contraction:
    return Contraction(name="p", m=64.0, n=32.0 * ranks, k=16.0, a=HALF, b=HALF, c=HALF)


def played(ranks: int, *, adds: bool) -> dict[str, float]:
    """Chunks that chip 0 reads and writes while every chip's partial sums go round the ring; all chips do alike."""
    moved = dict.fromkeys((f.name for f in fields(Moved)), 0)
    sums = [[{chip} for _ in range(ranks)] for chip in range(ranks)]  # whose parts each chunk holds, on each chip
    moved["product_write"] += ranks - 1 if adds else ranks  # the chunk that is sent first goes straight to the neighbour where memories add
    for step in range(ranks - 1):
        arriving = [sums[chip][(chip - step) % ranks] for chip in range(ranks)]
        for chip in range(ranks):
            neighbour, chunk = (chip + 1) % ranks, (chip - step) % ranks
            if chip == 0:
                arrived = step > 0  # of what is sent now, a part came from the chip before
                if not adds:
                    moved["sum_read"] += 2 if arrived else 1
                elif arrived:
                    moved["sum_read"] += 1
            if neighbour == 0:
                moved["sum_write"] += 1
            sums[neighbour][chunk] = sums[neighbour][chunk] | arriving[chip]
    if not adds:
        moved["sum_read"] += 2
        moved["sum_write"] += 1
    assert all(len(sums[chip][(chip + 1) % ranks]) == ranks for chip in range(ranks))  # each chip ends with one whole sum
    moved["gather_read"] = moved["gather_write"] = ranks - 1
    return {name: float(count) for name, count in moved.items()}


@pytest.mark.parametrize("ranks", [2, 3, 8, 16])
@pytest.mark.parametrize("adds", [False, True])
def test_counted_chunk_by_chunk(ranks: int, adds: bool) -> None:
    p = product(ranks)
    chunk = 64.0 * 32.0 * 2.0
    found = (moved_by_memory if adds else moved_by_kernels)(p, float(ranks))
    for name, count in played(ranks, adds=adds).items():
        if name != "product_read":
            assert as_float(getattr(found, name)) == count * chunk, name
    assert as_float(found.product_read) == 2.0 * (64.0 * 16.0 + 16.0 * 32.0 * ranks)
    assert as_float(found.byte) == sum(as_float(getattr(found, f.name)) for f in fields(found))


def test_a_memory_that_adds_moves_less() -> None:
    for ranks in (2.0, 8.0, 64.0):
        assert as_float(moved_by_memory(product(int(ranks)), ranks).byte) < as_float(moved_by_kernels(product(int(ranks)), ranks).byte)
    assert as_float(last_sum_s(8e6, 8.0, 1e12)) == 3e-6
