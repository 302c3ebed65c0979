"""What the sums behind a product read and write in main memory: by kernels on a ring, or by a memory that adds what arrives.

Each of `ranks` chips holds a product's partial sums in as many chunks. On a ring a chunk is summed on its way from chip to chip, and the sums are then
gathered the same way round. Kernels read what they send: the first time one copy, then their own and the one that arrived, and at last both again
to write the sum. A memory that adds needs none of that (Pati et al., T3, ASPLOS 2024): what arrives is added where it lies, one read a chunk sends it on,
and the product writes the first chunk straight to the next chip.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from magnitudes.arrays import Real, total
from workloads.operator import Contraction, Residency

LAST_SUM = 3.0  # chunks that the last sum of a kernel moves: two read, one written, behind the last arrival


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes of main memory that a product, the sums behind it and their gathering move on one chip.

    Parameters
    ----------
    product_read, product_write, sum_read, sum_write, gather_read, gather_write : Real
        Writes count what arrives from other chips; an addition in place counts as one write.
    """

    product_read: Real
    product_write: Real
    sum_read: Real
    sum_write: Real
    gather_read: Real
    gather_write: Real

    @property
    def byte(self) -> Real:
        """All of it."""
        return total(getattr(self, f.name) for f in fields(self))


def moved_by_kernels(product: Contraction, ranks: Real) -> Moved:
    """Traffic of a product, a reduce-scatter and an all-gather, one kernel after another on a ring of 2 or more.

    Parameters
    ----------
    product : Contraction
        Operands are read once, results written once.
    ranks : Real
    """
    read, chunk = _operands_byte(product), _chunk_byte(product, ranks)
    passed = (ranks - 1.0) * chunk
    return Moved(read, ranks * chunk, (2.0 * ranks - 1.0) * chunk, ranks * chunk, passed, passed)


def moved_by_memory(product: Contraction, ranks: Real) -> Moved:
    """The same where the product triggers what is sent and memories add what arrives."""
    read, chunk = _operands_byte(product), _chunk_byte(product, ranks)
    passed = (ranks - 1.0) * chunk
    return Moved(read, passed, (ranks - 2.0) * chunk, passed, passed, passed)


def last_sum_s(message_byte: Real, ranks: Real, memory_byte_per_s: Real) -> Real:
    """What the last sum of a kernel takes behind the last arrival, and a memory that adds does not [s]."""
    return LAST_SUM * message_byte / ranks / memory_byte_per_s


def _chunk_byte(product: Contraction, ranks: Real) -> Real:
    return product.byte_of(Residency.OUTPUT) / ranks


def _operands_byte(product: Contraction) -> Real:
    return product.byte - product.byte_of(Residency.OUTPUT)
