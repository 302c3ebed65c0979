"""Traffic behind a buffer: by hand where everything or nothing fits, against an exhaustive search, and never more with a larger buffer."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest

from magnitudes.datatypes import DATA_TYPES
from simulator.spatial.product import Product
from simulator.spatial.tilings import ACCUMULATOR_BYTE, SIDES, traffic_byte

BF16 = DATA_TYPES["bf16"]


def product(m: float, n: float, k: float) -> Product:
    return Product(1.0, m, n, k, 2.0 * m * k, 2.0 * n * k, 2.0 * m * n, BF16)


def test_compulsory_where_an_operand_fits() -> None:
    own = product(1e6, 64.0, 512.0)  # weights of 64 KiB
    assert traffic_byte(own, 128 * 1024.0) == own.byte


def test_panels_of_what_half_the_buffer_holds() -> None:
    own = product(1e6, 4096.0, 8.0)
    # Half of 40 KiB holds 1280 columns of 16 bytes, so that activations come four times; blocks of so short sums would read weights too often.
    assert traffic_byte(own, 40 * 1024.0) == 4 * own.a_byte + own.b_byte + own.c_byte


def test_a_buffer_of_nothing_still_answers() -> None:
    own = product(3.0, 5.0, 7.0)
    assert traffic_byte(own, 1.0) == 5 * own.a_byte + 3 * own.b_byte + own.c_byte


@pytest.mark.parametrize("capacity", [2.0**12, 2.0**16, 2.0**20])
def test_near_the_best_of_all_blocks(capacity: float) -> None:
    """Every height of a block of results, and the widest that fits beside it: the powers of two come within 6.1 % and a rounding to whole blocks."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        m, n, k = (float(int(2.0 ** rng.uniform(8, 13))) for _ in range(3))
        own = product(m, n, k)
        best = np.inf
        for height in range(1, int(m) + 1):
            width = int((capacity / 2 - 2.0 * height) // (ACCUMULATOR_BYTE * height + 2.0))
            if width >= 1:
                best = min(best, ceil(n / width) * own.a_byte + ceil(m / height) * own.b_byte)
        height = (capacity / 2 / ACCUMULATOR_BYTE) ** 0.5
        rounding = 1.0 + height / m + height / n
        assert traffic_byte(own, capacity) - own.c_byte <= best * 1.061 * rounding * 1.05


def test_more_buffer_is_never_more_traffic_and_never_less_than_compulsory() -> None:
    rng = np.random.default_rng(5)
    m, n, k = (np.floor(2.0 ** rng.uniform(0.0, 14.0, (200, 1))) for _ in range(3))
    own = Product(1.0, m, n, k, 2.0 * m * k, 2.0 * n * k, 2.0 * m * n, BF16)  # type: ignore[arg-type]
    moved = traffic_byte(own, np.geomspace(1e2, 1e9, 300)[None, :])
    assert np.all(np.diff(moved, axis=1) <= 0.0)
    assert np.all(moved >= own.byte)


def test_sides_are_powers_of_two() -> None:
    assert np.all(np.diff(np.log2(SIDES)) == 1.0)
