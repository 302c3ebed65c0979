"""Traffic behind a buffer: the best of a set of loop orders and tile sides, found for all rows at once.

Of a product (m, k) by (k, n) the buffer may hold panels of one operand, so that the other streams past each of them, or a block of results,
so that slabs of both operands stream past it. The sides of the block are a power of two (or the whole) by the largest that fits. Only its
traffic depends on the side, as x + 1/x around the best: with powers of two the operands' traffic is within (sqrt 2 + 1 / sqrt 2) / 2 = 1.061 of the
best block's, rounding to whole blocks aside. Half of the buffer is for what is under way (double buffering).

The tiles that a larger buffer can hold include those of a smaller one: it never causes more traffic.
"""

from __future__ import annotations

from collections.abc import Iterator

from magnitudes.arrays import Real, ceil, floor, maximum, minimum, smallest, where
from simulator.spatial.product import Product

SIDES = tuple(2.0**i for i in range(1, 14))
ACCUMULATOR_BYTE = 4.0  # a partial sum: 32 bits on every array of the catalogue
SLAB = 1.0  # columns of k under way at least
NOWHERE = 1e30  # panels where not even one fits: a number, so that bounds over regions stay numbers


def traffic_byte(product: Product, capacity_byte: Real) -> Real:
    """Bytes that cross the boundary behind a buffer, at least the compulsory ones.

    Parameters
    ----------
    capacity_byte : Real
        Of the buffer.
    """
    moved = smallest(a * product.a_byte + b * product.b_byte for a, b in _times(product, capacity_byte))
    return moved + product.c_byte


def _times(product: Product, capacity_byte: Real) -> Iterator[tuple[Real, Real]]:
    """How often each operand is read, by each way to tile; infinite where it does not fit."""
    a = product.a_byte / (product.batch * product.m * product.k)  # an image's bytes, spread over its overlapping windows
    b = product.b_byte / (product.batch * product.n * product.k)
    half = capacity_byte / 2.0
    yield _panels(product.n, half / (product.k * b)), 1.0
    yield 1.0, _panels(product.m, half / (product.k * a))
    yield product.n, product.m  # one result at a time: what any buffer can do
    for side in (*SIDES, product.m):
        height = minimum(side, product.m)
        width = (half - SLAB * height * a) / (ACCUMULATOR_BYTE * height + SLAB * b)
        yield _panels(product.n, width), ceil(product.m / height)


def _panels(extent: Real, fitting: Real) -> Real:
    """Panels that an extent falls into, of which so much fits at once; infinitely many where nothing does."""
    return where(fitting >= 1.0, ceil(extent / maximum(floor(fitting), 1.0)), NOWHERE)
