"""What formats of weights alone cost a multiprocessor: each tile of weights is widened to 16 bits by its vector units, beside the matrix units.

Each column of tiles is widened again for each row of tiles. While few rows multiply, it hides behind the weights' way from memory
(Marlin, arXiv 2408.11743: within 5 % of the ideal 3.87x up to 32 rows on an A10); where the matrix units are busy, both take turns at issuing
(the same: a tenth slower than 16-bit weights in prompts; QServe, arXiv 2405.04532: 20 to 90 % of a main loop goes into widening).
"""

from __future__ import annotations

from hardware_specs.schema import KernelEngine
from magnitudes.arrays import Real, minimum
from magnitudes.datatypes import AnyDataType, DataTypeChoice, by_format

# Logic and conversions of a multiprocessor a clock: 64 (CUDA C++ Programming Guide, arithmetic throughput, compute capability 7.x to 9.0).
LOGIC_PER_CLOCK = 64.0
# Kernels that widen have low tiles for the few rows of decoding, on every generation, so that a column of weights is loaded and widened once
# (Marlin's published kernel, marlin_cuda_kernel.cu, the instances at its end: 16 rows by 128 columns; 16, 32, 48 or 64 rows by 256).
LOW_TILES = ((16.0, 128.0), *((rows, 256.0) for rows in (16.0, 32.0, 48.0, 64.0)))


def widening_s(weights: AnyDataType, elements: Real, engine: KernelEngine) -> Real:
    """Time of one multiprocessor to widen so many weights [s]; nothing for formats that matrix units take as they are."""
    ops = by_format(weights, lambda o: o.widen_ops)
    if isinstance(ops, float) and ops == 0.0:
        return 0.0
    return ops * elements / (lanes(engine) * engine.clock_hz)


def lanes(engine: KernelEngine) -> Real:
    """Such instructions that a multiprocessor issues a clock: no more than it has lanes."""
    rate = engine.vector_flop_per_s.get("fp32")
    if rate is None:
        return LOGIC_PER_CLOCK
    return minimum(rate / (2.0 * engine.multiprocessors * engine.clock_hz), LOGIC_PER_CLOCK)


def is_widened(weights: AnyDataType) -> bool:
    """Whether weights (of all rows that may differ) have a format of weights alone, and kernels of its own."""
    return all(o.weight_only for o in (weights.options if isinstance(weights, DataTypeChoice) else (weights,)))
